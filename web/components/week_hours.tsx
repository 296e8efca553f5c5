import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import type { WeekHours } from "../data/entity.ts";
import { per } from "./chart_scale.ts";
import { count } from "./format.ts";
import { Empty, Panel } from "./panel.tsx";
import { TableAlternative } from "./table_alternative.tsx";

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const ROW = 16;
const LABELS = 18;
/** Shades; the eye tells no more apart. */
const SHADES = 5;

/** The card of {@linkcode WeekHoursChart}. */
export function WeekHoursPanel(
  { week, class: span }: { week: Loaded<WeekHours>; class: string },
): VNode {
  return (
    <Panel
      title="Hours of the week"
      note="UTC, 4 weeks"
      class={span}
      loaded={week}
    >
      {(value) =>
        value.counts.every((one) => one === 0)
          ? <Empty title="No request in the last 4 weeks" />
          : <WeekHoursChart week={value} />}
    </Panel>
  );
}

/** Requests by weekday and hour: a person sleeps, a script need not. */
export function WeekHoursChart({ week }: { week: WeekHours }): VNode {
  const { counts } = week;
  const max = Math.max(...counts);
  const total = counts.reduce((sum, value) => sum + value, 0);
  const busy = counts.filter((value) => value > 0).length;
  const summary = `${
    count(total)
  } requests in 4 weeks, in ${busy} of the 168 hours of the week.`;
  const slot = 1 / 24;
  return (
    <figure class="chart week-hours">
      <div class="week-body">
        <ol class="week-days" aria-hidden="true">
          {DAYS.map((day) => <li key={day}>{day}</li>)}
        </ol>
        <svg
          class="chart-plot"
          width="100%"
          height={7 * ROW + LABELS}
          role="img"
          aria-label={`Requests by hour of the week, UTC. ${summary}`}
        >
          <title>Requests by hour of the week, UTC</title>
          <desc>{summary}</desc>
          {counts.map((value, index) => {
            const shade = value === 0 || max === 0
              ? 0
              : 1 + Math.min(SHADES - 1, Math.floor(value / max * SHADES));
            return (
              <rect
                key={index}
                class={`shade-${shade}`}
                x={per(index % 24 * slot)}
                width={per(slot * 0.94)}
                y={Math.floor(index / 24) * ROW}
                height={ROW - 1.5}
                rx="1.5"
              />
            );
          })}
          {[0, 6, 12, 18].map((hour) => (
            <text
              key={hour}
              class="axis"
              x={per(hour * slot)}
              y={7 * ROW + 13}
            >
              {`${String(hour).padStart(2, "0")}:00`}
            </text>
          ))}
        </svg>
      </div>
      <TableAlternative
        caption="Requests by day of the week and hour, UTC"
        head={["Hour (UTC)", ...DAYS]}
        rows={Array.from({ length: 24 }, (_, hour) => [
          `${String(hour).padStart(2, "0")}:00`,
          ...DAYS.map((_day, day) => count(counts[day * 24 + hour] ?? 0)),
        ])}
      />
    </figure>
  );
}
