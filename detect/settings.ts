/**
 * What analysts set beside the configuration file: the price of a false alarm, and which rules
 * speak. The table `detector_settings` goes before detect.toml; a deleted row gives it back.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql, typed } from "../lib/sql.ts";
import { RULE_NAMES } from "./rules.ts";

/** Whether a rule speaks, is silent, or is only recorded. */
export type RuleMode = "on" | "off" | "simulate";

/** What the verdicts of a cycle depend on besides model and lists. */
export interface Settings {
  /** Share of people's windows that the model may show, 0..1. */
  readonly alarmRate: number;
  /** Clients a day that the model shall show; goes before `alarmRate`. */
  readonly alertsPerDay: number | undefined;
  /** Rules that are not simply on. */
  readonly rules: ReadonlyMap<string, RuleMode>;
}

/** Highest false-alarm rate that can be set. */
export const ALARM_RATE_MAX = 0.1;

/** The settings of the file, as changed by analysts. Rows that cannot be used are passed over. */
export async function readSettings(
  db: Database,
  file: Settings,
  signal?: AbortSignal,
): Promise<Settings> {
  const rows = await db.query<{ name: string; value: string }>(
    sql`SELECT name, value FROM detector_settings FINAL ORDER BY rev LIMIT 1000`,
    { signal },
  );
  return withRows(file, rows);
}

/** Applies rows of the table, the newest last. */
export function withRows(
  file: Settings,
  rows: readonly { name: string; value: string }[],
): Settings {
  let { alarmRate, alertsPerDay } = file;
  const rules = new Map(file.rules);
  for (const { name, value } of rows) {
    const number = Number(value);
    if (name === "alarm_rate" && number > 0 && number <= ALARM_RATE_MAX) {
      alarmRate = number;
      alertsPerDay = undefined;
    } else if (name === "alerts_per_day" && number >= 1) {
      alertsPerDay = number;
    } else if (
      name.startsWith("rule:") && RULE_NAMES.includes(name.slice(5)) &&
      (value === "on" || value === "off" || value === "simulate")
    ) {
      rules.set(name.slice(5), value);
    }
  }
  return { alarmRate, alertsPerDay, rules };
}

/**
 * The false-alarm rate at which the model would have shown so many clients in the day before `now`;
 * where less than a day is there, its share of them. `alarmRate` where nothing is scored yet.
 */
export async function rateFor(
  db: Database,
  settings: Settings,
  context: { now: UnixMicros; signal?: AbortSignal | undefined },
): Promise<number> {
  const { alarmRate, alertsPerDay } = settings;
  if (alertsPerDay === undefined) return alarmRate;
  const from = typed(Math.floor(context.now / 1e6) - 86_400, "UInt32");
  const to = typed(Math.floor(context.now / 1e6) + 60, "UInt32");
  const rows = await db.query<{ p: number; first: number }>(
    sql`
SELECT min(p_value) AS p, toUnixTimestamp(min(window_start)) AS first
FROM scores FINAL
WHERE window_start >= toDateTime(${from}, 'UTC') AND window_start < toDateTime(${to}, 'UTC')
  AND traffic_class != 'verified' AND model != ''
GROUP BY src_ip, ja4, http_host
ORDER BY p LIMIT 100000`,
    { signal: context.signal },
  );
  if (rows.length === 0) return alarmRate;
  const first = Math.min(...rows.map((row) => row.first));
  const share = Math.min(1, (context.now / 1e6 - first) / 86_400);
  return rateOfCount(rows.map(({ p }) => p), Math.max(1, alertsPerDay * share));
}

/** The rate below which `count` of the ascending p-values lie; ties at the smallest all count. */
export function rateOfCount(pValues: readonly number[], count: number): number {
  const least = pValues[0] as number;
  const next = pValues[Math.floor(count)] ?? ALARM_RATE_MAX;
  return Math.min(ALARM_RATE_MAX, next > least ? next : least * 1.01);
}
