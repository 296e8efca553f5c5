/** How the pipeline itself is: lag, losses, the share that could be correlated, and its processes. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askOne, remember } from "./ask.ts";

/** The pipeline over the last quarter of an hour. */
export interface PipelineState {
  /** From the arrival of an event to its row, 95th percentile, seconds; undefined if not measured. */
  readonly lagS?: number;
  /** Requests with a handshake, as a share of those over TLS 0..1; undefined without requests. */
  readonly correlated?: number;
  /** Events lost anywhere, by the counters of the parts. */
  readonly dropped: number;
  /** Newest event stored, milliseconds since the epoch. */
  readonly lastEventMs?: number;
}

const RECENT_MS = 15 * 60_000;

/** Gauge of the correlator: arrival of an event to its row. */
const LATENCY = 'correlate_store_latency_seconds{quantile="0.95"}';

/** Counters of loss: what a part names so was accepted or seen, and is gone. */
const LOSS =
  sql`match(metric, '(^|_)(drops|dropped|lost|overflowed)(_total)?$')`;

/** The parts report every ten seconds; within this, in milliseconds, there is nothing new to read. */
const STATE_MS = 5000;

/** {@linkcode PipelineState} now, or some seconds ago. */
export function loadPipelineState(
  db: Database,
  nowMs: number,
): Promise<PipelineState> {
  return remember(
    db,
    "pipeline",
    STATE_MS,
    () => readPipelineState(db, new Date(nowMs - RECENT_MS)),
  );
}

async function readPipelineState(
  db: Database,
  since: Date,
): Promise<PipelineState> {
  const [metrics, events] = await Promise.all([
    askOne<{ lag: number; measured: number; dropped: number }>(
      db,
      // The correlator's own measure of lag: the events' times say nothing of it where old traffic is replayed.
      // A counter that falls has been restarted: what it shows then is what it lost since.
      sql`SELECT argMaxIf(value, ts, metric = ${LATENCY}) AS lag,
          toFloat64(countIf(metric = ${LATENCY})) AS measured,
          toFloat64(sumIf(lost, metric != ${LATENCY})) AS dropped
        FROM (
          SELECT metric, ts, value,
            if(value < lagInFrame(value, 1, value) OVER series, value,
              value - lagInFrame(value, 1, value) OVER series) AS lost
          FROM pipeline_metrics
          WHERE ts >= ${since} AND (${LOSS} OR (component = 'correlate' AND metric = ${LATENCY}))
          WINDOW series AS (PARTITION BY component, instance, metric ORDER BY ts
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )`,
    ),
    askOne<{ n: number; requests: number; correlated: number; last: number }>(
      db,
      sql`SELECT toFloat64(count()) AS n, toFloat64(countIf(match != 'tls_only' AND url_scheme = 'https')) AS requests,
          toFloat64(countIf(match IN ('conn', 'window'))) AS correlated,
          toFloat64(toUnixTimestamp64Milli(max(ts))) AS last
        FROM http_events WHERE ts >= ${since}`,
    ),
  ]);
  return {
    dropped: metrics?.dropped ?? 0,
    ...(metrics !== undefined && metrics.measured > 0
      ? { lagS: metrics.lag }
      : {}),
    ...(events !== undefined && events.n > 0
      ? { lastEventMs: events.last }
      : {}),
    ...(events !== undefined && events.requests > 0
      ? { correlated: events.correlated / events.requests }
      : {}),
  };
}

/** One program of the pipeline. */
export interface PartState {
  readonly component: string;
  /** Its last event: started, ready, killed, ... "" if none is known. */
  readonly event: string;
  readonly eventMs?: number;
  /** When its counters were last read; undefined if never. */
  readonly metricsMs?: number;
  readonly dropped: number;
  /** Resident memory, bytes; undefined if not known. */
  readonly memory?: number;
}

/** Order of the data flow. */
const PARTS = ["capture", "httpd", "correlate", "store", "detect", "web"];

/** {@linkcode PartState}s of the last day, in the order of the data flow. */
export async function loadParts(
  db: Database,
  nowMs: number,
): Promise<PartState[]> {
  const since = new Date(nowMs - 86_400_000);
  const [events, metrics] = await Promise.all([
    ask<{ component: string; event: string; at: number }>(
      db,
      sql`SELECT component, argMax(event, ts) AS event,
          toFloat64(toUnixTimestamp64Milli(max(ts))) AS at
        FROM pipeline_events GROUP BY component`,
    ),
    ask<{ component: string; at: number; dropped: number; memory: number }>(
      db,
      sql`SELECT component, max(at) AS at, sum(if(${LOSS}, newest, 0)) AS dropped,
          sum(if(metric = 'process_resident_memory_bytes', newest, 0)) AS memory
        FROM (
          SELECT component, metric, instance, argMax(value, ts) AS newest,
            toFloat64(toUnixTimestamp64Milli(max(ts))) AS at
          FROM pipeline_metrics WHERE ts >= ${since} GROUP BY component, metric, instance
        ) GROUP BY component`,
    ),
  ]);
  const names = new Set([
    ...PARTS.filter((part) =>
      events.some((row) => row.component === part) ||
      metrics.some((row) => row.component === part)
    ),
    ...events.map((row) => row.component),
    ...metrics.map((row) => row.component),
  ]);
  return [...names].map((component): PartState => {
    const event = events.find((row) => row.component === component);
    const metric = metrics.find((row) => row.component === component);
    return {
      component,
      event: event?.event ?? "",
      dropped: metric?.dropped ?? 0,
      ...(event === undefined ? {} : { eventMs: event.at }),
      ...(metric === undefined ? {} : { metricsMs: metric.at }),
      ...(metric === undefined || metric.memory === 0
        ? {}
        : { memory: metric.memory }),
    };
  });
}

/** Something that happened to a process. */
export interface ProcessEvent {
  readonly tsMs: number;
  readonly component: string;
  readonly event: string;
  readonly detail: string;
}

/** What happened to the processes, newest first. */
export async function loadProcessEvents(
  db: Database,
  limit = 100,
): Promise<ProcessEvent[]> {
  return await ask<ProcessEvent>(
    db,
    sql`SELECT toFloat64(toUnixTimestamp64Milli(ts)) AS tsMs, component, event, detail
      FROM pipeline_events ORDER BY ts DESC LIMIT ${limit}`,
  );
}

/** A table and its size. */
export interface TableSize {
  readonly table: string;
  readonly rows: number;
  /** On disk, compressed. */
  readonly bytes: number;
  /** Uncompressed bytes a byte on disk stands for; 0 if not known. */
  readonly ratio: number;
  /** Active parts: many of them are merges that do not keep up. */
  readonly parts: number;
}

/** Sizes of the tables on disk, largest first. */
export async function loadTableSizes(db: Database): Promise<TableSize[]> {
  return await ask<TableSize>(
    db,
    sql`SELECT name AS table, toFloat64(ifNull(total_rows, 0)) AS rows,
        toFloat64(ifNull(total_bytes, 0)) AS bytes, toFloat64(ifNull(active_parts, 0)) AS parts,
        if(total_bytes > 0, ifNull(total_bytes_uncompressed, 0) / total_bytes, 0) AS ratio
      FROM system.tables
      WHERE database = currentDatabase() AND total_bytes > 0 ORDER BY bytes DESC LIMIT 20`,
  );
}

/** Correlation of one hour. */
export interface CorrelationRow {
  readonly match: string;
  readonly events: number;
}

/** Events of the last hour by how they were correlated. */
export async function loadCorrelation(
  db: Database,
  nowMs: number,
): Promise<CorrelationRow[]> {
  return await ask<CorrelationRow>(
    db,
    sql`SELECT toString(match) AS match, toFloat64(sum(requests_1m.events)) AS events FROM requests_1m
      WHERE minute >= ${new Date(
      nowMs - 3_600_000,
    )} GROUP BY match ORDER BY events DESC`,
  );
}
