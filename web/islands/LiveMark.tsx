import type { VNode } from "preact";
import { useLive } from "../live_client.ts";

/** Says beside numbers that they are live, or that they stand still because the database is away. */
export default function LiveMark(): VNode {
  const live = useLive();
  return live.value?.database === "down"
    ? <span class="live-mark is-bad">not live: no database</span>
    : <span class="live-mark">live</span>;
}
