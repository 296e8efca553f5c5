/** What waits for an analyst: counts by severity and view, and when detections began over time. @module */
import type { Severity } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askOne } from "./ask.ts";
import type { TimeRange } from "./range.ts";
import { severityOf } from "./severity.ts";
import type { SeverityCounts } from "./severity.ts";

/** Detections not archived and not escalated, and how many the other views hold. */
export interface OpenDetections {
  readonly open: SeverityCounts;
  readonly inbox: number;
  readonly escalated: number;
  readonly archived: number;
  /** Not archived and assigned to who asks. */
  readonly mine: number;
  /** First seen of the oldest that nobody acknowledged, milliseconds since the epoch. */
  readonly oldestMs?: number;
  /** Of the inbox, those first seen in the last hour. */
  readonly lastHour: number;
}

/** {@linkcode OpenDetections} now. */
export async function loadOpenDetections(
  db: Database,
  nowMs: number,
  login: string,
): Promise<OpenDetections> {
  const row = await askOne<{
    critical: number;
    high: number;
    medium: number;
    low: number;
    inbox: number;
    escalated: number;
    archived: number;
    mine: number;
    waiting: number;
    oldest: number;
    last_hour: number;
  }>(
    db,
    sql`WITH state IN ('open', 'acknowledged') AS in_inbox
      SELECT
        toFloat64(countIf(in_inbox AND severity = 'critical')) AS critical,
        toFloat64(countIf(in_inbox AND severity = 'high')) AS high,
        toFloat64(countIf(in_inbox AND severity = 'medium')) AS medium,
        toFloat64(countIf(in_inbox AND severity = 'low')) AS low,
        toFloat64(countIf(in_inbox)) AS inbox,
        toFloat64(countIf(state = 'escalated')) AS escalated,
        toFloat64(countIf(state = 'archived')) AS archived,
        toFloat64(countIf(assignee = ${login} AND state != 'archived')) AS mine,
        toFloat64(countIf(state = 'open')) AS waiting,
        toFloat64(toUnixTimestamp64Milli(minIf(first_seen, state = 'open'))) AS oldest,
        toFloat64(countIf(in_inbox AND first_seen >= ${new Date(
      nowMs - 3_600_000,
    )})) AS last_hour
      FROM detections_current`,
  );
  const open = {
    critical: row?.critical ?? 0,
    high: row?.high ?? 0,
    medium: row?.medium ?? 0,
    low: row?.low ?? 0,
  };
  return {
    open,
    inbox: row?.inbox ?? 0,
    escalated: row?.escalated ?? 0,
    archived: row?.archived ?? 0,
    mine: row?.mine ?? 0,
    lastHour: row?.last_hour ?? 0,
    ...(row !== undefined && row.waiting > 0 ? { oldestMs: row.oldest } : {}),
  };
}

/** Detections that began in one column of a chart. */
export interface DetectionColumn {
  readonly atMs: number;
  readonly counts: SeverityCounts;
}

/** {@linkcode DetectionColumn}s of `range`, those with at least one. */
export async function loadDetectionColumns(
  db: Database,
  range: TimeRange,
): Promise<DetectionColumn[]> {
  const rows = await ask<{ at: number; severity: string; detections: number }>(
    db,
    sql`SELECT toUnixTimestamp(toStartOfInterval(toDateTime(first_seen, 'UTC'), toIntervalSecond(${range.stepS}))) AS at,
        toString(severity) AS severity, toFloat64(count()) AS detections
      FROM detections_current
      WHERE first_seen >= ${range.from} AND first_seen < ${range.to}
      GROUP BY at, severity ORDER BY at`,
  );
  const byColumn = new Map<number, Record<Severity, number>>();
  for (const row of rows) {
    const counts = byColumn.getOrInsertComputed(
      row.at * 1000,
      () => ({ low: 0, medium: 0, high: 0, critical: 0 }),
    );
    counts[severityOf(row.severity)] += row.detections;
  }
  return [...byColumn].map(([atMs, counts]) => ({ atMs, counts }));
}
