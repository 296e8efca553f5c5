/** What the table of reasons draws: where a value lies among the usual ones, and what it contributes. @module */
import type { VNode } from "preact";
import type { Reason } from "../../lib/events.ts";
import { featureView } from "./features.ts";
import { signed } from "./format.ts";

const STRIP_WIDTH = 96;
const BAR_WIDTH = 84;

/** Percentiles 5 to 95 as a bar, the median as a tick, this client as a diamond. */
export function Strip({ reason }: { reason: Reason }): VNode {
  const { axis, format } = featureView(reason.feature);
  const value = axis(reason.value);
  const p5 = axis(reason.p5);
  const p50 = axis(reason.p50);
  const p95 = axis(reason.p95);
  const low = Math.min(p5, value);
  const high = Math.max(p95, value);
  const span = high - low;
  const inner = STRIP_WIDTH - 16;
  const x = (at: number): number =>
    8 + (span === 0 ? 0.5 : (at - low) / span) * inner;
  const unusual = reason.contribution > 0;
  const here = x(value);
  return (
    <svg
      class="strip"
      width={STRIP_WIDTH}
      height="16"
      role="img"
      aria-label={`${format(reason.value)} here; usually ${
        format(reason.p5)
      } to ${format(reason.p95)}`}
    >
      <line class="range" x1="8" x2={STRIP_WIDTH - 8} y1="8" y2="8" />
      <rect
        class="middle"
        x={(x(p5) - 1).toFixed(1)}
        width={Math.max(2, x(p95) - x(p5) + 2).toFixed(1)}
        y="5"
        height="6"
        rx="2"
      />
      <line class="median" x1={x(p50)} x2={x(p50)} y1="2" y2="14" />
      <path
        class={unusual ? "here unusual" : "here"}
        d={`M${here.toFixed(1)} 3l5 5-5 5-5-5z`}
      />
    </svg>
  );
}

/** A signed contribution: to the right of the line towards unusual, to the left towards usual. */
export function ContributionBar(
  { contribution, largest }: { contribution: number; largest: number },
): VNode {
  const zero = 16;
  const scale = largest === 0 ? 0 : Math.abs(contribution) / largest;
  const width = contribution >= 0
    ? scale * (BAR_WIDTH - zero - 2)
    : Math.min(zero - 2, scale * (BAR_WIDTH - zero - 2));
  return (
    <svg
      class="contribution"
      width={BAR_WIDTH}
      height="14"
      role="img"
      aria-label={signed(contribution)}
    >
      <line class="zero" x1={zero} x2={zero} y1="0" y2="14" />
      <rect
        class={contribution >= 0 ? "cls-anomalous" : "cls-human"}
        x={(contribution >= 0 ? zero + 1 : zero - 1 - width).toFixed(1)}
        width={Math.max(1, width).toFixed(1)}
        y="2"
        height="10"
        rx="2"
      />
    </svg>
  );
}
