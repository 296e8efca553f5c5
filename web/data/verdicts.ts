import { type Sql, sql } from "../../lib/sql.ts";

/** Verdicts that one answer may hold. */
const VERDICTS_MAX = 1_000_000;

/** The detections that somebody judged, seen in a range, with what the detector thought of them. */
export function verdictsSql(
  { from, to }: { readonly from: Date; readonly to: Date },
): Sql {
  const time = (column: Sql): Sql =>
    sql`formatDateTime(${column}, '%Y-%m-%dT%H:%i:%s.%fZ', 'UTC')`;
  return sql`SELECT d.id AS id, toString(d.verdict) AS verdict, ${
    time(sql`d.first_seen`)
  } AS first_seen, ${time(sql`d.last_seen`)} AS last_seen,
      replaceOne(toString(d.src_ip), '::ffff:', '') AS src_ip, toString(d.ja4) AS ja4,
      toString(d.http_host) AS http_host, d.user_agent AS user_agent, toString(d.severity) AS severity,
      round(toFloat64(d.score), 6) AS score, toUInt32(d.requests) AS requests
    FROM detections_current AS d
    WHERE d.verdict != 'none' AND d.last_seen >= ${from} AND d.last_seen < ${to}
    ORDER BY d.last_seen DESC LIMIT ${VERDICTS_MAX}`;
}
