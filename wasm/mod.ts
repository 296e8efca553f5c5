/**
 * The parser: batches of captured packets or pieces of capture files in, HandshakeEvents as NDJSON
 * out.
 *
 * The crate in this folder does the work, in a WebAssembly instance with fixed memory. A trap
 * leaves the instance in an unknown state: throw it away and make another.
 *
 * @module
 */

/** What the parser counted since it was made. */
export interface ParserCounters {
  readonly packets: number;
  readonly bytes: number;
  readonly linkTypeUnknown: number;
  readonly notIp: number;
  readonly fragmentsDiscarded: number;
  readonly notTls: number;
  readonly tcpMalformed: number;
  readonly quicNotAuthentic: number;
  readonly quicVersionUnknown: number;
  readonly flowsEvicted: number;
  readonly streamsEvicted: number;
  readonly segmentsDiscarded: number;
  readonly complete: number;
  readonly malformed: number;
  readonly truncated: number;
  readonly gap: number;
  readonly sslv2: number;
  readonly flowsHeld: number;
  readonly streamsHeld: number;
}

/** Names of the counters in the order of `src/abi.rs`. */
const COUNTERS = [
  "packets",
  "bytes",
  "linkTypeUnknown",
  "notIp",
  "fragmentsDiscarded",
  "notTls",
  "tcpMalformed",
  "quicNotAuthentic",
  "quicVersionUnknown",
  "flowsEvicted",
  "streamsEvicted",
  "segmentsDiscarded",
  "complete",
  "malformed",
  "truncated",
  "gap",
  "sslv2",
  "flowsHeld",
  "streamsHeld",
] as const satisfies readonly (keyof ParserCounters)[];

/** Sizes compiled into the parser, in the order of `src/abi.rs`. */
export const PARSER_LIMITS = [
  "flowsMax",
  "streamsMax",
  "streamBytesMax",
  "streamRangesMax",
  "helloBytesMax",
  "handshakeEventBytesMax",
  "captureBatchBytes",
  "parserOutputBytes",
  "parserContextBytesMax",
  "streamAgeUsMax",
  "fragmentedMax",
  "fragmentedBytesMax",
  "fragmentedRangesMax",
  "fragmentedAgeUsMax",
  "conversationsMax",
  "messagesMax",
  "fileInterfacesMax",
] as const;

/** Why the rest of a capture file cannot be read, in the order of `src/file.rs`. */
const FILE_FAULTS = [
  "",
  "it is no capture",
  "this version of the format is not known",
  "its lengths contradict each other",
  "a packet belongs to no interface of the file",
  "it has too many interfaces",
  "a packet is too long",
] as const;

/** Why the rest of a capture file cannot be read; empty if it can. */
export type FileFault = typeof FILE_FAULTS[number];

interface Exports {
  readonly memory: WebAssembly.Memory;
  abi_version(): number;
  limit(index: number): bigint;
  batch_address(): number;
  context_address(): number;
  output_address(): number;
  output_length(): number;
  counters(): number;
  reset(
    linkType: number,
    contextLength: number,
    sequence: bigint,
    seed0: bigint,
    seed1: bigint,
  ): void;
  parse(start: number, end: number): number;
  file_begin(): void;
  file_parse(start: number, end: number): number;
  file_fault(): number;
  tick(now: bigint): number;
  finish(): number;
}

const ABI_VERSION = 3;

/** What {@linkcode Parser.begin} is told about a capture. */
export interface CaptureFacts {
  /** DLT_* or LINKTYPE_* number. */
  readonly linkType: number;
  /** Members that every event carries, such as sensor, boot and in_iface. */
  readonly context: Readonly<Record<string, string | number>>;
  /** Number of the last event before; events are numbered from the next one on. */
  readonly sequence: number;
}

/** Takes whole lines; the bytes are overwritten by the next call of the parser. */
export type LineSink = (lines: Uint8Array<ArrayBuffer>) => void;

/** Compiles the parser; instances of the module are cheap. */
export async function compileParser(): Promise<WebAssembly.Module> {
  const bytes = await Deno.readFile(new URL("ja4.wasm", import.meta.url));
  return await WebAssembly.compile(bytes);
}

/** One instance of the parser. */
export class Parser {
  readonly #exports: Exports;
  readonly #memory: ArrayBuffer;
  /** Where libpcap writes a batch, and pieces of a file are put. */
  readonly batch: Uint8Array<ArrayBuffer>;

  /** @throws {Error} if `module` is of another version. */
  constructor(module: WebAssembly.Module) {
    const { exports } = new WebAssembly.Instance(module, {});
    this.#exports = exports as unknown as Exports;
    if (this.#exports.abi_version() !== ABI_VERSION) {
      throw new Error("ja4.wasm is of another version than mod.ts");
    }
    this.#memory = this.#exports.memory.buffer as ArrayBuffer;
    this.batch = new Uint8Array(
      this.#memory,
      this.#exports.batch_address(),
      this.limit("captureBatchBytes"),
    );
  }

  /** A size that is compiled in. */
  limit(name: typeof PARSER_LIMITS[number]): number {
    return Number(this.#exports.limit(PARSER_LIMITS.indexOf(name)));
  }

  /** Begins a capture: connections are forgotten, counters go on. */
  begin(facts: CaptureFacts): void {
    const context = new TextEncoder().encode(
      JSON.stringify(facts.context).slice(1, -1),
    );
    if (context.length > this.limit("parserContextBytesMax")) {
      throw new RangeError("The names of sensor and interface are too long");
    }
    const address = this.#exports.context_address();
    new Uint8Array(this.#memory).set(context, address);
    const [seed0 = 0n, seed1 = 0n] = crypto.getRandomValues(
      new BigUint64Array(2),
    );
    this.#exports.reset(
      facts.linkType,
      context.length,
      BigInt(facts.sequence),
      seed0,
      seed1,
    );
  }

  /**
   * Reads the first `bytes` bytes of the batch.
   *
   * @throws {WebAssembly.RuntimeError} if the instance is lost.
   */
  parse(bytes: number, sink: LineSink): void {
    let start = 0;
    do {
      const next = this.#exports.parse(start, bytes);
      const length = this.#flush(sink);
      if (next === start && length === 0) {
        throw new Error("The batch ends within a record");
      }
      start = next;
    } while (start < bytes);
  }

  /** Begins a capture file: its first bytes come next. */
  beginFile(facts: Omit<CaptureFacts, "linkType">): void {
    this.begin({ ...facts, linkType: 0 });
    this.#exports.file_begin();
  }

  /**
   * Reads the first `bytes` bytes of the batch as the next piece of the file. `taken` of them
   * were read; the others must come again, with more behind them.
   *
   * @throws {WebAssembly.RuntimeError} if the instance is lost.
   */
  parseFile(
    bytes: number,
    sink: LineSink,
  ): { taken: number; fault: FileFault } {
    let taken = 0;
    while (true) {
      const next = this.#exports.file_parse(taken, bytes);
      const length = this.#flush(sink);
      const fault = FILE_FAULTS[this.#exports.file_fault()] ?? "";
      if (fault !== "" || (next === taken && length === 0)) {
        return { taken: next, fault };
      }
      taken = next;
    }
  }

  /** Says what time it is while no packets come. */
  tick(nowUs: number, sink: LineSink): void {
    let done: number;
    do {
      done = this.#exports.tick(BigInt(nowUs));
      this.#flush(sink);
    } while (done === 0);
  }

  /** Ends the capture: reports ClientHellos that are not finished. */
  finish(sink: LineSink): void {
    let done: number;
    do {
      done = this.#exports.finish();
      this.#flush(sink);
    } while (done === 0);
  }

  /** What was counted since the instance was made. */
  counters(): ParserCounters {
    const values = new BigUint64Array(
      this.#memory,
      this.#exports.counters(),
      COUNTERS.length,
    );
    return Object.fromEntries(
      COUNTERS.map((name, index) => [name, Number(values[index])]),
    ) as unknown as ParserCounters;
  }

  #flush(sink: LineSink): number {
    const length = this.#exports.output_length();
    if (length > 0) {
      const address = this.#exports.output_address();
      sink(new Uint8Array(this.#memory, address, length));
    }
    return length;
  }
}
