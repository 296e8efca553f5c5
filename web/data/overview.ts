/** The figures of the strip on top of the Overview. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askOne } from "./ask.ts";
import type { TimeRange } from "./range.ts";

/** Fingerprints in a range. */
export interface FingerprintFigures {
  readonly seen: number;
  /** Of them, those not seen before the range. */
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

/** {@linkcode FingerprintFigures} of `range`. */
export async function loadFingerprintFigures(
  db: Database,
  range: TimeRange,
): Promise<FingerprintFigures> {
  const stepS = Math.max(range.stepS, 300);
  const start = new Date(
    Math.floor(range.from.getTime() / 300_000) * 300_000,
  );
  const [columns, all] = await Promise.all([
    ask<{ ja4s: number }>(
      db,
      sql`SELECT toFloat64(uniqExact(ja4)) AS ja4s FROM entity_5m
        WHERE bucket >= ${start} AND bucket < ${range.to} AND ja4 != ''
        GROUP BY toStartOfInterval(bucket, toIntervalSecond(${stepS})) AS at ORDER BY at`,
    ),
    askOne<{ seen: number; fresh: number }>(
      db,
      sql`SELECT toFloat64(count()) AS seen, toFloat64(countIf(first_ts >= ${range.from})) AS fresh
        FROM (
          SELECT ja4, min(first_seen) AS first_ts, max(last_seen) AS last_ts FROM clients_1h
          WHERE ja4 != '' GROUP BY ja4
          HAVING last_ts >= ${range.from} AND first_ts < ${range.to}
        )`,
    ),
  ]);
  return {
    seen: all?.seen ?? 0,
    fresh: all?.fresh ?? 0,
    byColumn: columns.map((row) => row.ja4s),
  };
}
