/**
 * How bad it is now, as one number that explains itself: 0..100 from open detections (45), the
 * anomalous share against its own past (35) and campaigns under way (20). The page always names the
 * term that contributes most.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { askOne, remember } from "./ask.ts";
import type { TimeRange } from "./range.ts";
import type { SeverityCounts } from "./severity.ts";

/** What the level is made of. */
export interface ThreatFacts {
  /** Open detections. */
  readonly open: SeverityCounts;
  /** Anomalous share of the range, 0..1. */
  readonly anomalousShare: number;
  /** Mean and standard deviation of the hourly share before the range; undefined below a day of past. */
  readonly past?: { readonly mean: number; readonly deviation: number };
  /** Campaigns seen in the range. */
  readonly campaigns: number;
}

/** The level, its word and its largest term as a sentence. */
export interface ThreatLevel {
  /** 0..100 */
  readonly points: number;
  readonly word: "Normal" | "Guarded" | "Elevated" | "Severe";
  readonly reason: string;
}

/** Hours of past before the share has a baseline. */
const PAST_HOURS_MIN = 24;
/** Floor of the deviation: without it a quiet week would make a single request an outlier. */
const DEVIATION_MIN = 0.005;

/** Weighs the facts. */
export function threatLevel(facts: ThreatFacts): ThreatLevel {
  const { open, past } = facts;
  const detections = Math.min(
    1,
    (8 * open.critical + 3 * open.high + open.medium) / 40,
  );
  const z = past === undefined ? 0 : (facts.anomalousShare - past.mean) /
    Math.max(past.deviation, DEVIATION_MIN);
  const share = Math.min(1, Math.max(0, z) / 6);
  const campaigns = Math.min(1, facts.campaigns / 5);
  const terms = [
    { points: 45 * detections, reason: openReason(open) },
    {
      points: 35 * share,
      reason: past === undefined || past.mean === 0
        ? "anomalous share is high"
        : `anomalous share ${
          (facts.anomalousShare / past.mean).toFixed(1)
        } × usual`,
    },
    {
      points: 20 * campaigns,
      reason: facts.campaigns === 1
        ? "1 campaign"
        : `${facts.campaigns} campaigns`,
    },
  ];
  const points = Math.round(terms.reduce((sum, term) => sum + term.points, 0));
  const largest = terms.reduce((best, term) =>
    term.points > best.points ? term : best
  );
  return {
    points,
    word: points < 25
      ? "Normal"
      : points < 50
      ? "Guarded"
      : points < 75
      ? "Elevated"
      : "Severe",
    reason: largest.points === 0 ? "nothing open" : largest.reason,
  };
}

/** The severity that weighs most. */
function openReason({ critical, high, medium }: SeverityCounts): string {
  if (8 * critical >= Math.max(3 * high, medium)) {
    return `${critical} critical open`;
  }
  return 3 * high >= medium ? `${high} high open` : `${medium} medium open`;
}

/** How long the baseline of an hour is good for, milliseconds. */
const PAST_MS = 60_000;

/** Hourly anomalous share of the week before the hour in which `range` begins. */
export async function loadPastShare(
  db: Database,
  range: TimeRange,
): Promise<ThreatFacts["past"]> {
  const hourMs = Math.floor(range.from.getTime() / 3_600_000) * 3_600_000;
  const row = await remember(
    db,
    `past share ${hourMs}`,
    PAST_MS,
    () =>
      askOne<{ hours: number; mean: number; deviation: number }>(
        db,
        sql`SELECT toFloat64(count()) AS hours, avg(share) AS mean, stddevPop(share) AS deviation
        FROM (
          SELECT sumIf(requests, traffic_class = 'anomalous') / sum(requests) AS share
          FROM scores FINAL
          WHERE window_start >= ${new Date(hourMs - 7 * 86_400_000)}
            AND window_start < ${new Date(hourMs)}
          GROUP BY toStartOfHour(window_start)
        )`,
      ),
  );
  if (row === undefined || row.hours < PAST_HOURS_MIN) return undefined;
  return { mean: row.mean, deviation: row.deviation };
}
