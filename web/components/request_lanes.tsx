/** Requests over time, a lane for each path, coloured by the class of their status. @module */
import type { VNode } from "preact";
import { type Lane, SELECTION } from "../data/lanes.ts";
import type { Stretch } from "../data/range.ts";
import ChartBrush from "../islands/ChartBrush.tsx";
import { TimeLabels } from "./chart_parts.tsx";
import { per } from "./chart_scale.ts";
import { count, zoneLabel } from "./format.ts";
import { usePage } from "./page_view.ts";
import { hostileText } from "./text.tsx";

const ROW = 22;
const LABELS = 22;
/** Slots of x; marks of a lane that share one and a status are one mark. */
const SLOTS = 400;

/** Words for a class of status. */
export const STATUS_WORDS: Readonly<Record<number, string>> = {
  0: "handshake only",
  1: "1xx",
  2: "2xx",
  3: "3xx",
  4: "4xx",
  5: "5xx",
};

/** The lanes between two instants. */
export function RequestLanes(
  { lanes, fromMs, toMs, selection }: {
    lanes: readonly Lane[];
    fromMs: number;
    toMs: number;
    /** What the table below shows. */
    selection?: Stretch;
  },
): VNode {
  const { zone } = usePage();
  const span = Math.max(1000, toMs - fromMs);
  const height = lanes.length * ROW + LABELS;
  const total = lanes.reduce((sum, lane) => sum + lane.marks.length, 0);
  return (
    <div class="lanes">
      <ul class="lane-names" aria-hidden="true">
        {lanes.map((lane) => (
          <li key={lane.label} title={hostileText(lane.label, 400)}>
            <bdi>{hostileText(lane.label, 30)}</bdi>
          </li>
        ))}
      </ul>
      <div class="chart-stage">
        <svg
          class="chart-plot"
          width="100%"
          height={height}
          role="img"
          aria-label={`${count(total)} requests by path: ${
            lanes.map((lane) =>
              `${hostileText(lane.label, 60)} ${count(lane.marks.length)}`
            ).join(", ")
          }. Times in ${zoneLabel(zone)}.`}
        >
          {lanes.map((lane, index) => {
            const y = index * ROW;
            const slots = new Set(lane.marks.map((mark) =>
              `${
                Math.round((mark.tsMs - fromMs) / span * SLOTS)
              } ${mark.statusClass}`
            ));
            return (
              <g key={lane.label}>
                <line
                  class="grid"
                  x1="0"
                  x2="100%"
                  y1={y + ROW / 2}
                  y2={y + ROW / 2}
                />
                {[...slots].sort(byStatus).map((slot) => {
                  const [at = "0", statusClass = "0"] = slot.split(" ");
                  return (
                    <rect
                      key={slot}
                      class={`status-${statusClass}xx`}
                      x={per(Number(at) / SLOTS * 0.992)}
                      width="2"
                      y={y + 5}
                      height={ROW - 10}
                    />
                  );
                })}
              </g>
            );
          })}
          {selection === undefined ? null : (
            <rect
              class="stretch"
              x={per(
                Math.max(0, (selection.from.getTime() - fromMs) / span * 0.992),
              )}
              width={per(
                (selection.to.getTime() - selection.from.getTime()) / span,
              )}
              y="0"
              height={lanes.length * ROW}
            />
          )}
          <TimeLabels
            fromMs={fromMs}
            toMs={fromMs + span}
            y={height - 6}
          />
        </svg>
        <ChartBrush
          fromMs={fromMs}
          stepMs={span / SLOTS}
          columns={SLOTS}
          zone={zone}
          names={SELECTION}
          label="Requests shown"
        />
      </div>
    </div>
  );
}

/** Errors are drawn last, so that nothing lies over them. */
function byStatus(a: string, b: string): number {
  return Number(a.split(" ")[1]) - Number(b.split(" ")[1]);
}
