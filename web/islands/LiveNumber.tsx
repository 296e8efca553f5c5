import type { VNode } from "preact";
import { compact, percent } from "../components/format.ts";
import { useLive } from "../live_client.ts";

/** One number of the live stream; until the first arrives, what the server knew. */
export default function LiveNumber(
  { field, initial }: {
    field: "requests_1m" | "handshakes_1m" | "open_detections" | "correlated";
    /** null: nothing to divide by. */
    initial: number | null;
  },
): VNode {
  const live = useLive();
  const value = live.value === undefined ? initial : live.value[field];
  return (
    <span data-live={field}>
      {value === null
        ? "–"
        : field === "correlated"
        ? percent(value)
        : compact(value)}
    </span>
  );
}
