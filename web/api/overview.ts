/** What the Overview shows, as the API tells it. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { loadCampaigns } from "../data/campaigns.ts";
import { loadOpenDetections } from "../data/open_detections.ts";
import {
  loadFingerprintFigures,
  loadRequestsBefore,
} from "../data/overview.ts";
import { loadPipelineState } from "../data/pipeline.ts";
import type { TimeRange } from "../data/range.ts";
import { loadPastShare, threatLevel } from "../data/threat_level.ts";
import { loadTops, type TopOrder, type TopRow } from "../data/top.ts";
import { loadTraffic } from "../data/traffic.ts";

type Answer = Readonly<Record<string, unknown>>;

/** The figures of the strip on top. */
export async function overviewAnswer(
  db: Database,
  range: TimeRange,
  who: { readonly nowMs: number; readonly login: string },
): Promise<Answer> {
  const [traffic, before, fingerprints, detections, past, campaigns, pipeline] =
    await Promise.all([
      loadTraffic(db, range),
      loadRequestsBefore(db, range),
      loadFingerprintFigures(db, range),
      loadOpenDetections(db, who.nowMs, who.login),
      loadPastShare(db, range),
      loadCampaigns(db, range),
      loadPipelineState(db, who.nowMs),
    ]);
  const { oldestMs } = detections;
  return {
    ...spanOf(range),
    requests: traffic.requests,
    requests_before: before,
    classes: traffic.totals,
    anomalous_share: traffic.anomalousShare,
    threat: threatLevel({
      open: detections.open,
      anomalousShare: traffic.anomalousShare,
      campaigns: campaigns.length,
      ...(past === undefined ? {} : { past }),
    }),
    detections: {
      open: detections.open,
      inbox: detections.inbox,
      escalated: detections.escalated,
      archived: detections.archived,
      mine: detections.mine,
      oldest: timeOf(oldestMs),
    },
    ja4s: { seen: fingerprints.seen, new: fingerprints.fresh },
    campaigns: campaigns.length,
    pipeline: {
      lag_seconds: pipeline.lagS ?? null,
      correlated: pipeline.correlated ?? null,
      dropped: pipeline.dropped,
      last_event: timeOf(pipeline.lastEventMs),
    },
  };
}

/** Requests a column of the chart, by class. */
export async function timeseriesAnswer(
  db: Database,
  range: TimeRange,
): Promise<Answer> {
  const { columns, usualFrom } = await loadTraffic(db, range);
  return {
    ...spanOf(range),
    step_seconds: range.stepS,
    usual_from: usualFrom,
    data: columns.map(({ atMs, counts, total, usual }) => ({
      ts: timeOf(atMs),
      requests: total,
      usual: usual ?? null,
      ...counts,
    })),
  };
}

export const TOP_DIMENSIONS = ["ja4", "ip", "asn", "country", "host"] as const;
export type TopDimension = typeof TOP_DIMENSIONS[number];

/** The values with the most of what `order` counts. */
export async function topAnswer(
  db: Database,
  range: TimeRange,
  { dimension, order }: {
    readonly dimension: TopDimension;
    readonly order: TopOrder;
  },
): Promise<Answer> {
  const tops = await loadTops(db, range, {
    orders: { fp: order, ip: order, host: order },
    source: dimension === "ja4" || dimension === "host" ? "ip" : dimension,
  });
  const rows: readonly TopRow[] = dimension === "ja4"
    ? tops.fingerprints
    : dimension === "host"
    ? tops.hosts
    : tops.sources;
  return {
    ...spanOf(range),
    data: rows.map(({ value, requests, anomalousShare }) => ({
      value,
      requests,
      anomalous_share: anomalousShare ?? null,
    })),
  };
}

function spanOf({ from, to }: TimeRange): Answer {
  return { from: from.toISOString(), to: to.toISOString() };
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
