/**
 * The correlator as a running process: sockets, clock, spool and outputs around the pipeline.
 *
 * One thread joins and writes; `http.socket` is read by a second one. A loop takes what the ring
 * holds; a timer tells the join the time, flushes the outputs and seals batches.
 *
 * @module
 */
import { openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { eventBytesMax } from "../lib/limits.ts";
import { type Logger, startLog } from "../lib/log.ts";
import { serveHealth } from "../lib/metrics.ts";
import type { Invocation } from "../lib/program.ts";
import { Clock, monotonicMs, wallUs } from "./clock.ts";
import type { Config } from "./config.ts";
import { DeadLetters } from "./dead_letter.ts";
import { deduplicationFault } from "./deduplication.ts";
import { Delivery } from "./delivery.ts";
import { hashName } from "./event_id.ts";
import { openHttpInputs } from "./http_inputs.ts";
import { joinOptions } from "./join_config.ts";
import {
  readSnapshot,
  removeSnapshot,
  writeSnapshot,
} from "./join_snapshot.ts";
import { CorrelateMetrics } from "./metrics.ts";
import { reportMetrics } from "./metrics_rows.ts";
import { type NetworkSocket, openNetworkSocket } from "./network_socket.ts";
import { passedDescriptor } from "./passed_socket.ts";
import { Pipeline } from "./pipeline.ts";
import { ProducerRecord, readRecord } from "./producer_record.ts";
import {
  access,
  EagerSpool,
  openConfiguredSpool,
  openPrivacy,
  openSinks,
} from "./setup.ts";
import type { Spool } from "./spool.ts";
import { measuredHello, StoreLatency } from "./store_latency.ts";

/** How often the end of a drain is looked for. */
const DRAIN_PROBE_MS = 10;

/**
 * Runs until `signal` aborts, then drains.
 *
 * @throws {FatalError} if something that the configuration names cannot be used.
 */
export async function runCorrelator(
  { config, signal, ready }: Pick<
    Invocation<Config>,
    "config" | "signal" | "ready"
  >,
): Promise<void> {
  const log = await startLog("correlate", config.log.level);
  const host = Deno.hostname();
  const startedS = Math.floor(Date.now() / 1000);
  await using stack = new AsyncDisposableStack();

  const spool = config.spool.enabled
    ? openConfiguredSpool(config, startedS)
    : undefined;
  const deadLetters = spool === undefined
    ? undefined
    : new DeadLetters(config.spool.dir, {
      bytesMax: config.spool.dead_letter_bytes,
      now: wallUs,
    });
  if (spool !== undefined) {
    stack.use(spool);
    reportRecovery(log, spool);
  }
  const sinks = await openSinks(config, log);
  for (const sink of sinks) stack.use(sink);
  const reopen = (): void => sinks.forEach((sink) => sink.reopen());
  Deno.addSignalListener("SIGHUP", reopen);
  stack.defer(() => Deno.removeSignalListener("SIGHUP", reopen));

  let record: ProducerRecord | undefined;
  const eager = spool && new EagerSpool(spool, () => record?.write());
  const latency = spool && new StoreLatency();
  const pipeline = new Pipeline({
    join: joinOptions(config.join, config.filter, randomSeed()),
    privacy: await openPrivacy(config),
    sinks: eager === undefined ? sinks : [eager, ...sinks],
    deadLetters,
    // A folder that was emptied begins anew, maybe within the second that is its epoch.
    origin: hashName(spool === undefined ? host : `${host}/${spool.id}`),
    epoch: spool?.epoch ?? startedS,
    nextSeq: spool && (() => spool.nextSeq),
    appended: latency &&
      (({ seq, waitedMs, joined }) =>
        latency.appended(
          seq,
          monotonicMs() - waitedMs,
          measuredHello(joined, wallUs()),
        )),
  });
  pipeline.join.advance(monotonicMs(), wallUs());
  const killed = spool === undefined
    ? 0
    : goOnFrom(config.spool.dir, { pipeline, log });
  if (spool !== undefined) {
    record = stack.use(
      new ProducerRecord(config.spool.dir, () => pipeline.join.progress),
    );
  }
  const snapshot = snapshotPath(config);
  if (snapshot !== undefined) loadSnapshot(snapshot, { config, pipeline, log });

  const blocked = (): boolean => spool?.blocked === true;
  const descriptor = passedDescriptor();
  const http = await openHttpInputs({
    ...{ config, pipeline, log, descriptor, blocked },
  });
  const sockets = { http, network: undefined as NetworkSocket | undefined };
  stack.defer(async () => {
    await sockets.network?.close();
    await http.close();
  });
  warnOfShortQueue(log, { found: http.queueLength, config });
  const network = sockets.network = await openNetworkSocket({
    ...access(config.network),
    path: config.network.path,
    lineBytesMax: eventBytesMax,
    ...{ log, blocked },
    take: (lines) => pipeline.takeNetwork(lines),
  });

  const database = spool === undefined
    ? undefined
    : stack.use(await openDatabase(databaseOptions(config.clickhouse)));
  const delivery =
    spool === undefined || database === undefined || deadLetters === undefined
      ? undefined
      : new Delivery({
        spool,
        database,
        deadLetters,
        log,
        instance: host,
        inFlight: config.spool.in_flight,
        retryMaxMs: config.spool.retry_max_ms,
        random: Math.random,
        verify: (signal) => deduplicationFault(database, signal),
        stored: (batch) => {
          if (batch.recovered) return;
          latency?.stored(batch, { nowMs: monotonicMs(), wallUs: wallUs() });
        },
      });

  const clock = new Clock(config, {
    ...{ pipeline, spool, sinks },
    flush: () => eager?.flush(),
  });
  const metrics = new CorrelateMetrics({
    ...{ pipeline, network, http, spool, delivery, latency, sinks, killed },
    loopLagMs: () => clock.takeLagMs(),
  });
  const health = serveHealth({
    listen: config.health.listen,
    registry: metrics.registry,
    notReady: () => faultsOf(spool, delivery),
    signal,
  });
  const reporting = new AbortController();
  const reporter = database === undefined ? Promise.resolve() : reportMetrics({
    ...{ database, metrics, sensors: pipeline.sensors, host, log },
    signal: reporting.signal,
  });
  const delivering = new AbortController();
  const delivered = delivery?.run(delivering.signal);

  if (snapshot !== undefined) removeSnapshot(snapshot);
  clock.start();
  ready(`Joining what ${config.network.path} and ${config.http.path} bring`);
  log.info("Ready", {
    network: config.network.path,
    http: config.http.path,
    health: `port ${health.port}`,
  });
  const faults = Promise.race([
    http.failed.then((reason) => {
      throw new FatalError(
        "unavailable",
        `Cannot read "${config.http.path}": ${reason}`,
      );
    }),
    ...(delivered === undefined ? [] : [delivered]),
  ]);
  try {
    await Promise.race([http.run(signal), faults]);
    log.info("Stopping", { held: pipeline.join.requestsHeld });
    await network.close();
    sockets.network = undefined;
    await http.close();
    await http.run(signal);
    await lastHolds(config, pipeline);
  } finally {
    clock.stop();
    pipeline.join.finish("shutdown");
    if (snapshot !== undefined) saveSnapshot(snapshot, { pipeline, log });
    eager?.flush();
    spool?.seal();
    await spool?.sync();
    if (spool !== undefined) {
      await drain(spool, delivery, config.spool.drain_ms);
    }
    reporting.abort();
    delivering.abort();
    await Promise.allSettled([reporter, delivered, health.finished]);
    log.info("Stopped", { rows_left: spool?.rowsHeld ?? 0 });
  }
}

/** Gives requests that wait the time that they would have had. */
async function lastHolds(config: Config, pipeline: Pipeline): Promise<void> {
  const untilMs = monotonicMs() + config.join.http_hold_ms;
  while (pipeline.join.requestsHeld > 0 && monotonicMs() < untilMs) {
    await pause(DRAIN_PROBE_MS);
  }
}

/** Waits for the database to take what is sealed, while it does. */
async function drain(
  spool: Spool,
  delivery: Delivery | undefined,
  ms: number,
): Promise<void> {
  const untilMs = monotonicMs() + ms;
  while (
    spool.hasBatch && delivery?.fault === undefined && monotonicMs() < untilMs
  ) await pause(DRAIN_PROBE_MS);
}

/** Where the join's handshakes go. Nowhere, if addresses are not to be on this disk. */
function snapshotPath({ spool, privacy }: Config): string | undefined {
  return spool.enabled && privacy.addresses === "full"
    ? `${spool.dir}/join.snapshot`
    : undefined;
}

function loadSnapshot(
  path: string,
  { config, pipeline, log }: {
    config: Config;
    pipeline: Pipeline;
    log: Logger;
  },
): void {
  const loaded = readSnapshot(path, {
    nowMs: Date.now(),
    ageMsMax: config.join.conn_ttl_s * 1000,
  });
  if (loaded.found === "unusable") {
    log.warn("The handshakes of the last run are not used", {
      reason: loaded.reason,
    });
  } else if (loaded.found === "handshakes") {
    const { handshakes, ageMs } = loaded;
    log.info("Handshakes of the last run are known", {
      handshakes: pipeline.join.restore(handshakes, ageMs),
    });
  }
}

/** A failure costs the matches of connections that outlive the restart, nothing else. */
function saveSnapshot(
  path: string,
  { pipeline, log }: { pipeline: Pipeline; log: Logger },
): void {
  try {
    const count = writeSnapshot(path, pipeline.join.save(), Date.now());
    log.info("Handshakes are kept for the next run", { handshakes: count });
  } catch (thrown) {
    log.warn("Handshakes cannot be kept for the next run", {
      error: messageOf(thrown),
    });
  }
}

/**
 * Takes up the producers' numbers where an earlier process left them; returns how many requests it
 * held when it was killed.
 */
function goOnFrom(
  dir: string,
  { pipeline, log }: { pipeline: Pipeline; log: Logger },
): number {
  const recorded = readRecord(dir);
  if (recorded === undefined) return 0;
  pipeline.join.restoreProgress(recorded);
  if (recorded.held > 0) {
    log.error("The last run was killed while requests waited, they are lost", {
      requests: recorded.held,
    });
  }
  return recorded.held;
}

function reportRecovery(log: Logger, { counts }: Spool): void {
  if (counts.recovered > 0) {
    log.info("Rows of an earlier run are delivered first", {
      rows: counts.recovered,
    });
  }
  if (counts.damagedBytes > 0) {
    log.error("The spool is damaged", {
      bytes: counts.damagedBytes,
      rows_lost: counts.dropped.damaged,
    });
  }
}

function warnOfShortQueue(
  log: Logger,
  { found, config }: { found: number | undefined; config: Config },
): void {
  if (found === undefined || found >= config.http.min_qlen) return;
  log.warn(
    "The kernel queues few datagrams, bursts may be lost; set net.unix.max_dgram_qlen=512 with sysctl",
    { found },
  );
}

function faultsOf(
  spool: Spool | undefined,
  delivery: Delivery | undefined,
): string[] {
  const faults: string[] = [];
  if (spool?.writeFault !== undefined) {
    faults.push(`the spool takes no rows: ${spool.writeFault}`);
  }
  if (delivery?.unsafe !== undefined) {
    faults.push(`a repeated insert would store rows twice: ${delivery.unsafe}`);
  }
  if (delivery?.fault !== undefined) {
    faults.push(`the database takes no rows: ${delivery.fault}`);
  }
  return faults;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
