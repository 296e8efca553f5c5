/** What waits for an analyst: counts by severity and view, and when detections began over time. @module */
import type { Severity } from "../../lib/events.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { askOne, ipText } from "./ask.ts";
import { SORT_KEY } from "./detection_order.ts";
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

/** The worst of the inbox, as one line. */
export interface WaitingDetection {
  readonly id: string;
  readonly severity: Severity;
  readonly score: number;
  readonly title: string;
  readonly src_ip: string;
  readonly asn: number;
  readonly country: string;
  readonly requests: number;
  readonly lastSeenMs: number;
}

/** Detections that began in one column of a chart. */
export interface DetectionColumn {
  readonly atMs: number;
  readonly counts: SeverityCounts;
}

/** All that the Overview says of detections. */
export interface DetectionsInBrief {
  readonly open: OpenDetections;
  /** The head of the inbox, {@linkcode WAITING_MAX} at most. */
  readonly waiting: readonly WaitingDetection[];
  /** Columns of the range with at least one that began in it. */
  readonly lane: readonly DetectionColumn[];
}

/** Lines of "Needs attention". */
export const WAITING_MAX = 5;

/** The counts that {@linkcode OpenDetections} is made of, of a SELECT from detections_current. */
interface Counts {
  readonly critical: number;
  readonly high: number;
  readonly medium: number;
  readonly low: number;
  readonly inbox: number;
  readonly escalated: number;
  readonly archived: number;
  readonly mine: number;
  readonly waiting: number;
  readonly oldest: number;
  readonly last_hour: number;
}

function countsSql(nowMs: number, login: string): Sql {
  return sql`toFloat64(countIf(in_inbox AND severity = 'critical')) AS critical,
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
  )})) AS last_hour`;
}

function openOf(row: Counts | undefined): OpenDetections {
  return {
    open: {
      critical: row?.critical ?? 0,
      high: row?.high ?? 0,
      medium: row?.medium ?? 0,
      low: row?.low ?? 0,
    },
    inbox: row?.inbox ?? 0,
    escalated: row?.escalated ?? 0,
    archived: row?.archived ?? 0,
    mine: row?.mine ?? 0,
    lastHour: row?.last_hour ?? 0,
    ...(row !== undefined && row.waiting > 0 ? { oldestMs: row.oldest } : {}),
  };
}

/** {@linkcode OpenDetections} now. */
export async function loadOpenDetections(
  db: Database,
  nowMs: number,
  login: string,
): Promise<OpenDetections> {
  return openOf(
    await askOne<Counts>(
      db,
      sql`WITH state IN ('open', 'acknowledged') AS in_inbox
      SELECT ${countsSql(nowMs, login)} FROM detections_current`,
    ),
  );
}

/** {@linkcode DetectionsInBrief} of `range`, by one pass over the detections. */
export async function loadDetectionsInBrief(
  db: Database,
  range: TimeRange,
  { nowMs, login }: { readonly nowMs: number; readonly login: string },
): Promise<DetectionsInBrief> {
  const row = await askOne<
    Counts & {
      /** `time severity` to how many. */
      columns: Record<string, number>;
      worst: [
        key: number,
        id: string,
        severity: string,
        score: number,
        title: string,
        src_ip: string,
        asn: number,
        country: string,
        requests: number,
        last_ms: number,
      ][];
    }
  >(
    db,
    sql`WITH state IN ('open', 'acknowledged') AS in_inbox
      SELECT ${countsSql(nowMs, login)},
        sumMapIf(
          map(concat(toString(toUnixTimestamp(toStartOfInterval(toDateTime(first_seen, 'UTC'),
            toIntervalSecond(${range.stepS})))), ' ', toString(severity)), toUInt32(1)),
          first_seen >= ${range.from} AND first_seen < ${range.to}) AS columns,
        arraySlice(arrayReverseSort(groupArrayIf((
          toFloat64(${SORT_KEY.severity}), id, toString(severity), round(toFloat64(score), 6), title,
          toString(src_ip), asn, toString(country), toFloat64(requests),
          toFloat64(toUnixTimestamp64Milli(last_seen))), in_inbox)), 1, ${WAITING_MAX}) AS worst
      FROM detections_current`,
  );
  const byColumn = new Map<number, Record<Severity, number>>();
  for (const [key, count] of Object.entries(row?.columns ?? {})) {
    const [at = "0", severity = ""] = key.split(" ");
    const counts = byColumn.getOrInsertComputed(
      Number(at) * 1000,
      () => ({ low: 0, medium: 0, high: 0, critical: 0 }),
    );
    counts[severityOf(severity)] += count;
  }
  return {
    open: openOf(row),
    lane: [...byColumn].map(([atMs, counts]) => ({ atMs, counts }))
      .sort((a, b) => a.atMs - b.atMs),
    waiting: (row?.worst ?? []).map((
      [_, id, severity, score, title, ip, asn, country, requests, lastSeenMs],
    ) => ({
      id,
      severity: severityOf(severity),
      score,
      title,
      src_ip: ipText(ip),
      asn,
      country,
      requests,
      lastSeenMs,
    })),
  };
}
