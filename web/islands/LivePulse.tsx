import type { VNode } from "preact";
import { useLive, useStaleness } from "../live_client.ts";

/** The traffic of the last minute in one line. */
export default function LivePulse(): VNode {
  const live = useLive().value;
  const stale = useStaleness().value;
  if (live === undefined) return <span class="live-pulse" />;
  if (stale !== undefined) {
    return <span class="live-pulse is-bad">no live numbers</span>;
  }
  return (
    <span class="live-pulse" title="Requests that began in the last 60 seconds">
      <strong>{live.requests_1m}</strong> req/min
    </span>
  );
}
