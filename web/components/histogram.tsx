/** Requests over time as columns stacked by the class of their status. @module */
import type { VNode } from "preact";
import type { Histogram } from "../data/explore.ts";
import { type TimeRange, withParams } from "../data/range.ts";
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

/** By the first digit of the status, in the order of the stack from the base line up. */
const CLASSES = [
  { at: 2, word: "2xx" },
  { at: 3, word: "3xx" },
  { at: 1, word: "1xx" },
  { at: 0, word: "no request" },
  { at: 4, word: "4xx" },
  { at: 5, word: "5xx" },
] as const;

const TOP = 16;
const PLOT = 190;
const LABELS = 20;

/** The classes there are, with their totals. */
export function HistogramLegend(
  { histogram }: { histogram: Histogram },
): VNode {
  return (
    <ul class="legend">
      {CLASSES.toReversed().flatMap(({ at, word }) => {
        const total = histogram.columns.reduce(
          (sum, column) => sum + (column.counts[at] ?? 0),
          0,
        );
        return total === 0 ? [] : [
          <li key={word}>
            <span class={`key status-${at}xx`} /> {word} <b>{compact(total)}</b>
          </li>,
        ];
      })}
    </ul>
  );
}

/** The chart; each column is a link to its time. */
export function HistogramChart(
  { histogram, range }: { histogram: Histogram; range: TimeRange },
): VNode {
  const { url, zone } = usePage();
  const { columns, total } = histogram;
  const stepMs = range.stepS * 1000;
  const firstMs = columns[0]?.atMs ?? 0;
  const endMs = firstMs + columns.length * stepMs;
  const ticks = ticksOf(
    Math.max(1, ...columns.map((column) => column.total)),
    3,
  );
  const top = ticks.at(-1) ?? 1;
  const y = (value: number): number => TOP + PLOT - value / top * PLOT;
  const height = TOP + PLOT + LABELS;
  const summary = `${count(total)} requests in ${columns.length} columns of ${
    duration(range.stepS)
  }.`;
  const hrefOf = (atMs: number): string =>
    withParams(url, {
      from: new Date(atMs).toISOString(),
      to: new Date(atMs + stepMs).toISOString(),
      after: "",
      run: "",
    });
  return (
    <figure class="chart">
      <div class="chart-body">
        <svg
          class="chart-plot"
          width="100%"
          height={height}
          role="img"
          aria-label={`Requests by status. ${summary}`}
          data-from={firstMs}
          data-to={endMs}
        >
          <title>Requests by status</title>
          <desc>{summary}</desc>
          <text x="0" y="10" class="axis">
            Requests per {duration(range.stepS)}
          </text>
          <Grid ticks={ticks} y={y} />
          {columns.map(({ atMs, counts, total: sum }, index) => {
            if (sum === 0) return null;
            let foot = TOP + PLOT;
            return (
              <g key={atMs}>
                <title>
                  {`${hourMinute(atMs, zone)} ${zoneLabel(zone)}: ${
                    count(sum)
                  } requests`}
                </title>
                {CLASSES.map(({ at, word }) => {
                  const high = (counts[at] ?? 0) / top * PLOT;
                  if (high === 0) return null;
                  foot -= high;
                  return (
                    <rect
                      key={word}
                      class={`status-${at}xx`}
                      x={per((index + (1 - FILL) / 2) / columns.length)}
                      width={per(FILL / columns.length)}
                      y={Number(foot.toFixed(1))}
                      height={Number(
                        Math.max(0.6, high - (high > 3 ? 1 : 0)).toFixed(1),
                      )}
                    />
                  );
                })}
              </g>
            );
          })}
          <TimeLabels fromMs={firstMs} toMs={endMs} y={height - 5} />
        </svg>
        <ValueAxis ticks={ticks} y={y} height={height} />
      </div>
      <TableAlternative
        caption={`Requests by status, times in ${zoneLabel(zone)}`}
        head={[
          `From (${zoneLabel(zone)})`,
          "All",
          ...CLASSES.map(({ word }) => word),
        ]}
        rows={columns.filter((column) => column.total > 0).map((column) => [
          <a key="from" href={hrefOf(column.atMs)}>
            {dayClock(column.atMs, zone)}
          </a>,
          count(column.total),
          ...CLASSES.map(({ at }) => count(column.counts[at] ?? 0)),
        ])}
      />
    </figure>
  );
}
