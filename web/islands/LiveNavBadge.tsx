import type { VNode } from "preact";
import { useLive, useStaleness } from "../live_client.ts";

/** A mark at the end of a navigation entry: how many detections are open, or whether all is well. */
export default function LiveNavBadge(
  { kind }: { kind: "open_detections" | "pipeline" },
): VNode | null {
  const live = useLive().value;
  const stale = useStaleness().value;
  if (live === undefined) return null;
  if (kind === "open_detections") {
    return live.open_detections === 0 ? null : (
      <span class="nav-count">
        {live.open_detections}
        <span class="visually-hidden">open</span>
      </span>
    );
  }
  const up = stale === undefined;
  return (
    <span class={`nav-dot ${up ? "is-ok" : "is-bad"}`}>
      <span class="visually-hidden">
        {up
          ? "database answers"
          : stale.cause === "database"
          ? "database does not answer"
          : "dashboard does not answer"}
      </span>
    </span>
  );
}
