/**
 * One thread of the capture: opens the interface, takes its packets to events until it is told to
 * stop, and opens the interface anew when it is lost. It runs in the main thread or in a worker;
 * what it has to say it reports.
 *
 * The loop waits in `poll`, then takes batches until the ring is empty; libpcap's own blocking
 * read cannot be stopped on older versions when the line is silent.
 *
 * @module
 */
import { Capture } from "../ffi/pcap.ts";
import { kernelText } from "../ffi/libc.ts";
import { type ExitName, FatalError, messageOf } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";
import { evidencePieceBytes } from "../lib/limits.ts";
import { pause } from "../lib/shutdown.ts";
import { compileParser, Parser } from "../wasm/mod.ts";
import type { CaptureConfig } from "./config.ts";
import { kernelFilter, type Tunnel } from "./kernel_filter.ts";
import { type Blocks, type FileFacts, packetBlocks } from "./pcap_records.ts";
import { interfaceByRoute } from "./route.ts";
import { Sensor } from "./sensor.ts";
import type { Totals } from "./totals.ts";

/** How long one wait for packets lasts at most, milliseconds. */
const WAIT_MS = 50;
const TICK_MS = 1000;
/** How often it is looked whether the route still leads over the same interface. */
const ROUTE_MS = 5000;
/** Pauses between attempts to open a lost interface again, milliseconds. */
const REOPEN_MS = { first: 250, longest: 5000 } as const;
/** Time in which the kernel closes a block after its timeout, milliseconds. */
const BLOCK_SLACK_MS = 50;
/** Resolution of {@linkcode now}. */
const CLOCK_US = 1000;
const ROUTE = "route";

/** What a {@linkcode Lane} is made of; plain data, as it is sent to a worker. */
export interface LaneOptions {
  readonly capture: CaptureConfig["capture"];
  /** Name of this host in events. */
  readonly sensor: string;
  /** Start of the process, seconds since the epoch. */
  readonly boot: number;
  /** Divides the connections among the threads of a process; absent for one thread. */
  readonly fanoutGroup?: number | undefined;
  /** Whether packets are reported as evidence. */
  readonly evidence: boolean;
  /** Whether it counts what the interface drops; one thread of several does. */
  readonly countsInterface: boolean;
}

/** What a lane says. */
export type LaneReport =
  | { readonly kind: "opened"; readonly link: OpenLink }
  | {
    readonly kind: "lost";
    readonly interface: string;
    readonly reason: string;
  }
  /** Lines of handshake events. */
  | { readonly kind: "events"; readonly lines: Uint8Array<ArrayBuffer> }
  /** Every event of packets from before has been reported. */
  | { readonly kind: "until"; readonly ts: UnixMicros }
  | {
    readonly kind: "packets";
    readonly pieces: readonly Blocks[];
    readonly facts: FileFacts;
  }
  /** About once a second, and at the end. */
  | {
    readonly kind: "totals";
    readonly totals: Totals;
    readonly isUp: boolean;
  }
  | { readonly kind: "trapped"; readonly reason: string };

/** An interface as it was opened. */
export interface OpenLink {
  readonly interface: string;
  readonly linkType: number;
  readonly filter: string;
}

/** Takes packets to events. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #report: (report: LaneReport) => void;
  readonly #sensor: Sensor;
  #capture: Capture | undefined;
  #facts: FileFacts | undefined;
  /** rx_dropped of the interface when it was seen last, and all that it grew by. */
  #deviceDrops = 0;
  #deviceDropsSum = 0;

  private constructor(
    options: LaneOptions,
    report: (report: LaneReport) => void,
    module: WebAssembly.Module,
  ) {
    this.#options = options;
    this.#report = report;
    this.#sensor = new Sensor({
      sensor: options.sensor,
      boot: options.boot,
      now,
      makeParser: () => new Parser(module),
      emit: (lines) => report({ kind: "events", lines }),
      ...options.evidence
        ? { keep: (records) => this.#keep(records) }
        : undefined,
      onTrap: ({ message }) => report({ kind: "trapped", reason: message }),
    });
  }

  /**
   * A lane with its interface open.
   *
   * @throws {FatalError} as `Capture.openLive`, and `noInput` if no route leads anywhere.
   */
  static async open(
    options: LaneOptions,
    report: (report: LaneReport) => void,
  ): Promise<Lane> {
    const lane = new Lane(options, report, await compileParser());
    lane.#open();
    return lane;
  }

  /**
   * Captures until `signal` aborts; then takes what the kernel still holds.
   *
   * @throws {FatalError} `unavailable` if a lost interface cannot be opened without root.
   */
  async run(signal: AbortSignal): Promise<void> {
    let pauseMs: number = REOPEN_MS.first;
    try {
      while (!signal.aborted) {
        if (this.#capture === undefined) {
          await pause(pauseMs, signal);
          pauseMs = Math.min(pauseMs * 2, REOPEN_MS.longest);
          if (!signal.aborted) this.#reopen();
          continue;
        }
        const failure = await this.#drain(this.#capture, signal);
        this.#sensor.end(this.#capture);
        if (failure === undefined) break;
        this.close();
        pauseMs = REOPEN_MS.first;
        const { interface: name = "" } = this.#facts ?? {};
        this.#report({ kind: "lost", interface: name, reason: failure });
      }
    } finally {
      this.close();
      this.#reportTotals();
    }
  }

  /** Closes the interface. */
  close(): void {
    this.#capture?.[Symbol.dispose]();
    this.#capture = undefined;
  }

  #open(): void {
    const { capture, fanoutGroup } = this.#options;
    const name = interfaceOf(capture.interface);
    let filter = "";
    this.#capture = Capture.openLive({
      interface: name,
      snapLength: capture.snap_length,
      ringBytes: capture.ring_bytes,
      timeoutMs: capture.timeout_ms,
      promiscuous: capture.promiscuous,
      outgoing: capture.measure_rtt,
      filter: (linkType) => filter = filterOf(capture, linkType),
      fanoutGroup,
    }, this.#sensor.batch);
    const { linkType } = this.#capture;
    this.#facts = {
      linkType,
      snapLength: capture.snap_length,
      interface: name,
      filter,
      application: "ja4-platform capture",
    };
    this.#deviceDrops = deviceDrops(name) ?? 0;
    // Until a thread has joined its group it gets packets that others of the group get too.
    const since = fanoutGroup === undefined
      ? undefined
      : now() + CLOCK_US as UnixMicros;
    this.#sensor.begin({ interface: name, linkType, since });
    this.#report({
      kind: "opened",
      link: { interface: name, linkType, filter },
    });
  }

  /** Leaves it closed if the interface is still not there. */
  #reopen(): void {
    try {
      this.#open();
    } catch (thrown) {
      if (!(thrown instanceof FatalError)) throw thrown;
      if (thrown.exit !== "noPermission") return;
      throw new FatalError(
        "unavailable",
        "The interface was lost and cannot be opened again without root",
        { cause: thrown },
      );
    }
  }

  /** libpcap knows what the hardware had no room for, not what the queue behind it had none for. */
  #countDeviceDrops(): number {
    const count = deviceDrops(this.#facts?.interface ?? "");
    if (count !== undefined) {
      this.#deviceDropsSum += Math.max(0, count - this.#deviceDrops);
      this.#deviceDrops = count;
    }
    return this.#deviceDropsSum;
  }

  /** Reads packets until the signal (undefined) or the interface's failure (why). */
  async #drain(
    capture: Capture,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { timeout_ms } = this.#options.capture;
    const holdUs = (timeout_ms + BLOCK_SLACK_MS) * 1000;
    let tickedMs = performance.now();
    let routeMs = tickedMs;
    let endMs = Infinity;
    while (performance.now() < endMs) {
      if (signal.aborted && endMs === Infinity) {
        // The kernel hands over its last block when its time is over.
        endMs = performance.now() + timeout_ms + BLOCK_SLACK_MS;
      }
      const beganUs = now();
      await capture.wait(WAIT_MS);
      let got: number | string;
      do {
        got = this.#sensor.read(capture);
        if (typeof got === "string") return got;
      } while (
        got > 0 && !isDue(tickedMs, TICK_MS) && performance.now() < endMs
      );
      if (got === 0) {
        this.#report({ kind: "until", ts: (beganUs - holdUs) as UnixMicros });
      }
      if (!isDue(tickedMs, TICK_MS)) continue;
      tickedMs = performance.now();
      this.#sensor.tick(capture);
      this.#reportTotals();
      if (isDue(routeMs, ROUTE_MS)) {
        routeMs = tickedMs;
        if (this.#hasMoved()) return "the route leads over another interface";
      }
    }
    return undefined;
  }

  /** Whether the interface is chosen by route and that is another one now. */
  #hasMoved(): boolean {
    const wanted = this.#options.capture.interface;
    if (!isRoute(wanted)) return false;
    const found = interfaceByRouteTo(wanted);
    return found !== undefined && found !== this.#facts?.interface;
  }

  #keep(records: Uint8Array<ArrayBuffer>): void {
    if (this.#facts === undefined) return;
    const pieces = packetBlocks(records, evidencePieceBytes);
    this.#report({ kind: "packets", pieces, facts: this.#facts });
  }

  #reportTotals(): void {
    const totals = this.#sensor.totals();
    const { kernel } = totals;
    const interfaceDrops = this.#options.countsInterface
      ? kernel.interfaceDrops + this.#countDeviceDrops()
      : 0;
    this.#report({
      kind: "totals",
      totals: { ...totals, kernel: { ...kernel, interfaceDrops } },
      isUp: this.#capture !== undefined &&
        !isDown(this.#facts?.interface ?? ""),
    });
  }
}

function isDue(sinceMs: number, everyMs: number): boolean {
  return performance.now() - sinceMs >= everyMs;
}

/** Microseconds since the epoch by the clock that the kernel stamps packets with, to a millisecond. */
export function now(): UnixMicros {
  return Date.now() * 1000 as UnixMicros;
}

function filterOf(
  capture: CaptureConfig["capture"],
  linkType: number,
): string {
  return kernelFilter({
    ports: capture.ports,
    addresses: capture.addresses,
    exclude: capture.exclude,
    vlan: capture.vlan,
    tunnels: capture.tunnels as Tunnel[],
    measureRtt: capture.measure_rtt,
    filter: capture.filter,
  }, linkType);
}

function isRoute(text: string): boolean {
  return text === ROUTE || text.startsWith(`${ROUTE}:`);
}

/** @throws {FatalError} `noInput` */
function interfaceOf(text: string): string {
  if (!isRoute(text)) return text;
  const name = interfaceByRouteTo(text);
  if (name !== undefined) return name;
  throw new FatalError(
    "noInput",
    text === ROUTE
      ? "Cannot choose an interface: there is no default route"
      : `Cannot choose an interface: there is no route to ${
        text.slice(ROUTE.length + 1)
      }`,
  );
}

/** `route` or `route:ADDRESS`. */
function interfaceByRouteTo(text: string): string | undefined {
  return interfaceByRoute({
    v4: kernelText("/proc/self/net/route"),
    v6: kernelText("/proc/self/net/ipv6_route"),
  }, parseIp(text.slice(ROUTE.length + 1)));
}

/** Packets that the kernel dropped between the interface and the captures; unknown for `any`. */
function deviceDrops(name: string): number | undefined {
  const text = kernelText(`/sys/class/net/${name}/statistics/rx_dropped`);
  return text === undefined ? undefined : Number(text);
}

/** Whether the interface exists and is down; a loopback says neither. */
function isDown(name: string): boolean {
  const state = kernelText(`/sys/class/net/${name}/operstate`)?.trim();
  return state === "down" || state === "lowerlayerdown";
}

/** What a thread answers that cannot go on. */
export interface LaneFailure {
  /** Absent for a fault of ours. */
  readonly exit?: ExitName;
  readonly message: string;
}

/** A failure as it is sent between threads. */
export function failureOf(thrown: unknown): LaneFailure {
  const message = messageOf(thrown);
  if (thrown instanceof FatalError) return { exit: thrown.exit, message };
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return { message: stack ?? message };
}
