/**
 * Requests over time by traffic class, from the five-minute counters (the raw events where a column is
 * shorter), coloured by the scores of the windows they fall in, and the usual volume beside them.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { ask, askOne, remember, scoredIn } from "./ask.ts";
import { type Entity, entitySql, scoredEntitySql } from "./entity.ts";
import { FOLDED_JA4 } from "./folds.ts";
import type { TimeRange } from "./range.ts";

/** In the order they are stacked, from the base line up. `unscored` = no window of it is scored (yet). */
export const TRAFFIC_CLASSES = [
  "unscored",
  "human",
  "verified",
  "likely",
  "anomalous",
] as const;
export type TrafficClass = typeof TRAFFIC_CLASSES[number];

/** Requests by class. */
export type ClassCounts = Readonly<Record<TrafficClass, number>>;

/** One column of the chart. */
export interface TrafficColumn {
  /** Start, milliseconds since the epoch. */
  readonly atMs: number;
  readonly counts: ClassCounts;
  readonly total: number;
  /** Median of the same time in earlier weeks, or of the day before; undefined without either. */
  readonly usual?: number;
}

/** The traffic of a range. */
export interface Traffic {
  readonly columns: readonly TrafficColumn[];
  readonly totals: ClassCounts;
  readonly requests: number;
  /** Share of the scored requests that are anomalous, 0..1. */
  readonly anomalousShare: number;
  /** What "usual" is taken from. */
  readonly usualFrom: "weeks" | "day" | "nothing";
}

/** Seconds of a bucket of entity_5m; columns shorter than this come from the raw events. */
const BUCKET_S = 300;
/** Length of the windows of `scores` where none says: the detector's default. */
const WINDOW_S = 3600;

/** {@linkcode Traffic} of `range`, of one entity where it is given. */
export async function loadTraffic(
  db: Database,
  range: TimeRange,
  entity?: Entity,
): Promise<Traffic> {
  const stepMs = range.stepS * 1000;
  const firstMs = Math.floor(range.from.getTime() / stepMs) * stepMs;
  const start = new Date(firstMs);
  const where = entity === undefined
    ? { seen: sql`1`, scored: sql`1`, raw: false }
    : {
      seen: entitySql(entity),
      scored: scoredEntitySql(entity),
      raw: entity.field === "ua",
    };
  const [classes, usual] = await Promise.all([
    loadClasses(db, range, start, where),
    entity === undefined
      ? remember(
        db,
        `usual ${firstMs} ${range.stepS} ${
          Math.floor(range.to.getTime() / stepMs)
        }`,
        USUAL_MS,
        () => loadUsual(db, range, start),
      )
      : { from: "nothing" as const, byColumn: new Map<number, number>() },
  ]);
  const byColumn = new Map<number, Record<TrafficClass, number>>();
  for (const row of classes) {
    const counts = byColumn.getOrInsertComputed(row.at * 1000, noCounts);
    counts[classOf(row.class)] += row.requests;
  }
  const columns: TrafficColumn[] = [];
  for (let atMs = firstMs; atMs < range.to.getTime(); atMs += stepMs) {
    const counts = byColumn.get(atMs) ?? noCounts();
    const expected = usual.byColumn.get(atMs);
    columns.push({
      atMs,
      counts,
      total: sumOf(counts),
      ...(expected === undefined ? {} : { usual: expected }),
    });
  }
  return { columns, usualFrom: usual.from, ...totalsOf(columns) };
}

function totalsOf(
  columns: readonly TrafficColumn[],
): Pick<Traffic, "totals" | "requests" | "anomalousShare"> {
  const totals = noCounts();
  for (const { counts } of columns) {
    for (const name of TRAFFIC_CLASSES) totals[name] += counts[name];
  }
  const requests = sumOf(totals);
  const scored = requests - totals.unscored;
  return {
    totals,
    requests,
    anomalousShare: scored === 0 ? 0 : totals.anomalous / scored,
  };
}

/** How requests are told which class they are of. */
interface ClassesWhere {
  readonly seen: Sql;
  readonly scored: Sql;
  /** The counters cannot tell: the requests are counted. */
  readonly raw: boolean;
}

/** Length of time over which requests and windows meet: a window may be longer or shorter than a slot, so the longer of the two. */
async function meetingS(
  db: Database,
  { from, to }: TimeRange,
  slotS: number,
): Promise<number> {
  const [first, last] = [from, to].map((at) =>
    Math.floor(at.getTime() / 3_600_000)
  );
  // The detector's windows have one length, until somebody configures another.
  const row = await remember(
    db,
    `windows ${first} ${last}`,
    WINDOW_MS,
    () =>
      askOne<{ longest: number }>(
        db,
        sql`SELECT max(window_s) AS longest FROM scores WHERE ${
          scoredIn(from, to)
        }`,
      ),
  );
  return Math.max(slotS, row?.longest || WINDOW_S);
}

/** How long the length of the windows of a range is good for, milliseconds. */
const WINDOW_MS = 60_000;

async function loadClasses(
  db: Database,
  range: TimeRange,
  start: Date,
  where: ClassesWhere,
): Promise<{ at: number; class: string; requests: number }[]> {
  const { stepS, to } = range;
  const raw = where.raw || stepS < BUCKET_S;
  const meet = await meetingS(db, range, raw ? stepS : BUCKET_S);
  // Requests are counted before they meet the windows; the counters have been.
  const source = raw
    ? sql`(
      SELECT toStartOfInterval(toDateTime(ts, 'UTC'), toIntervalSecond(${stepS})) AS slot,
        http_host, ja4, src_ip, toFloat64(count()) AS requests, max(bot_name) AS bot_name
      FROM http_events
      WHERE ts >= ${start} AND ts < ${to} AND match != 'tls_only' AND ${where.seen}
      GROUP BY slot, http_host, ja4, src_ip
    ) AS seen`
    : sql`(
      SELECT bucket AS slot, http_host, ja4, src_ip, requests, bot_name
      FROM entity_5m WHERE bucket >= ${start} AND bucket < ${to} AND ${where.seen}
    ) AS seen`;
  return await ask(
    db,
    sql`SELECT toUnixTimestamp(toStartOfInterval(slot, toIntervalSecond(${stepS}))) AS at,
      multiIf(scored.class != '', scored.class, bot_name != '', 'verified', 'unscored') AS class,
      toFloat64(sum(requests)) AS requests
    FROM ${source}
    LEFT JOIN (
      SELECT (intDiv(toUnixTimestamp(window_start), ${meet}), http_host, toString(ja4), src_ip) AS client,
        toString(argMax(traffic_class, score)) AS class
      FROM scores FINAL
      WHERE ${scoredIn(start, to)} AND ${where.scored}
      GROUP BY client
    ) AS scored
    ON (intDiv(toUnixTimestamp(slot), ${meet}), http_host, ${FOLDED_JA4}, src_ip) = scored.client
    GROUP BY at, class`,
  );
}

/** How long the past of a range is good for, milliseconds: it ended at least a day ago. */
const USUAL_MS = 60_000;

/**
 * Seconds back to the pasts of a range of `lengthS`: one to four weeks, and a day if the range is no longer.
 * The first of its columns, `stepS` wide, may begin before the range does.
 */
export function pastShifts(lengthS: number, stepS: number): number[] {
  const dayS = 86_400;
  const weeks = [7, 14, 21, 28].map((days) => days * dayS);
  return lengthS <= dayS + stepS ? [...weeks, dayS] : weeks;
}

/** Median of the same moment one to four weeks ago; of the day before where there is no week yet. */
async function loadUsual(
  db: Database,
  range: TimeRange,
  start: Date,
): Promise<{ from: Traffic["usualFrom"]; byColumn: Map<number, number> }> {
  const { stepS, to } = range;
  // Columns shorter than the minutes of requests_1m have no past to compare with.
  if (stepS < 60) return { from: "nothing", byColumn: new Map() };
  const dayS = 86_400;
  const shifts = pastShifts((to.getTime() - start.getTime()) / 1000, stepS);
  const inside = shifts.map((shiftS) =>
    sql`minute >= ${new Date(start.getTime() - shiftS * 1000)}
      AND minute < ${new Date(to.getTime() - shiftS * 1000)}`
  );
  const moved = shifts.map((shiftS, index) =>
    sql`if(${inside[index] ?? sql`0`}, toInt64(${shiftS}), 0)`
  );
  const rows = await ask<
    { at: number; week: number; day: number; weeks: number }
  >(
    db,
    sql`SELECT toUInt32(at) AS at, countIf(shift > ${dayS}) AS weeks,
        medianExactIf(requests, shift > ${dayS}) AS week,
        sumIf(requests, shift = ${dayS}) AS day
      FROM (
        SELECT arrayJoin(arrayFilter(one -> one > 0, [${
      sql.join(moved, ", ")
    }])) AS shift,
          toUnixTimestamp(toStartOfInterval(minute, toIntervalSecond(${stepS}))) + shift AS at,
          toFloat64(sum(events)) AS requests
        FROM requests_1m
        WHERE match != 'tls_only' AND ((${sql.join(inside, ") OR (")}))
        GROUP BY shift, at
      ) GROUP BY at ORDER BY at`,
  );
  const weekly = rows.some((row) => Number(row.weeks) > 0);
  const byColumn = new Map(
    rows.map((row) => [row.at * 1000, weekly ? row.week : row.day]),
  );
  return {
    from: rows.length === 0 ? "nothing" : weekly ? "weeks" : "day",
    byColumn,
  };
}

function noCounts(): Record<TrafficClass, number> {
  return { unscored: 0, human: 0, verified: 0, likely: 0, anomalous: 0 };
}

function sumOf(counts: ClassCounts): number {
  return TRAFFIC_CLASSES.reduce((sum, name) => sum + counts[name], 0);
}

function classOf(text: string): TrafficClass {
  return TRAFFIC_CLASSES.find((name) => name === text) ?? "unscored";
}
