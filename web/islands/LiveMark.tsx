import type { VNode } from "preact";
import { age } from "../components/format.ts";
import { useStaleness } from "../live_client.ts";

const CAUSES = {
  database: "The database does not answer",
  stream: "The dashboard does not answer",
};

/** Says beside numbers that they are live, or since when they stand still and why. */
export default function LiveMark(): VNode {
  const stale = useStaleness().value;
  return stale === undefined
    ? <span class="live-mark">live</span>
    : (
      <span class="live-mark is-bad" title={CAUSES[stale.cause]}>
        stale, {age(stale.seconds)}
      </span>
    );
}
