/**
 * What matches, as a file: written by ClickHouse and passed on as it comes, so that its size is no
 * matter of this process.
 *
 * - CSV is for spreadsheets: a text that one would read as a formula gets an apostrophe in front, and
 *   characters that are invisible or change the direction become U+FFFD.
 * - NDJSON and Parquet are for programs: values as they are.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import type { State } from "../utils.ts";
import type { ExploreColumn } from "./columns.ts";
import { csvCellSql } from "./csv.ts";

export const EXPORT_FORMATS = ["csv", "ndjson", "parquet"] as const;
export type ExportFormat = typeof EXPORT_FORMATS[number];

const NATIVE = {
  csv: "CSVWithNames",
  ndjson: "JSONEachRow",
  parquet: "Parquet",
} as const;

export const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8",
  ndjson: "application/x-ndjson",
  parquet: "application/vnd.apache.parquet",
};

/** Rows that a file may hold: for everybody, and for those who may ask in SQL. */
const ROWS_MAX = 10_000;
const ROWS_MAX_SQL = 1_000_000;
/** Milliseconds that an export may take. */
const TIMEOUT_MS = 300_000;

/** Rows that an export of this user may hold. */
export function exportMaxOf({ can }: Pick<State, "can">): number {
  return can("sql") ? ROWS_MAX_SQL : ROWS_MAX;
}

/** One column of a file. */
function cellSql(
  { id, kind, sql: value }: ExploreColumn,
  format: ExportFormat,
): Sql {
  const name = sql.trusted(`\`${id}\``);
  if (kind === "time") {
    return format === "parquet"
      ? sql`http_events.ts AS ${name}`
      : sql`formatDateTime(http_events.ts, '%Y-%m-%dT%H:%i:%s.%fZ', 'UTC') AS ${name}`;
  }
  if (kind === "number") return sql`${value} AS ${name}`;
  return format === "csv"
    ? sql`${csvCellSql(value)} AS ${name}`
    : sql`${value} AS ${name}`;
}

/** What to export. */
export interface ExportRequest {
  readonly where: Sql;
  readonly columns: readonly ExploreColumn[];
  readonly format: ExportFormat;
  /** Rows at most. */
  readonly max: number;
  readonly queryId: string;
}

/** The file, newest rows first. Cancelling the stream ends the statement. */
export function exportStream(
  db: Database,
  { where, columns, format, max, queryId }: ExportRequest,
): Promise<ReadableStream<Uint8Array>> {
  const cells = columns.map((column) => cellSql(column, format));
  return db.stream(
    sql`SELECT ${sql.join(cells, ", ")} FROM http_events WHERE ${where}
      ORDER BY http_events.ts DESC LIMIT ${max}`,
    NATIVE[format],
    {
      timeoutMs: TIMEOUT_MS,
      queryId,
      settings: {
        max_result_rows: 0,
        max_result_bytes: 0,
        max_rows_to_read: 0,
        max_memory_usage: 2_000_000_000,
        // A sort of a million wide rows would need more memory than it may have.
        max_bytes_before_external_sort: 500_000_000,
        output_format_json_quote_64bit_integers: 0,
        output_format_json_escape_forward_slashes: 0,
        output_format_parquet_string_as_string: 1,
      },
    },
  );
}
