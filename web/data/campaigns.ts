/** Campaigns: detections that act as one. @module */
import type { Severity } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import type { TimeRange } from "./range.ts";
import { severityOf } from "./severity.ts";

/** One campaign. */
export interface Campaign {
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly addresses: number;
  readonly requests: number;
  readonly detections: readonly string[];
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** Campaigns seen in `range`, the last seen first. */
export async function loadCampaigns(
  db: Database,
  range: TimeRange,
): Promise<Campaign[]> {
  const rows = await ask<
    Omit<Campaign, "severity" | "firstSeenMs" | "lastSeenMs"> & {
      severity: string;
      first_ms: number;
      last_ms: number;
    }
  >(
    db,
    sql`SELECT id, toString(severity) AS severity, title, addresses, toFloat64(requests) AS requests,
        detections, toFloat64(toUnixTimestamp64Milli(first_seen)) AS first_ms,
        toFloat64(toUnixTimestamp64Milli(last_seen)) AS last_ms
      FROM campaigns FINAL
      WHERE campaigns.last_seen >= ${range.from} AND campaigns.first_seen < ${range.to}
      ORDER BY campaigns.severity DESC, campaigns.last_seen DESC LIMIT 6`,
  );
  return rows.map(({ severity, first_ms, last_ms, ...row }) => ({
    ...row,
    severity: severityOf(severity),
    firstSeenMs: first_ms,
    lastSeenMs: last_ms,
  }));
}
