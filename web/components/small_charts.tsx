/** Charts that fit into a line: sparkline, little columns, bar of a share, and the histogram of scores. @module */
import type { VNode } from "preact";
import type { ScoreHistogram } from "../data/score_histogram.ts";
import { per } from "./chart_scale.ts";
import { count, figure, percent } from "./format.ts";
import { TableAlternative } from "./table_alternative.tsx";

/** A line of values from 0 to its own maximum. Decoration beside the number it belongs to. */
export function Sparkline(
  { values, tone = "quiet" }: {
    values: readonly number[];
    tone?: "quiet" | "bad";
  },
): VNode | null {
  if (values.length < 2) return null;
  const max = Math.max(...values);
  const points = values.map((value, index) =>
    `${index},${(21 - (max === 0 ? 0 : value / max * 20)).toFixed(1)}`
  ).join(" ");
  return (
    <svg
      class={`sparkline ${tone}`}
      viewBox={`0 0 ${values.length - 1} 22`}
      preserveAspectRatio="none"
      width="100%"
      height="22"
      aria-hidden="true"
    >
      <polyline points={points} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

/** Little columns: the course of one client's last hour. */
export function MiniColumns(
  { values, label }: { values: readonly number[]; label: string },
): VNode {
  const max = Math.max(1, ...values);
  const width = 60;
  const slot = width / Math.max(1, values.length);
  return (
    <svg
      class="mini-columns"
      width={width}
      height="18"
      role="img"
      aria-label={label}
    >
      {values.map((value, index) => {
        const high = value === 0 ? 0.5 : Math.max(2, value / max * 17);
        return (
          <rect
            key={index}
            x={(index * slot).toFixed(2)}
            width={(slot - 1).toFixed(2)}
            y={(18 - high).toFixed(2)}
            height={high.toFixed(2)}
            {...(value === 0 ? { class: "none" } : {})}
          />
        );
      })}
    </svg>
  );
}

/** A share of the widest line, and of it the anomalous part. */
export function ShareBar(
  { share, part = 0, label }: { share: number; part?: number; label: string },
): VNode {
  return (
    <svg class="share-bar" width="56" height="9" role="img" aria-label={label}>
      <rect class="track" width="56" height="9" rx="2" />
      <rect
        class="cls-human"
        width={(share * 56).toFixed(1)}
        height="9"
        rx="2"
      />
      {part > 0
        ? (
          <rect
            class="cls-anomalous"
            x={Math.max(0, share * 56 * (1 - part)).toFixed(1)}
            width={Math.max(1.5, share * 56 * part).toFixed(1)}
            height="9"
          />
        )
        : null}
    </svg>
  );
}

const PLOT = 150;
const LABELS = 22;
const TOP = 18;

/** Windows by score on a logarithmic scale, the alerts coloured, the threshold marked. */
export function ScoreChart(
  { histogram }: { histogram: ScoreHistogram },
): VNode {
  const { windows, alerts, threshold, total } = histogram;
  const max = Math.log10(1 + Math.max(1, ...windows));
  const high = (value: number): number => Math.log10(1 + value) / max * PLOT;
  const summary = `${count(total)} windows; ${
    count(alerts.reduce((sum, value) => sum + value, 0))
  } raised an alert${
    threshold === undefined ? "" : `, the lowest at ${threshold.toFixed(2)}`
  }.`;
  const height = TOP + PLOT + LABELS;
  const slot = 1 / windows.length;
  return (
    <figure class="chart">
      <svg
        class="chart-plot"
        width="100%"
        height={height}
        role="img"
        aria-label={`Distribution of scores. ${summary}`}
      >
        <title>Distribution of scores</title>
        <desc>{summary}</desc>
        <line class="base" x1="0" x2="100%" y1={TOP + PLOT} y2={TOP + PLOT} />
        {windows.map((value, index) => {
          if (value === 0) return null;
          const whole = high(value);
          const share = (alerts[index] ?? 0) / value;
          const bad = whole * share;
          const x = per((index + 0.08) * slot);
          const width = per(slot * 0.84);
          return (
            <g key={index}>
              <title>
                {`${figure(index * slot)} to ${figure((index + 1) * slot)}: ${
                  count(value)
                } windows, ${percent(share)} alerts`}
              </title>
              {share < 1
                ? (
                  <rect
                    class="cls-human"
                    x={x}
                    width={width}
                    y={(TOP + PLOT - whole + bad).toFixed(2)}
                    height={(whole - bad).toFixed(2)}
                  />
                )
                : null}
              {bad > 0
                ? (
                  <rect
                    class="cls-anomalous"
                    x={x}
                    width={width}
                    y={(TOP + PLOT - whole).toFixed(2)}
                    height={bad.toFixed(2)}
                  />
                )
                : null}
            </g>
          );
        })}
        {threshold === undefined ? null : (
          <>
            <line
              class="threshold"
              x1={per(threshold)}
              x2={per(threshold)}
              y1="14"
              y2={TOP + PLOT}
            />
            <text
              class="axis strong"
              x={per(threshold)}
              y="11"
              text-anchor={threshold > 0.6 ? "end" : "start"}
            >
              alerts from {threshold.toFixed(2)}
            </text>
          </>
        )}
        {[0, 0.25, 0.5, 0.75, 1].map((value) => (
          <text
            key={value}
            class="axis"
            x={per(value)}
            y={height - 6}
            text-anchor={value === 0 ? "start" : value === 1 ? "end" : "middle"}
          >
            {value}
          </text>
        ))}
      </svg>
      <TableAlternative
        caption="Windows by score"
        head={["Score from", "Windows", "Alerts"]}
        rows={windows.flatMap((value, index) =>
          value === 0
            ? []
            : [[figure(index * slot), count(value), count(alerts[index] ?? 0)]]
        )}
      />
    </figure>
  );
}
