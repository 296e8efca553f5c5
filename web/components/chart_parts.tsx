/** What the charts over time share: lines of the grid, labels of both axes. Positions along x are per cent. @module */
import type { VNode } from "preact";
import { per, timeTicks } from "./chart_scale.ts";
import { compact } from "./format.ts";
import { usePage } from "./page_view.ts";

/** Share of its slot that a column fills. */
export const FILL = 0.84;
/** Pixels beside the plot for the labels of its values. */
const AXIS_WIDTH = 44;

/** A line for each value, the base line told apart. */
export function Grid(
  { ticks, y }: { ticks: readonly number[]; y: (value: number) => number },
): VNode {
  return (
    <>
      {ticks.map((value) => (
        <line
          key={value}
          class={value === 0 ? "base" : "grid"}
          x1="0"
          x2="100%"
          y1={y(value)}
          y2={y(value)}
        />
      ))}
    </>
  );
}

/** Times along the lower edge; `y` is their base line. */
export function TimeLabels(
  { fromMs, toMs, y }: { fromMs: number; toMs: number; y: number },
): VNode {
  const { zone } = usePage();
  return (
    <>
      {timeTicks(fromMs, toMs, zone).map((tick) => (
        <text
          key={tick.at}
          class={tick.minor ? "axis tick-minor" : "axis"}
          x={per(tick.at)}
          y={y}
          text-anchor={tick.anchor}
        >
          {tick.text}
        </text>
      ))}
    </>
  );
}

/** Values along the right edge, in a picture of their own: it keeps its width. */
export function ValueAxis(
  { ticks, y, height }: {
    ticks: readonly number[];
    y: (value: number) => number;
    height: number;
  },
): VNode {
  return (
    <svg
      class="chart-axis"
      width={AXIS_WIDTH}
      height={height}
      aria-hidden="true"
    >
      {ticks.map((value) => (
        <text key={value} class="axis" x="8" y={y(value) + 4}>
          {compact(value)}
        </text>
      ))}
    </svg>
  );
}
