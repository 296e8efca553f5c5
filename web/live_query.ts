import type { Database } from "../lib/clickhouse.ts";
import { parseIp } from "../lib/ip.ts";
import { printable } from "../lib/text.ts";
import { sql } from "../lib/sql.ts";
import {
  type LivePipelineEvent,
  type LiveRequest,
  type LiveSnapshot,
  PIPELINE_EVENTS_MAX,
  REQUESTS_MAX,
} from "./live.ts";

/** What {@linkcode askLive} reads; the hub adds when, and which in order. */
export type LiveNumbers = Omit<LiveSnapshot, "seq" | "ts" | "database">;

/**
 * Asks for the newest numbers. Cheap enough for twice a second: the parts of http_events whose
 * newest row is older than a minute are passed over by their range of `ts`, and everything older
 * comes from a rollup.
 *
 * @throws {DatabaseError}
 */
export async function askLive(db: Database): Promise<LiveNumbers> {
  const options = { timeoutMs: 5000 };
  const [minute, hour, open, requests, events] = await Promise.all([
    db.query<{ requests: number; handshakes: number }>(
      sql`
      SELECT
        toUInt32(countIf(match != 'tls_only')) AS requests,
        toUInt32(countIf(match = 'tls_only' OR (match IN ('conn', 'window') AND req_idx = 0))) AS handshakes
      FROM http_events WHERE ts > now64(6) - INTERVAL 60 SECOND`,
      options,
    ),
    db.query<{ correlated: number | null }>(
      sql`
      SELECT if(total = 0, NULL, matched / total) AS correlated
      FROM (
        SELECT
          sumIf(events, match IN ('conn', 'window')) AS matched,
          sumIf(events, match != 'tls_only') AS total
        FROM requests_1m WHERE minute > now() - INTERVAL 1 HOUR
      )`,
      options,
    ),
    db.query<{ open: number }>(
      sql`
      SELECT toUInt32(count()) AS open FROM detections_current WHERE state IN ('open', 'acknowledged')`,
      options,
    ),
    db.query<LiveRequest>(
      sql`
      SELECT
        toString(event_id) AS event_id, toFloat64(toUnixTimestamp64Micro(ts)) AS ts,
        toString(src_ip) AS src_ip, ja4, ja4_client, match, http_method,
        http_host, substring(url_path, 1, 200) AS url_path, status_code,
        substring(user_agent, 1, 200) AS user_agent
      FROM http_events
      WHERE http_events.ts > now64(6) - INTERVAL 60 SECOND AND match != 'tls_only'
      ORDER BY http_events.ts DESC LIMIT ${REQUESTS_MAX}`,
      options,
    ),
    db.query<LivePipelineEvent>(
      sql`
      SELECT toFloat64(toUnixTimestamp64Micro(pipeline_events.ts)) AS ts, component, event, detail
      FROM pipeline_events ORDER BY pipeline_events.ts DESC LIMIT ${PIPELINE_EVENTS_MAX}`,
      options,
    ),
  ]);
  return {
    requests_1m: minute[0]?.requests ?? 0,
    handshakes_1m: minute[0]?.handshakes ?? 0,
    correlated: hour[0]?.correlated ?? null,
    open_detections: open[0]?.open ?? 0,
    requests: requests.map((row) => ({
      ...row,
      src_ip: parseIp(row.src_ip) ?? row.src_ip,
      ja4: printable(row.ja4),
      http_method: printable(row.http_method),
      http_host: printable(row.http_host),
      url_path: printable(row.url_path),
      user_agent: printable(row.user_agent),
    })),
    pipeline_events: events.map((row) => ({
      ...row,
      detail: printable(row.detail),
    })),
  };
}
