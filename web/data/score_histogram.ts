/** How the scores of a range are distributed, and where an alert begins. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import { scoredIn } from "./ask.ts";
import type { TimeRange } from "./range.ts";

/** Bins of equal width from 0 to 1. */
export const BINS = 40;

/** Windows by score. */
export interface ScoreHistogram {
  /** Windows a bin, {@linkcode BINS} of them. */
  readonly windows: readonly number[];
  /** Of them, those that raised an alert. */
  readonly alerts: readonly number[];
  readonly total: number;
  /** Lowest score of an alert; undefined without one. */
  readonly threshold?: number;
}

/** {@linkcode ScoreHistogram} of the windows in `range`. */
export async function loadScoreHistogram(
  db: Database,
  range: TimeRange,
): Promise<ScoreHistogram> {
  const rows = await ask<
    { bin: number; windows: number; alerts: number; lowest: number }
  >(
    db,
    sql`SELECT least(${BINS - 1}, toUInt16(floor(score * ${BINS}))) AS bin,
        toFloat64(count()) AS windows, toFloat64(countIf(alert)) AS alerts,
        toFloat64(minIf(score, alert)) AS lowest
      FROM scores FINAL WHERE ${scoredIn(range.from, range.to)}
      GROUP BY bin ORDER BY bin`,
  );
  const windows = new Array<number>(BINS).fill(0);
  const alerts = new Array<number>(BINS).fill(0);
  for (const row of rows) {
    windows[row.bin] = row.windows;
    alerts[row.bin] = row.alerts;
  }
  const first = rows.find((row) => row.alerts > 0);
  return {
    windows,
    alerts,
    total: windows.reduce((sum, value) => sum + value, 0),
    ...(first === undefined ? {} : { threshold: first.lowest }),
  };
}
