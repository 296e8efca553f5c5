/**
 * The Explorer's questions: rows page by page, requests over time, the most and least frequent values,
 * all under one query and within limits, each of them ended where nobody waits for it any more.
 *
 * The state is the URL's: `q` the query, `cols` the columns, `by` the field whose values are counted,
 * `order` top or rare, `after` where a page begins.
 *
 * @module
 */
import type { Database, QueryOptions } from "../../lib/clickhouse.ts";
import { type Sql, sql, typed } from "../../lib/sql.ts";
import type { Query } from "../query/ast.ts";
import { compileQuery, QueryError } from "../query/compile.ts";
import { formatQuery } from "../query/format.ts";
import { type Fault, parseQuery } from "../query/parse.ts";
import {
  columnNamed,
  COUNTED,
  DEFAULT_COLUMNS,
  type ExploreColumn,
} from "./columns.ts";
import type { TimeRange } from "./range.ts";

/** Rows of a page: 14 KB of HTML, compressed. */
export const PAGE_ROWS = 75;
/** Values counted. */
const VALUES_MAX = 15;
const COLUMNS_MAX = 16;

/** Seconds, rows and bytes that one question may cost. */
export const SEARCH_LIMITS = {
  max_execution_time: 10,
  max_rows_to_read: 500_000_000,
  read_overflow_mode: "throw",
  max_memory_usage: 2_000_000_000,
  max_result_rows: 100_000,
} as const;

/** The question of the URL, or what is wrong with its query. */
export interface ExploreState {
  /** As it was typed. */
  readonly text: string;
  readonly parsed:
    | { readonly ok: true; readonly query: Query; readonly where: Sql }
    | { readonly ok: false; readonly fault: Fault };
  readonly columns: readonly ExploreColumn[];
  readonly by: ExploreColumn;
  readonly order: "top" | "rare";
  readonly after: Cursor | undefined;
}

/** Where a page begins: behind this row. */
export interface Cursor {
  /** Microseconds since the epoch. */
  readonly ts: number;
  readonly event_id: string;
}

/** Reads the state of `url`. Names it does not know count as not given; an `after` of another query too. */
export function readExplore(
  url: URL,
  range: TimeRange,
  nowMs: number,
): ExploreState {
  const text = url.searchParams.get("q") ?? "";
  const { searchParams } = url;
  const by = searchParams.get("by") ?? "";
  const columns = (searchParams.get("cols") ?? "").split(",")
    .flatMap((id) => columnNamed(id) ?? []).slice(0, COLUMNS_MAX);
  return {
    text,
    parsed: compileText(text, range, nowMs),
    columns: columns.length > 0
      ? columns
      : DEFAULT_COLUMNS.flatMap((id) => columnNamed(id) ?? []),
    by: columnNamed(COUNTED.includes(by) ? by : "ja4") as ExploreColumn,
    order: searchParams.get("order") === "rare" ? "rare" : "top",
    after: readCursor(searchParams.get("after") ?? "", text),
  };
}

/** The condition of a query's text within a range, or what is wrong with it. */
export function compileText(
  text: string,
  range: { readonly from: Date; readonly to: Date },
  nowMs: number,
): ExploreState["parsed"] {
  const parsed = parseQuery(text);
  if (!parsed.ok) return parsed;
  try {
    const condition = compileQuery(parsed.query, "requests", { range, nowMs });
    const where =
      sql`http_events.ts >= ${range.from} AND http_events.ts < ${range.to} AND ${condition}`;
    return { ok: true, query: parsed.query, where };
  } catch (thrown) {
    if (!(thrown instanceof QueryError)) throw thrown;
    return {
      ok: false,
      fault: {
        message: thrown.message,
        at: 0,
        length: Math.max(1, text.length),
      },
    };
  }
}

/** A row of a page: values in the order of the columns. */
export interface ExploreRow {
  readonly cursor: Cursor;
  readonly values: readonly (string | number)[];
}

/** One page. */
export interface ExplorePage {
  readonly rows: readonly ExploreRow[];
  /** Where the next begins; undefined on the last. */
  readonly next: string | undefined;
}

/** How many match, counted no further than `most`. */
export async function countUpTo(
  db: Database,
  where: Sql,
  most: number,
  options: QueryOptions,
): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    sql`SELECT toFloat64(count()) AS n FROM (SELECT 1 FROM http_events WHERE ${where} LIMIT ${most})`,
    options,
  );
  return row?.n ?? 0;
}

/** Rows that match, newest first, from `after` on. */
export async function loadRows(
  db: Database,
  state: Pick<ExploreState, "columns" | "after" | "text"> & {
    readonly where: Sql;
  },
  options: QueryOptions,
  limit = PAGE_ROWS,
): Promise<ExplorePage> {
  const rows = await db.query<Record<string, string | number>>(
    rowsSql(state, limit + 1),
    options,
  );
  const page = rows.slice(0, limit).map((row): ExploreRow => ({
    cursor: { ts: Number(row["ts"]), event_id: String(row["id"]) },
    values: state.columns.map((_, index) => row[`c${index}`] ?? ""),
  }));
  const last = page.at(-1);
  return {
    rows: page,
    next: rows.length > limit && last !== undefined
      ? writeCursor(last.cursor, state.text)
      : undefined,
  };
}

/** The statement behind a page of rows. */
export function rowsSql(
  { columns, after, where }: Pick<ExploreState, "columns" | "after"> & {
    readonly where: Sql;
  },
  limit: number,
): Sql {
  const cells = columns.map((column, index) =>
    sql`, ${column.sql} AS ${sql.trusted(`c${index}`)}`
  );
  const from = after === undefined
    ? sql``
    : sql` AND (http_events.ts, http_events.event_id) < (fromUnixTimestamp64Micro(${
      typed(after.ts, "Int64")
    }, 'UTC'), ${typed(after.event_id, "UUID")})`;
  return sql`SELECT toFloat64(toUnixTimestamp64Micro(http_events.ts)) AS ts, toString(http_events.event_id) AS id${
    sql.join(cells, "")
  }
    FROM http_events WHERE ${where}${from}
    ORDER BY http_events.ts DESC, http_events.event_id DESC LIMIT ${limit}`;
}

/** Requests in one column of the chart, by class of their status: 0 is a handshake without request. */
export interface HistogramColumn {
  readonly atMs: number;
  readonly counts: readonly number[];
  readonly total: number;
}

/** {@linkcode HistogramColumn}s of a range. */
export interface Histogram {
  readonly columns: readonly HistogramColumn[];
  readonly total: number;
}

/** How many match over time. */
export async function loadHistogram(
  db: Database,
  where: Sql,
  range: TimeRange,
  options: QueryOptions,
): Promise<Histogram> {
  const rows = await db.query<{ at: number; status: number; events: number }>(
    sql`SELECT toUnixTimestamp(toStartOfInterval(toDateTime(http_events.ts, 'UTC'), toIntervalSecond(${range.stepS}))) AS at,
        toUInt8(least(5, intDiv(http_events.status_code, 100))) AS status, toFloat64(count()) AS events
      FROM http_events WHERE ${where} GROUP BY at, status`,
    options,
  );
  const stepMs = range.stepS * 1000;
  const firstMs = Math.floor(range.from.getTime() / stepMs) * stepMs;
  const byColumn = new Map<number, number[]>();
  for (const { at, status, events } of rows) {
    const counts = byColumn.getOrInsertComputed(
      at * 1000,
      () => [0, 0, 0, 0, 0, 0],
    );
    counts[status] = (counts[status] ?? 0) + events;
  }
  const columns: HistogramColumn[] = [];
  for (let atMs = firstMs; atMs < range.to.getTime(); atMs += stepMs) {
    const counts = byColumn.get(atMs) ?? [0, 0, 0, 0, 0, 0];
    columns.push({ atMs, counts, total: counts.reduce((a, b) => a + b, 0) });
  }
  return {
    columns,
    total: columns.reduce((sum, column) => sum + column.total, 0),
  };
}

/** How often a value occurs. */
export interface ValueCount {
  readonly value: string;
  readonly events: number;
  readonly addresses: number;
  /** Values there are at all; the same in each row. */
  readonly distinct: number;
}

/** The most, or least, frequent values of a field among what matches. */
export function loadValues(
  db: Database,
  { by, order, where }: Pick<ExploreState, "by" | "order"> & {
    readonly where: Sql;
  },
  options: QueryOptions,
): Promise<ValueCount[]> {
  const direction = order === "top" ? sql`DESC` : sql`ASC`;
  return db.query<ValueCount>(
    sql`SELECT toString(${by.sql}) AS value, toFloat64(count()) AS events,
        toFloat64(uniq(http_events.src_ip)) AS addresses, toFloat64(count() OVER ()) AS distinct
      FROM http_events WHERE ${where} GROUP BY value
      ORDER BY events ${direction}, value LIMIT ${VALUES_MAX}`,
    options,
  );
}

/** `ts.event_id.check`, the last of which ties it to its query. */
export function writeCursor(cursor: Cursor, text: string): string {
  return `${cursor.ts.toString(36)}.${cursor.event_id.replaceAll("-", "")}.${
    checkOf(text)
  }`;
}

/** What {@linkcode writeCursor} wrote; undefined if it is none, or of another query. */
export function readCursor(text: string, query: string): Cursor | undefined {
  const match = /^([0-9a-z]{1,12})\.([0-9a-f]{32})\.([0-9a-z]{1,7})$/.exec(
    text,
  );
  if (match === null || match[3] !== checkOf(query)) return undefined;
  const ts = parseInt(match[1] ?? "", 36);
  if (!Number.isSafeInteger(ts)) return undefined;
  const hex = match[2] ?? "";
  return {
    ts,
    event_id: [0, 8, 12, 16, 20].map((at, index, all) =>
      hex.slice(at, all[index + 1] ?? 32)
    ).join("-"),
  };
}

/** FNV-1a of the query in one spelling: not a secret, only a sign of another question. */
function checkOf(text: string): string {
  const parsed = parseQuery(text);
  let hash = 0x811c9dc5;
  for (const char of parsed.ok ? formatQuery(parsed.query) : text) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash.toString(36);
}
