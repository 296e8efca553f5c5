/** The list of detections by one of its values: what can be handled together. @module */
import type { Severity } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { ask } from "./ask.ts";
import { listConditions, type ListQuery } from "./detection_list.ts";
import { severityOf } from "./severity.ts";

/** What detections can be grouped by, by the names of the query language. */
export const GROUPS = ["ja4", "asn", "host", "campaign"] as const;
export type GroupBy = typeof GROUPS[number];

const COLUMNS: Readonly<Record<GroupBy, Sql>> = {
  ja4: sql`ja4`,
  asn: sql`asn`,
  host: sql`http_host`,
  campaign: sql`campaign_id`,
};

/** One group. */
export interface DetectionGroup {
  readonly value: string;
  readonly detections: number;
  readonly addresses: number;
  readonly requests: number;
  readonly severity: Severity;
  readonly lastSeenMs: number;
}

/** The groups of a list, the largest first. */
export interface DetectionGroups {
  readonly by: GroupBy;
  readonly rows: readonly DetectionGroup[];
}

/** Groups shown. */
const LINES = 20;

/** {@linkcode DetectionGroups} of what `query` matches. */
export async function loadDetectionGroups(
  db: Database,
  query: ListQuery,
  by: GroupBy,
): Promise<DetectionGroups> {
  const rows = await ask<
    Omit<DetectionGroup, "severity"> & { worst: string }
  >(
    db,
    sql`SELECT toString(${
      COLUMNS[by]
    }) AS value, toFloat64(count()) AS detections,
        toFloat64(uniqExact(src_ip)) AS addresses, toFloat64(sum(d.requests)) AS requests,
        toString(max(severity)) AS worst, toFloat64(toUnixTimestamp64Milli(max(last_seen))) AS lastSeenMs
      FROM detections_current AS d WHERE ${listConditions(query)}
      GROUP BY value ORDER BY detections DESC, value LIMIT ${LINES}`,
  );
  return {
    by,
    rows: rows.map(({ worst, ...row }) => ({
      ...row,
      severity: severityOf(worst),
    })),
  };
}
