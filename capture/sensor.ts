/**
 * One capturing thread: packets of an interface through the parser to events, with totals that
 * survive what is replaced on the way (the interface, the parser).
 *
 * @module
 */
import type { Capture, KernelStats } from "../ffi/pcap.ts";
import type { UnixMicros } from "../lib/events.ts";
import type { Parser, ParserCounters } from "../wasm/mod.ts";
import { recordsSince } from "./pcap_records.ts";
import { addKernel, addRetired, type Totals } from "./totals.ts";

/** What a {@linkcode Sensor} needs. */
export interface SensorOptions {
  readonly sensor: string;
  /** Start of the process, seconds since the epoch. */
  readonly boot: number;
  readonly now: () => UnixMicros;
  /** A fresh parser: the first one, and after each trap. */
  makeParser(): Parser;
  /** Takes whole lines, which stay as they are. */
  emit(lines: Uint8Array<ArrayBuffer>): void;
  /** Takes the records of a batch before they are parsed; they are overwritten by the next. */
  keep?(records: Uint8Array<ArrayBuffer>): void;
  /** Called after a trap. */
  onTrap(thrown: WebAssembly.RuntimeError): void;
}

/** An interface that is open. */
export interface Link {
  readonly interface: string;
  /** DLT_* number. */
  readonly linkType: number;
  /** Packets from before are left out: another thread has had them. */
  readonly since?: UnixMicros | undefined;
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
  #link: Link = { interface: "", linkType: 0 };
  #since: UnixMicros | undefined;

  constructor(options: SensorOptions) {
    this.#options = options;
    this.#parser = options.makeParser();
  }

  /** Where an interface that is opened next writes its packets. */
  get batch(): Uint8Array<ArrayBuffer> {
    return this.#parser.batch;
  }

  /** Begins with the packets of an interface; connections seen before are forgotten. */
  begin(link: Link): void {
    this.#link = link;
    this.#since = link.since;
    this.#beginParser();
  }

  #beginParser(): void {
    this.#parser.begin({
      linkType: this.#link.linkType,
      context: {
        sensor: this.#options.sensor,
        boot: this.#options.boot,
        in_iface: this.#link.interface,
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
    const bytes = this.#leaveOut(batch.bytes);
    if (bytes > 0) {
      this.#options.keep?.(this.#parser.batch.subarray(0, bytes));
      try {
        this.#parser.parse(bytes, (lines) => this.#emit(lines));
      } catch (thrown) {
        this.#replaceParser(thrown, capture);
      }
    }
    return batch.failure ?? batch.packets;
  }

  /** Removes the packets from before {@linkcode Link.since}; returns the bytes that are left. */
  #leaveOut(bytes: number): number {
    if (this.#since === undefined || bytes === 0) return bytes;
    const { batch } = this.#parser;
    const start = recordsSince(batch.subarray(0, bytes), this.#since);
    if (start < bytes) this.#since = undefined;
    batch.copyWithin(0, start, bytes);
    return bytes - start;
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
    const parser = addRetired(this.#retired, this.#parser.counters());
    return {
      parser,
      kernel: addKernel(this.#closed, this.#kernel),
      handshakes: parser.complete + parser.malformed + parser.truncated +
        parser.gap + parser.sslv2,
      traps: this.#traps,
      oversized: this.#oversized,
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
    this.#retired = addRetired(this.#retired, this.#parser.counters());
    this.#parser = this.#options.makeParser();
    capture.writeInto(this.#parser.batch);
    this.#beginParser();
  }
}
