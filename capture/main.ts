/**
 * The capture daemon: ClientHellos on a network interface in, HandshakeEvents to the correlator
 * (and to a file or standard output) out.
 *
 * The loop waits in `poll`, then takes batches until the ring is empty; libpcap's own blocking
 * read cannot be stopped on older versions when the line is silent.
 *
 * @module
 */
import { Capture, checkFilter } from "../ffi/pcap.ts";
import { dropPrivileges, isRoot } from "../ffi/libc.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { type Logger, startLog } from "../lib/log.ts";
import { serveHealth } from "../lib/metrics.ts";
import { main, type Program } from "../lib/program.ts";
import { compileParser, Parser } from "../wasm/mod.ts";
import { captureRegistry } from "./capture_metrics.ts";
import { type CaptureConfig, captureSchema } from "./config.ts";
import { kernelFilter } from "./kernel_filter.ts";
import { openFile, openSocket, openStdout, Outlet } from "./outlet.ts";
import { Sensor } from "./sensor.ts";

/** How long one wait for packets lasts at most, and so how fast the loop stops, milliseconds. */
const WAIT_MS = 100;
const TICK_MS = 1000;
/** DLT_EN10MB: the link layer for which a filter is checked before anything is opened. */
const ETHERNET = 1;
/** Pauses between attempts to open a lost interface again, milliseconds. */
const REOPEN_MS = { first: 250, longest: 5000 } as const;

/** The program behind `deno task capture`. */
export const program: Program<typeof captureSchema> = {
  name: "capture",
  daemon: true,
  summary: "Captures TLS ClientHellos and sends their fingerprints",
  schema: captureSchema,
  async run({ config, signal, ready }) {
    checkFilter(config.capture.filter, ETHERNET);
    checkOutlets(config);
    const log = await startLog("capture", config.log.level);
    const stopping = new AbortController();
    const stopped = AbortSignal.any([signal, stopping.signal]);
    const module = await compileParser();
    const outlets: Outlet[] = [];
    const sensor = new Sensor({
      sensor: config.capture.sensor || Deno.hostname(),
      interface: config.capture.interface,
      boot: Math.floor(Date.now() / 1000),
      now,
      makeParser: () => new Parser(module),
      emit: (lines) => outlets.forEach((outlet) => outlet.push(lines)),
      onTrap: (thrown) =>
        log.error("The parser failed and was replaced", {
          reason: thrown.message,
        }),
    });
    const run: Run = {
      config,
      log,
      sensor,
      signal: stopped,
      capture: undefined,
    };
    run.capture = openInterface(run);
    const reopenFile = (): void =>
      outlets.find(({ name }) => name === "file")?.reopen();
    let stats: ReturnType<typeof setInterval> | undefined;
    let health: { finished: Promise<void> } | undefined;
    try {
      becomeUser(config.capture.user, log);
      health = serveHealth({
        listen: config.health.listen,
        registry: captureRegistry(() => sensor.totals(), outlets),
        notReady: () => notReady(run, outlets),
        signal: stopped,
      });
      outlets.push(...openOutlets(config, log));
      Deno.addSignalListener("SIGHUP", reopenFile);
      stats = setInterval(
        () => emitStats(sensor, outlets),
        config.capture.stats_interval_s * 1000,
      );
      ready(`Capturing on ${config.capture.interface}`);
      await capturePackets(run);
    } finally {
      clearInterval(stats);
      Deno.removeSignalListener("SIGHUP", reopenFile);
      run.capture?.[Symbol.dispose]();
      stopping.abort();
      await Promise.all(outlets.map((outlet) => outlet.stop()));
      await health?.finished;
    }
  },
};

function notReady(run: Run, outlets: readonly Outlet[]): string[] {
  return [
    ...run.capture === undefined ? ["The interface is not open"] : [],
    ...outlets.filter(({ connected }) => !connected).map(({ name }) =>
      `No reader at outlet "${name}"`
    ),
  ];
}

function emitStats(sensor: Sensor, outlets: readonly Outlet[]): void {
  const dropped = outlets.reduce((sum, o) => sum + o.eventsDropped, 0);
  const line = JSON.stringify(sensor.statsEvent(dropped)) + "\n";
  const bytes = new TextEncoder().encode(line);
  for (const outlet of outlets) outlet.push(bytes);
}

function now(): UnixMicros {
  return Math.round(
    (performance.timeOrigin + performance.now()) * 1000,
  ) as UnixMicros;
}

function openOutlets(config: CaptureConfig, log: Logger): Outlet[] {
  const { socket, file, stdout } = config;
  const outlets: Outlet[] = [];
  const add = (
    name: string,
    section: { enabled: boolean; backlog_bytes: number },
    open: () => ReturnType<typeof openStdout>,
  ): void => {
    if (!section.enabled) return;
    const backlogBytesMax = section.backlog_bytes;
    outlets.push(new Outlet({ name, backlogBytesMax, open, log }));
  };
  add("socket", socket, () => openSocket(socket.path));
  add("file", file, () => openFile(file.path));
  add("stdout", stdout, openStdout);
  return outlets;
}

function checkOutlets({ socket, file, stdout }: CaptureConfig): void {
  if (socket.enabled || file.enabled || stdout.enabled) return;
  throw new FatalError(
    "config",
    "No outlet is enabled: set [socket], [file] or [stdout] enabled = true",
  );
}

interface Run {
  readonly config: CaptureConfig;
  readonly log: Logger;
  readonly sensor: Sensor;
  readonly signal: AbortSignal;
  /** The open interface; undefined while it is lost. */
  capture: Capture | undefined;
}

/** Captures until `signal` aborts; opens the interface anew when it is lost. */
async function capturePackets(run: Run): Promise<void> {
  const { config, log, sensor, signal } = run;
  let pauseMs: number = REOPEN_MS.first;
  while (!signal.aborted) {
    if (run.capture === undefined) {
      await pause(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, REOPEN_MS.longest);
      run.capture = reopenInterface(run);
      continue;
    }
    const failure = await drain(run, run.capture);
    sensor.end(run.capture);
    run.capture[Symbol.dispose]();
    run.capture = undefined;
    if (failure === undefined) return;
    pauseMs = REOPEN_MS.first;
    log.error("Lost the interface; packets are missed until it is back", {
      interface: config.capture.interface,
      reason: failure,
    });
  }
}

/** Reads packets until the signal (undefined) or the interface's failure (why). */
async function drain(run: Run, capture: Capture): Promise<string | undefined> {
  const { sensor, signal } = run;
  sensor.begin(capture.linkType);
  let tickedMs = performance.now();
  while (!signal.aborted) {
    await capture.wait(WAIT_MS);
    let got: number | string;
    do {
      got = sensor.read(capture);
      if (typeof got === "string") return got;
    } while (got > 0 && !signal.aborted && !isTickDue(tickedMs));
    if (isTickDue(tickedMs)) {
      tickedMs = performance.now();
      sensor.tick(capture);
    }
  }
  return undefined;
}

function isTickDue(tickedMs: number): boolean {
  return performance.now() - tickedMs >= TICK_MS;
}

function openInterface({ config, log, sensor }: Run): Capture {
  const { capture } = config;
  const filter = kernelFilter({
    ports: capture.ports,
    exclude: capture.exclude,
    filter: capture.filter,
  });
  const opened = Capture.openLive({
    interface: capture.interface,
    snapLength: capture.snap_length,
    ringBytes: capture.ring_bytes,
    timeoutMs: capture.timeout_ms,
    promiscuous: capture.promiscuous,
    filter,
  }, sensor.batch);
  log.info("Capturing", {
    interface: capture.interface,
    ports: capture.ports,
    link_type: opened.linkType,
  });
  return opened;
}

/** Undefined if it is still not there. */
function reopenInterface(run: Run): Capture | undefined {
  try {
    return openInterface(run);
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) throw thrown;
    if (thrown.exit === "noPermission") {
      throw new FatalError(
        "unavailable",
        "The interface was lost and cannot be opened again without root",
        { cause: thrown },
      );
    }
    run.log.debug("Interface is not back", { reason: messageOf(thrown) });
    return undefined;
  }
}

function becomeUser(user: string, log: Logger): void {
  if (!isRoot()) return;
  if (user === "") {
    log.warn("Running as root; set [capture] user to drop privileges", {});
    return;
  }
  dropPrivileges(user);
  log.info("Dropped privileges", { user });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

if (import.meta.main) await main(program);
