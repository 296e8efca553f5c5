/**
 * Requests over time as stacked columns by class, the usual volume as a dashed line over them, and the
 * detections that began in each column below.
 *
 * The plot has no fixed width: x is in per cent, and the line lies in an inner svg that is stretched
 * without its stroke.
 *
 * @module
 */
import type { VNode } from "preact";
import type { DetectionColumn } from "../data/open_detections.ts";
import type { TimeRange } from "../data/range.ts";
import { withParams } from "../data/range.ts";
import { BY_WEIGHT } from "../data/severity.ts";
import {
  type Traffic,
  TRAFFIC_CLASSES,
  type TrafficClass,
  type TrafficColumn,
} from "../data/traffic.ts";
import ChartBrush from "../islands/ChartBrush.tsx";
import { FILL, Grid, TimeLabels, ValueAxis } from "./chart_parts.tsx";
import { per, ticksOf } from "./chart_scale.ts";
import {
  compact,
  count,
  dayClock,
  duration,
  hourMinute,
  zoneLabel,
} from "./format.ts";
import { usePage } from "./page_view.ts";
import { TableAlternative } from "./table_alternative.tsx";

const CLASS_WORDS: Readonly<Record<TrafficClass, string>> = {
  unscored: "Not scored yet",
  human: "Human",
  verified: "Verified bots",
  likely: "Likely automated",
  anomalous: "Anomalous",
};

/** Heights in pixels: room for the unit, columns, gap, lane of detections, labels. */
const TOP = 18;
const PLOT = 190;
const LANE_GAP = 18;
const LANE = 28;
const LABELS = 22;
const HEIGHT = TOP + PLOT + LANE_GAP + LANE + LABELS;

/** The legend with the total of each class, for the head of the card. */
export function TrafficLegend({ traffic }: { traffic: Traffic }): VNode {
  return (
    <ul class="legend">
      {TRAFFIC_CLASSES.toReversed().filter((name) => traffic.totals[name] > 0)
        .map((name) => (
          <li key={name}>
            <span class={`key cls-${name}`} />
            {CLASS_WORDS[name]} <b>{compact(traffic.totals[name])}</b>
          </li>
        ))}
      {traffic.usualFrom === "nothing" ? null : (
        <li>
          <svg class="key-line" width="20" height="8" aria-hidden="true">
            <line x1="0" y1="4" x2="20" y2="4" class="usual" />
          </svg>
          {traffic.usualFrom === "weeks" ? "usual" : "the day before"}
        </li>
      )}
    </ul>
  );
}

/** The chart. Without `detections` it has no lane for them. */
export function TrafficChart(
  { traffic, range, detections }: {
    traffic: Traffic;
    range: TimeRange;
    detections?: readonly DetectionColumn[];
  },
): VNode {
  const { url, zone } = usePage();
  const { columns } = traffic;
  const firstMs = columns[0]?.atMs ?? 0;
  const stepMs = range.stepS * 1000;
  const endMs = firstMs + columns.length * stepMs;
  const max = Math.max(
    1,
    ...columns.map((column) => Math.max(column.total, column.usual ?? 0)),
  );
  const ticks = ticksOf(max);
  const top = ticks.at(-1) ?? 1;
  const y = (value: number): number => TOP + PLOT - value / top * PLOT;
  const summary = `${
    count(traffic.requests)
  } requests in ${columns.length} columns of ${duration(range.stepS)}, ${
    count(traffic.totals.anomalous)
  } of them anomalous; at most ${
    count(Math.max(0, ...columns.map((column) => column.total)))
  } in one column.`;
  const height = detections === undefined ? TOP + PLOT + LABELS : HEIGHT;
  return (
    <figure class="chart">
      <div class="chart-body">
        <div class="chart-stage">
          <svg
            class="chart-plot"
            width="100%"
            height={height}
            role="img"
            aria-label={`Requests by traffic class. ${summary}`}
          >
            <title>Requests by traffic class</title>
            <desc>{summary}</desc>
            <text x="0" y="11" class="axis">
              Requests per {duration(range.stepS)}
            </text>
            <Grid ticks={ticks} y={y} />
            <ClassColumns columns={columns} top={top} />
            {columns.map((column, index) =>
              column.total === 0 ? null : (
                <rect
                  key={column.atMs}
                  class="column"
                  data-column={index}
                  x={per(index / columns.length)}
                  width={per(1 / columns.length)}
                  y={TOP}
                  height={PLOT}
                >
                  <title>{columnText(column, zone)}</title>
                </rect>
              )
            )}
            <UsualLine columns={columns} top={top} />
            {detections === undefined ? null : (
              <DetectionLane
                detections={detections}
                firstMs={firstMs}
                stepMs={stepMs}
                columns={columns.length}
              />
            )}
            <TimeLabels fromMs={firstMs} toMs={endMs} y={height - 6} />
          </svg>
          <ChartBrush
            fromMs={firstMs}
            stepMs={stepMs}
            columns={columns.length}
            zone={zone}
            names={["from", "to"]}
            label="Time range"
          />
        </div>
        <ValueAxis ticks={ticks} y={y} height={height} />
      </div>
      <TableAlternative
        caption={`Requests by traffic class, times in ${zoneLabel(zone)}`}
        head={[
          `From (${zoneLabel(zone)})`,
          "All",
          ...TRAFFIC_CLASSES.toReversed().map((name) => CLASS_WORDS[name]),
          "Usual",
        ]}
        rows={columns.filter((column) => column.total > 0).map((column) => [
          <a
            key="from"
            href={withParams(url, {
              from: new Date(column.atMs).toISOString(),
              to: new Date(column.atMs + stepMs).toISOString(),
            })}
          >
            {dayClock(column.atMs, zone)}
          </a>,
          count(column.total),
          ...TRAFFIC_CLASSES.toReversed().map((name) =>
            count(column.counts[name])
          ),
          column.usual === undefined ? "" : count(column.usual),
        ])}
      />
    </figure>
  );
}

/** `09:05 UTC: 120 requests, anomalous 20, human 100`. */
function columnText(column: TrafficColumn, zone: string): string {
  const parts = TRAFFIC_CLASSES.toReversed().filter((name) =>
    column.counts[name] > 0
  ).map((name) =>
    `${CLASS_WORDS[name].toLowerCase()} ${count(column.counts[name])}`
  );
  return `${hourMinute(column.atMs, zone)} ${zoneLabel(zone)}: ${
    [`${count(column.total)} requests`, ...parts].join(", ")
  }`;
}

/** The stacked columns: one path a class, a third of the bytes of a rectangle a class and column. */
function ClassColumns(
  { columns, top }: { columns: readonly TrafficColumn[]; top: number },
): VNode {
  const paths = new Map<TrafficClass, string>();
  columns.forEach((column, index) => {
    let y = PLOT;
    for (const name of TRAFFIC_CLASSES) {
      if (column.counts[name] === 0) continue;
      const high = column.counts[name] / top * PLOT;
      y -= high;
      // A hair of surface between the classes, so that they part without their colours too.
      const shown = Math.max(0.6, high - (high > 3 ? 1 : 0)).toFixed(1);
      const x = (index + (1 - FILL) / 2).toFixed(2);
      paths.set(
        name,
        `${paths.get(name) ?? ""}M${x} ${
          y.toFixed(1)
        }h${FILL}v${shown}h-${FILL}`,
      );
    }
  });
  return (
    <svg
      y={TOP}
      width="100%"
      height={PLOT}
      viewBox={`0 0 ${columns.length} ${PLOT}`}
      preserveAspectRatio="none"
    >
      {[...paths].map(([name, d]) => (
        <path key={name} class={`cls-${name}`} d={d} />
      ))}
    </svg>
  );
}

function UsualLine(
  { columns, top }: { columns: readonly TrafficColumn[]; top: number },
): VNode | null {
  const points = columns.flatMap((column, index) =>
    column.usual === undefined
      ? []
      : [`${index + 0.5},${(PLOT - column.usual / top * PLOT).toFixed(1)}`]
  );
  if (points.length < 2) return null;
  const line = points.join(" ");
  return (
    <svg
      x="0"
      y={TOP}
      width="100%"
      height={PLOT}
      viewBox={`0 0 ${columns.length} ${PLOT}`}
      preserveAspectRatio="none"
    >
      <polyline
        class="usual-halo"
        points={line}
        vector-effect="non-scaling-stroke"
      />
      <polyline
        class="usual"
        points={line}
        vector-effect="non-scaling-stroke"
      />
    </svg>
  );
}

function DetectionLane(
  { detections, firstMs, stepMs, columns }: {
    detections: readonly DetectionColumn[];
    firstMs: number;
    stepMs: number;
    columns: number;
  },
): VNode {
  const base = TOP + PLOT + LANE_GAP + LANE;
  const most = Math.max(
    4,
    ...detections.map(({ counts }) =>
      BY_WEIGHT.reduce((sum, one) => sum + counts[one], 0)
    ),
  );
  return (
    <g>
      <text x="0" y={TOP + PLOT + 13} class="axis">Detections</text>
      <line class="base" x1="0" x2="100%" y1={base} y2={base} />
      {detections.map(({ atMs, counts }) => {
        const slot = Math.floor((atMs - firstMs) / stepMs);
        if (slot < 0 || slot >= columns) return null;
        let below = 0;
        return (
          <g key={atMs}>
            <title>
              {BY_WEIGHT.filter((one) => counts[one] > 0)
                .map((one) => `${counts[one]} ${one}`).join(", ")}
            </title>
            {BY_WEIGHT.toReversed().filter((one) => counts[one] > 0).map(
              (one) => {
                const high = Math.max(3, counts[one] / most * LANE);
                below += high;
                return (
                  <rect
                    key={one}
                    class={`sev-${one}`}
                    x={per((slot + (1 - FILL) / 2) / columns)}
                    width={per(Math.max(FILL, columns / 160) / columns)}
                    y={Number((base - below).toFixed(2))}
                    height={Number((high - 0.6).toFixed(2))}
                  />
                );
              },
            )}
          </g>
        );
      })}
    </g>
  );
}
