/** Requests as they were logged, newest first, for the pages of a detection and an address. @module */
import type { Match } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql, typed } from "../../lib/sql.ts";
import { literalSql } from "../query/literal.ts";
import { ask, askOne } from "./ask.ts";
import { foldsTo } from "./folds.ts";

/** One request, or a handshake that none followed (`match` tls_only). */
export interface RequestRow {
  readonly tsMs: number;
  readonly match: Match;
  readonly orphan_reason: string;
  readonly http_method: string;
  readonly http_host: string;
  readonly url_path: string;
  readonly url_query: string;
  readonly http_version: string;
  readonly status_code: number;
  readonly response_bytes: number;
  readonly user_agent: string;
  readonly ja4: string;
  /** Names of the request's headers, joined by commas. */
  readonly header_order: string;
}

/** Whose requests. */
export interface RequestFilter {
  readonly src_ip: string;
  /** As the detector knows the client: with it goes what resumes its sessions. */
  readonly ja4?: string;
  readonly http_host?: string;
  readonly from: Date;
  /** Inclusive. */
  readonly to: Date;
}

/** Most requests that lanes are drawn from. */
export const LANE_REQUESTS_MAX = 2000;

/** The newest requests that match, at most {@linkcode LANE_REQUESTS_MAX}, newest first. */
export async function loadRequests(
  db: Database,
  filter: RequestFilter,
  limit = LANE_REQUESTS_MAX,
): Promise<RequestRow[]> {
  return await ask<RequestRow>(
    db,
    sql`SELECT toFloat64(toUnixTimestamp64Micro(ts)) / 1000 AS tsMs, toString(match) AS match, orphan_reason,
        http_method, http_host, url_path, url_query, http_version, status_code,
        toFloat64(http_events.response_bytes) AS response_bytes, user_agent, ja4, header_order
      FROM http_events WHERE ${whereSql(filter)}
      ORDER BY ts DESC LIMIT ${limit}`,
  );
}

/** The statement that gives a client's requests between two instants, to be copied to a console. */
export function requestsSql(filter: RequestFilter): string {
  return literalSql(
    sql`SELECT ts, match, http_method, http_host, url_path, url_query, status_code, response_bytes, user_agent, ja4
FROM http_events
WHERE ${whereSql(filter)}
ORDER BY ts DESC`,
  );
}

/** How many requests that statement gives. */
export async function countRequests(
  db: Database,
  filter: RequestFilter,
): Promise<number> {
  const row = await askOne<{ n: number }>(
    db,
    sql`SELECT toFloat64(count()) AS n FROM http_events WHERE ${
      whereSql(filter)
    }`,
  );
  return row?.n ?? 0;
}

function whereSql(filter: RequestFilter): Sql {
  const parts = [
    sql`ts >= ${filter.from} AND ts <= ${filter.to}`,
    sql`src_ip = ${typed(filter.src_ip, "IPv6")}`,
  ];
  if (filter.ja4 !== undefined) parts.push(foldsTo(filter.ja4));
  if (filter.http_host !== undefined) {
    parts.push(sql`http_host = ${filter.http_host}`);
  }
  return sql.join(parts, " AND ");
}
