/** The figures of the strip on top of the Overview. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askOne } from "./ask.ts";
import type { TimeRange } from "./range.ts";

/** Fingerprints in a range. */
export interface FingerprintFigures {
  readonly seen: number;
  /** Of them, those not seen in the 30 days before the range. */
  readonly fresh: number;
  /** Distinct ones a column. */
  readonly byColumn: readonly number[];
}

/** Requests of the range of the same length just before, all sensors. */
export async function loadRequestsBefore(
  db: Database,
  range: TimeRange,
): Promise<number> {
  const length = range.to.getTime() - range.from.getTime();
  const row = await askOne<{ requests: number }>(
    db,
    sql`SELECT toFloat64(sum(events)) AS requests FROM requests_1m
      WHERE minute >= ${new Date(range.from.getTime() - length)}
        AND minute < ${range.from} AND match != 'tls_only'`,
  );
  return row?.requests ?? 0;
}

/** When the oldest data of the last day began, milliseconds since the epoch. */
export async function loadFirstData(
  db: Database,
  nowMs: number,
): Promise<number | undefined> {
  const row = await askOne<{ first: number; events: number }>(
    db,
    sql`SELECT toUnixTimestamp(min(minute)) AS first, toFloat64(count()) AS events
      FROM requests_1m WHERE minute >= ${new Date(nowMs - 86_400_000)}`,
  );
  return row === undefined || row.events === 0 ? undefined : row.first * 1000;
}

/** How far back a fingerprint must not have been seen to be new, milliseconds. */
const NEW_AFTER_MS = 30 * 86_400_000;

/** {@linkcode FingerprintFigures} of `range`. */
export async function loadFingerprintFigures(
  db: Database,
  range: TimeRange,
): Promise<FingerprintFigures> {
  const stepS = Math.max(range.stepS, 300);
  const start = new Date(
    Math.floor(range.from.getTime() / 300_000) * 300_000,
  );
  const rows = await ask<{ at: number; ja4s: number; fresh: number }>(
    db,
    // One line a column, and one at 0 for the whole range.
    sql`WITH
        seen AS (
          SELECT ja4, groupUniqArray(toUnixTimestamp(toStartOfInterval(bucket, toIntervalSecond(${stepS})))) AS slots
          FROM entity_5m WHERE bucket >= ${start} AND bucket < ${range.to} AND ja4 != '' GROUP BY ja4
        ),
        before AS (
          SELECT DISTINCT ja4 FROM clients_1h
          WHERE hour >= ${new Date(
      range.from.getTime() - NEW_AFTER_MS,
    )} AND hour < ${range.from} AND ja4 != ''
            AND first_seen < ${range.from}
        )
      SELECT toUInt32(arrayJoin(arrayPushBack(slots, 0))) AS at, toFloat64(count()) AS ja4s,
        toFloat64(countIf(ja4 NOT IN before)) AS fresh
      FROM seen GROUP BY at ORDER BY at`,
  );
  const whole = rows.find((row) => row.at === 0);
  return {
    seen: whole?.ja4s ?? 0,
    fresh: whole?.fresh ?? 0,
    byColumn: rows.filter((row) => row.at !== 0).map((row) => row.ja4s),
  };
}
