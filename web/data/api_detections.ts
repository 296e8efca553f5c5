/** Detections as the API lists them: newest first, by the query language, page by page. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { ask, askOne, ipText } from "./ask.ts";

/** A detection in a list. */
export interface ApiDetection {
  readonly id: string;
  readonly first_seen: string;
  readonly last_seen: string;
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly severity: string;
  readonly score: number;
  readonly title: string;
  readonly requests: number;
  readonly state: string;
  readonly verdict: string;
  readonly assignee: string;
  readonly campaign_id: string;
}

/** Where a page begins: behind this detection. */
export interface DetectionCursor {
  /** Milliseconds since the epoch. */
  readonly ms: number;
  readonly id: string;
}

/** Rows up to which a total is counted; of more it is only said that there are more. */
export const TOTAL_EXACT = 10_000;

/** At most `limit` detections; `next` where there are more, `total` how many match on every page. */
export async function loadApiDetections(
  db: Database,
  where: Sql,
  { limit, after }: { limit: number; after: DetectionCursor | undefined },
): Promise<
  {
    data: ApiDetection[];
    next: DetectionCursor | undefined;
    total: number;
    exact: boolean;
  }
> {
  const behind = after === undefined
    ? sql``
    : sql` AND (toUnixTimestamp64Milli(last_seen), id) < (${after.ms}, ${after.id})`;
  const most = TOTAL_EXACT + 1;
  const [rows, counted] = await Promise.all([
    ask<ApiDetection & { last_ms: number; first_ms: number }>(
      db,
      sql`SELECT id, toFloat64(toUnixTimestamp64Milli(first_seen)) AS first_ms,
        toFloat64(toUnixTimestamp64Milli(last_seen)) AS last_ms, toString(src_ip) AS src_ip,
        toString(ja4) AS ja4, toString(http_host) AS http_host, toString(severity) AS severity, round(toFloat64(score), 6) AS score, title,
        toFloat64(requests) AS requests, state, verdict, assignee, campaign_id
      FROM (SELECT * FROM detections_current WHERE ${where}${behind})
      ORDER BY last_ms DESC, id DESC LIMIT ${limit + 1}`,
    ),
    askOne<{ total: number }>(
      db,
      sql`SELECT toFloat64(count()) AS total
        FROM (SELECT 1 FROM detections_current WHERE ${where} LIMIT ${most})`,
    ),
  ]);
  const data = rows.slice(0, limit).map(({ first_ms, last_ms, ...row }) => ({
    ...row,
    first_seen: new Date(first_ms).toISOString(),
    last_seen: new Date(last_ms).toISOString(),
    src_ip: ipText(row.src_ip),
  }));
  const last = rows[limit - 1];
  return {
    data,
    total: Math.min(counted?.total ?? 0, TOTAL_EXACT),
    exact: (counted?.total ?? 0) <= TOTAL_EXACT,
    next: rows.length > limit && last !== undefined
      ? { ms: last.last_ms, id: last.id }
      : undefined,
  };
}

/**
 * The identifiers of all for which `where` holds and that had begun `by` a moment, at most `most`: what
 * somebody who looked at the list then could mean by "all".
 */
export async function loadMatching(
  db: Database,
  where: Sql,
  { by, most }: { by: Date; most: number },
): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    db,
    sql`SELECT id FROM detections_current
      WHERE ${where} AND first_seen <= ${by} LIMIT ${most}`,
  );
  return rows.map((row) => row.id);
}
