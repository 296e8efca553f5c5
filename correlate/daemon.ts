/**
 * The correlator as a running process: sockets, clock, spool and outputs around the pipeline.
 *
 * One thread joins and writes; `http.socket` is read by a second one. A loop takes what the ring
 * holds; a timer tells the join the time, flushes the outputs and seals batches.
 *
 * @module
 */
import {
  type Database,
  DatabaseError,
  databaseOptions,
  openDatabase,
} from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { eventBytesMax } from "../lib/limits.ts";
import { type Logger, startLog } from "../lib/log.ts";
import { serveHealth } from "../lib/metrics.ts";
import { aborted } from "../lib/shutdown.ts";
import { sql } from "../lib/sql.ts";
import type { Config } from "./config.ts";
import { DeadLetters } from "./dead_letter.ts";
import { Delivery } from "./delivery.ts";
import { hashName } from "./event_id.ts";
import { type HttpSocket, openHttpSocket } from "./http_socket.ts";
import { joinOptions } from "./join_config.ts";
import { fileSink, type LineSink, stdoutSink } from "./line_sink.ts";
import { CorrelateMetrics } from "./metrics.ts";
import { type NetworkSocket, openNetworkSocket } from "./network_socket.ts";
import { Pipeline, type RowSink } from "./pipeline.ts";
import { AddressPrivacy } from "./privacy.ts";
import { QUEUE_LENGTH_GOOD } from "./queue_length.ts";
import { openSpool, type Spool } from "./spool.ts";

/** How often the join is told the time and the outputs are flushed. */
const TICK_MS = 10;
/** Datagrams taken from the ring before other work gets its turn. */
const RING_SLICE = 256;
/** Rows that may wait for a tick to be written: what a kill loses. */
const PENDING_ROWS_MAX = 32;
const METRICS_ROWS_MS = 10_000;
/** A batch is sealed at this size even if it could hold more rows. */
const BATCH_BYTES_MAX = 16 * 2 ** 20;
const SPOOL_MEMORY_BYTES_MAX = 8 * 2 ** 20;
const HMAC_KEY_BYTES_MIN = 16;

/**
 * Runs until `signal` aborts, then drains.
 *
 * @throws {FatalError} if something that the configuration names cannot be used.
 */
export async function runCorrelator(
  config: Config,
  signal: AbortSignal,
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

  const pipeline = new Pipeline({
    join: joinOptions(config.join, config.filter, randomSeed()),
    privacy: await openPrivacy(config),
    sinks: spool === undefined ? sinks : [new EagerSpool(spool), ...sinks],
    deadLetters,
    host: hashName(host),
    epoch: spool?.epoch ?? startedS,
    nextSeq: spool && (() => spool.nextSeq),
  });
  pipeline.join.advance(monotonicMs(), wallUs());

  const http = await openHttpSocket({
    ...access(config.http),
    path: config.http.path,
    bytesMax: eventBytesMax,
    ringBytes: 2 ** Math.ceil(Math.log2(config.http.ring_bytes)),
    probe: config.network.path,
  });
  const sockets = { http, network: undefined as NetworkSocket | undefined };
  stack.defer(async () => {
    await sockets.network?.close();
    await http.close();
  });
  warnOfShortQueue(log, http);
  const network = sockets.network = await openNetworkSocket({
    ...access(config.network),
    path: config.network.path,
    lineBytesMax: eventBytesMax,
    log,
    take: (line, bytes) => pipeline.takeNetwork(line, bytes),
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
        retryMaxMs: config.spool.retry_max_ms,
        random: Math.random,
      });

  const clock = new Clock(config, { pipeline, spool, sinks });
  const metrics = new CorrelateMetrics({
    ...{ pipeline, network, http, spool, delivery, sinks },
    loopLagMs: () => clock.takeLagMs(),
  });
  const health = serveHealth({
    listen: config.health.listen,
    registry: metrics.registry,
    notReady: () => faultsOf(spool, delivery),
    signal,
  });
  const reporting = new AbortController();
  const reporter = database === undefined
    ? Promise.resolve()
    : reportMetrics({ database, metrics, host, log, signal: reporting.signal });
  const delivering = new AbortController();
  const delivered = delivery?.run(delivering.signal) ?? Promise.resolve();

  clock.start();
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
    delivered,
  ]);
  try {
    await Promise.race([takeRing(http, pipeline, signal), faults]);
    log.info("Stopping", { held: pipeline.join.requestsHeld });
    await network.close();
    sockets.network = undefined;
    await http.close();
    await takeRing(http, pipeline, signal);
    await lastHolds(config, pipeline);
  } finally {
    clock.stop();
    pipeline.join.finish("shutdown");
    spool?.flush();
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

/** Takes datagrams until `signal` has aborted and the ring is empty. */
async function takeRing(
  { ring }: HttpSocket,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<void> {
  const decoder = new TextDecoder();
  while (true) {
    let taken = 0;
    for (; taken < RING_SLICE; taken++) {
      const message = ring.shift();
      if (message === undefined) break;
      pipeline.takeHttp(decoder.decode(message), message.length);
    }
    if (taken === RING_SLICE) await turn();
    else if (signal.aborted) return;
    else await ring.wait(100);
  }
}

/** Gives requests that wait the time that they would have had. */
async function lastHolds(config: Config, pipeline: Pipeline): Promise<void> {
  const untilMs = monotonicMs() + config.join.http_hold_ms;
  while (pipeline.join.requestsHeld > 0 && monotonicMs() < untilMs) {
    await pause(TICK_MS);
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
  ) await pause(TICK_MS);
}

/** What the clock drives. */
interface Driven {
  readonly pipeline: Pipeline;
  readonly spool: Spool | undefined;
  readonly sinks: readonly LineSink[];
}

/** Calls what has to happen regularly. */
class Clock {
  readonly #config: Config;
  readonly #parts: Driven;
  #timer: ReturnType<typeof setInterval> | undefined;
  #batchSinceMs: number | undefined;
  #syncedMs = monotonicMs();
  #lastTickMs = monotonicMs();
  #lagMs = 0;

  constructor(config: Config, parts: Driven) {
    this.#config = config;
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Longest delay of a tick since the last call. */
  takeLagMs(): number {
    const lagMs = this.#lagMs;
    this.#lagMs = 0;
    return lagMs;
  }

  #tick(): void {
    const nowMs = monotonicMs();
    this.#lagMs = Math.max(this.#lagMs, nowMs - this.#lastTickMs - TICK_MS);
    this.#lastTickMs = nowMs;
    const { pipeline, spool, sinks } = this.#parts;
    pipeline.join.advance(nowMs, wallUs());
    for (const sink of sinks) sink.flush();
    if (spool === undefined) return;
    spool.flush();
    this.#seal(spool, nowMs);
    if (nowMs - this.#syncedMs >= this.#config.spool.fsync_ms) {
      this.#syncedMs = nowMs;
      void spool.sync();
    }
  }

  #seal(spool: Spool, nowMs: number): void {
    const { batch_rows, batch_ms } = this.#config.spool;
    if (spool.rowsOpen === 0) {
      this.#batchSinceMs = undefined;
      return;
    }
    this.#batchSinceMs ??= nowMs;
    if (
      spool.rowsOpen < batch_rows && spool.bytesOpen < BATCH_BYTES_MAX &&
      nowMs - this.#batchSinceMs < batch_ms
    ) return;
    spool.seal();
    this.#batchSinceMs = undefined;
  }
}

/** A spool that is flushed before much can be lost. */
class EagerSpool implements RowSink {
  readonly #spool: Spool;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  append(line: string): void {
    this.#spool.append(line);
    if (this.#spool.rowsPending >= PENDING_ROWS_MAX) this.#spool.flush();
  }
}

function openConfiguredSpool({ spool }: Config, nowS: number): Spool {
  return openSpool({
    dir: spool.dir,
    segmentBytes: spool.segment_bytes,
    bytesMax: spool.max_bytes,
    whenFull: spool.when_full,
    memoryBytesMax: SPOOL_MEMORY_BYTES_MAX,
    nowS,
  });
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

async function openSinks(config: Config, log: Logger): Promise<LineSink[]> {
  const sinks: LineSink[] = [];
  if (config.file.enabled) sinks.push(await fileSink(config.file.path, log));
  if (config.stdout.enabled) sinks.push(stdoutSink(log));
  return sinks;
}

async function openPrivacy({ privacy }: Config): Promise<AddressPrivacy> {
  const { addresses, key_file } = privacy;
  if (addresses !== "hmac") return new AddressPrivacy(addresses);
  if (key_file === undefined) {
    throw new FatalError(
      "config",
      'privacy.key_file: expected a path, as privacy.addresses is "hmac"',
    );
  }
  let key: Uint8Array;
  try {
    key = await Deno.readFile(key_file);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the key "${key_file}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
  if (key.length < HMAC_KEY_BYTES_MIN) {
    throw new FatalError(
      "config",
      `Cannot use the key "${key_file}": expected at least ${HMAC_KEY_BYTES_MIN} bytes, found ${key.length}`,
    );
  }
  return new AddressPrivacy("hmac", key);
}

function access(
  { mode, group }: { mode: string; group?: string | undefined },
): { mode: number; group: string | undefined } {
  return { mode: parseInt(mode, 8), group };
}

function warnOfShortQueue(log: Logger, { queueLength }: HttpSocket): void {
  if (queueLength === undefined || queueLength >= QUEUE_LENGTH_GOOD) return;
  log.warn(
    "The kernel queues few datagrams, bursts may be lost; set net.unix.max_dgram_qlen=512 with sysctl",
    { found: queueLength },
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
  if (delivery?.fault !== undefined) {
    faults.push(`the database takes no rows: ${delivery.fault}`);
  }
  return faults;
}

/** Writes the metrics to `pipeline_metrics`, while the database takes them. */
async function reportMetrics({ database, metrics, host, log, signal }: {
  database: Database;
  metrics: CorrelateMetrics;
  host: string;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  let checked = false;
  while (!signal.aborted) {
    try {
      if (!checked && !await deduplicates(database)) {
        log.error(
          "The table http_events has no deduplication window: repeated inserts will store rows twice",
        );
      }
      checked = true;
      const ts = new Date().toISOString().replace("T", " ").replace("Z", "");
      const rows = metrics.readings().map((reading) => ({
        ts,
        component: "correlate",
        instance: host,
        ...reading,
      }));
      await database.insertRows("pipeline_metrics", rows, { signal });
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof DatabaseError)) throw thrown;
      log.debug("The metrics were not stored", { error: thrown.message });
    }
    await pauseUntil(METRICS_ROWS_MS, signal);
  }
}

/** Whether the table recognises a repeated insert by its token. */
async function deduplicates(database: Database): Promise<boolean> {
  const [table] = await database.query<{ engine: string; definition: string }>(
    sql`SELECT engine, create_table_query AS definition FROM system.tables
      WHERE database = currentDatabase() AND name = 'http_events'`,
  );
  if (table === undefined || table.engine.startsWith("Replicated")) return true;
  const window = /non_replicated_deduplication_window = (\d+)/.exec(
    table.definition,
  )?.[1];
  return Number(window ?? 0) > 0;
}

/** Waits, at most until `signal` aborts. */
async function pauseUntil(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([elapsed, aborted(signal)]);
  clearTimeout(timer);
}

function monotonicMs(): number {
  return performance.now();
}

function wallUs(): number {
  return Date.now() * 1000;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function turn(): Promise<void> {
  return pause(0);
}
