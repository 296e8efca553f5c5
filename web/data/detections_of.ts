/** Detections of something else than themselves: of an address, a network, a host, a user agent. @module */
import type { Severity } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { ask, ipText } from "./ask.ts";
import { severityOf } from "./severity.ts";

/** A detection in a list of a page about something else. */
export interface DetectionLine {
  readonly id: string;
  readonly severity: Severity;
  readonly score: number;
  readonly title: string;
  readonly src_ip: string;
  readonly http_host: string;
  readonly state: string;
  readonly lastSeenMs: number;
}

/** Lines of a list. */
const LINES = 8;

/** The newest detections for which `where` holds, at any time. */
export async function loadDetectionsOf(
  db: Database,
  where: Sql,
): Promise<DetectionLine[]> {
  const rows = await ask<
    Omit<DetectionLine, "severity" | "src_ip"> & {
      severity_word: string;
      ip_text: string;
    }
  >(
    db,
    sql`SELECT id, toString(severity) AS severity_word, round(toFloat64(d.score), 6) AS score, title,
        toString(src_ip) AS ip_text, http_host, state,
        toFloat64(toUnixTimestamp64Milli(last_seen)) AS lastSeenMs
      FROM detections_current AS d WHERE ${where} ORDER BY last_seen DESC, id LIMIT ${LINES}`,
  );
  return rows.map(({ severity_word, ip_text, ...row }) => ({
    ...row,
    src_ip: ipText(ip_text),
    severity: severityOf(severity_word),
  }));
}
