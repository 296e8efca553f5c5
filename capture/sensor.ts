/**
 * One capturing host: packets of an interface through the parser to the outlets, with totals that
 * survive what is replaced on the way (the interface, the parser).
 *
 * @module
 */
import type { Capture, KernelStats } from "../ffi/pcap.ts";
import type { StatsEvent, UnixMicros } from "../lib/events.ts";
import type { Parser, ParserCounters } from "../wasm/mod.ts";

/** What a {@linkcode Sensor} needs. */
export interface SensorOptions {
  readonly sensor: string;
  readonly interface: string;
  /** Start of the process, seconds since the epoch. */
  readonly boot: number;
  readonly now: () => UnixMicros;
  /** A fresh parser: the first one, and after each trap. */
  makeParser(): Parser;
  /** Takes whole lines, which stay as they are. */
  emit(lines: Uint8Array<ArrayBuffer>): void;
  /** Called after a trap. */
  onTrap(thrown: WebAssembly.RuntimeError): void;
}

/** Sums since the start of the process. */
export interface Totals {
  readonly parser: ParserCounters;
  readonly kernel: KernelStats;
  readonly handshakes: number;
  readonly traps: number;
  readonly oversized: number;
}

const NO_KERNEL_STATS: KernelStats = {
  received: 0,
  kernelDrops: 0,
  interfaceDrops: 0,
};

/** Feeds batches to the parser. */
export class Sensor {
  readonly #options: SensorOptions;
  #parser: Parser;
  /** Counters of parsers that are gone. */
  #retired: ParserCounters | undefined;
  /** Kernel counters of interfaces that were closed. */
  #closed = NO_KERNEL_STATS;
  #kernel = NO_KERNEL_STATS;
  #traps = 0;
  #oversized = 0;
  #linkType = 0;

  constructor(options: SensorOptions) {
    this.#options = options;
    this.#parser = options.makeParser();
  }

  /** Where an interface that is opened next writes its packets. */
  get batch(): Uint8Array<ArrayBuffer> {
    return this.#parser.batch;
  }

  /** Begins with the packets of an interface; connections seen before are forgotten. */
  begin(linkType: number): void {
    this.#linkType = linkType;
    this.#parser.begin({
      linkType,
      context: {
        sensor: this.#options.sensor,
        boot: this.#options.boot,
        in_iface: this.#options.interface,
      },
      sequence: this.totals().handshakes,
    });
  }

  /**
   * Takes what the interface has, one batch. Returns how many packets that was, or why the
   * interface has failed.
   */
  read(capture: Capture): number | string {
    const batch = capture.read();
    this.#oversized += batch.oversized;
    if (batch.bytes > 0) {
      try {
        this.#parser.parse(batch.bytes, (lines) => this.#emit(lines));
      } catch (thrown) {
        this.#replaceParser(thrown, capture);
      }
    }
    return batch.failure ?? batch.packets;
  }

  /** Tells the parser the time, so that unfinished ClientHellos of a silent line end. */
  tick(capture: Capture): void {
    try {
      this.#parser.tick(this.#options.now(), (lines) => this.#emit(lines));
    } catch (thrown) {
      this.#replaceParser(thrown, capture);
    }
    this.#kernel = capture.stats() ?? this.#kernel;
  }

  /** Ends with an interface: reports what is unfinished, keeps its counters. */
  end(capture: Capture): void {
    this.#kernel = capture.stats() ?? this.#kernel;
    this.#closed = addKernel(this.#closed, this.#kernel);
    this.#kernel = NO_KERNEL_STATS;
    this.#parser.finish((lines) => this.#emit(lines));
  }

  /** Sums since the start. */
  totals(): Totals {
    const parser = addCounters(this.#retired, this.#parser.counters());
    return {
      parser,
      kernel: addKernel(this.#closed, this.#kernel),
      handshakes: parser.complete + parser.malformed + parser.truncated +
        parser.gap + parser.sslv2,
      traps: this.#traps,
      oversized: this.#oversized,
    };
  }

  /** The periodic event that tells "no TLS seen" from "lost". */
  statsEvent(eventsDropped: number): StatsEvent {
    const { parser, kernel, handshakes, traps } = this.totals();
    return {
      event_type: "stats",
      ts: this.#options.now(),
      sensor: this.#options.sensor,
      boot: this.#options.boot,
      packets: parser.packets,
      kernel_drops: kernel.kernelDrops,
      interface_drops: kernel.interfaceDrops,
      events_dropped: eventsDropped,
      handshakes,
      flows_held: parser.flowsHeld,
      flows_evicted: parser.flowsEvicted,
      wasm_traps: traps,
      memory_bytes: Deno.memoryUsage().rss,
    };
  }

  /** The parser's memory is overwritten by its next call, so the lines are copied. */
  #emit(lines: Uint8Array<ArrayBuffer>): void {
    this.#options.emit(lines.slice());
  }

  /** A trap costs the rest of one batch and the connections in the making. */
  #replaceParser(thrown: unknown, capture: Capture): void {
    if (!(thrown instanceof WebAssembly.RuntimeError)) throw thrown;
    this.#traps++;
    this.#options.onTrap(thrown);
    this.#retired = addCounters(this.#retired, this.#parser.counters());
    this.#parser = this.#options.makeParser();
    capture.writeInto(this.#parser.batch);
    this.begin(this.#linkType);
  }
}

/** Counters that are a state and no sum. */
const GAUGES: readonly string[] = ["flowsHeld", "streamsHeld"];

function addCounters(
  retired: ParserCounters | undefined,
  current: ParserCounters,
): ParserCounters {
  if (retired === undefined) return current;
  const sums = Object.entries(current).map(([name, value]) => [
    name,
    GAUGES.includes(name)
      ? value
      : value + retired[name as keyof ParserCounters],
  ]);
  return Object.fromEntries(sums) as ParserCounters;
}

function addKernel(a: KernelStats, b: KernelStats): KernelStats {
  return {
    received: a.received + b.received,
    kernelDrops: a.kernelDrops + b.kernelDrops,
    interfaceDrops: a.interfaceDrops + b.interfaceDrops,
  };
}
