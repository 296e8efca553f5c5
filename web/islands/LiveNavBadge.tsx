import type { VNode } from "preact";
import { useLive } from "../live_client.ts";

/** A mark at the end of a navigation entry: how many detections are open, or whether all is well. */
export default function LiveNavBadge(
  { kind }: { kind: "open_detections" | "pipeline" },
): VNode | null {
  const live = useLive().value;
  if (live === undefined) return null;
  if (kind === "open_detections") {
    return live.open_detections === 0 ? null : (
      <span class="nav-count">
        {live.open_detections}
        <span class="visually-hidden">open</span>
      </span>
    );
  }
  const up = live.database === "up";
  return (
    <span class={`nav-dot ${up ? "is-ok" : "is-bad"}`}>
      <span class="visually-hidden">
        {up ? "database answers" : "database does not answer"}
      </span>
    </span>
  );
}
