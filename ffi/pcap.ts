/**
 * libpcap: packets of an interface into a batch buffer, many in one call.
 *
 * `pcap_dispatch` is given libpcap's own `pcap_dump` as its callback, which writes each packet
 * with a 16-byte header into a stdio stream that lies over the buffer (`fmemopen`). No JavaScript
 * runs per packet, and when the buffer is WebAssembly memory nothing is copied again.
 *
 * What could not be guessed: `pcap_dump` ignores errors of the stream, so a batch that does not
 * fit would be lost in silence. The count of each batch is bounded by what fits at the snapshot
 * length, and the stream's error flag and position are read after each.
 *
 * @module
 */
import { FatalError } from "../lib/errors.ts";
import { invariant } from "../lib/invariant.ts";
import {
  cString,
  interfaceNames,
  type Libc,
  LITTLE_ENDIAN,
  openLibc,
  openLibrary,
  stringAt,
  textOf,
} from "./libc.ts";

const LIBPCAP_PATHS = [
  "/usr/lib/x86_64-linux-gnu/libpcap.so.0.8",
  "/usr/lib64/libpcap.so.1",
  "/usr/lib/aarch64-linux-gnu/libpcap.so.0.8",
] as const;

const SYMBOLS = {
  pcap_open_dead: { parameters: ["i32", "i32"], result: "pointer" },
  pcap_create: { parameters: ["buffer", "buffer"], result: "pointer" },
  pcap_set_snaplen: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_promisc: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_timeout: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_set_buffer_size: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_activate: { parameters: ["pointer"], result: "i32" },
  pcap_setnonblock: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
  pcap_setdirection: { parameters: ["pointer", "i32"], result: "i32" },
  pcap_fileno: { parameters: ["pointer"], result: "i32" },
  pcap_get_selectable_fd: { parameters: ["pointer"], result: "i32" },
  pcap_compile: {
    parameters: ["pointer", "buffer", "buffer", "i32", "u32"],
    result: "i32",
  },
  pcap_setfilter: { parameters: ["pointer", "buffer"], result: "i32" },
  pcap_freecode: { parameters: ["buffer"], result: "void" },
  pcap_datalink: { parameters: ["pointer"], result: "i32" },
  pcap_snapshot: { parameters: ["pointer"], result: "i32" },
  pcap_stats: { parameters: ["pointer", "buffer"], result: "i32" },
  pcap_geterr: { parameters: ["pointer"], result: "pointer" },
  pcap_statustostr: { parameters: ["i32"], result: "pointer" },
  pcap_close: { parameters: ["pointer"], result: "void" },
  pcap_dump: { type: "pointer" },
  pcap_dump_fopen: { parameters: ["pointer", "pointer"], result: "pointer" },
  pcap_dump_flush: { parameters: ["pointer"], result: "i32" },
  pcap_dump_close: { parameters: ["pointer"], result: "void" },
  pcap_dispatch: {
    parameters: ["pointer", "i32", "pointer", "pointer"],
    result: "i32",
  },
} as const;

type Libpcap = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const ERRBUF_BYTES = 256;
/** Seconds, microseconds, captured length, length on the wire. */
const RECORD_HEADER_BYTES = 16;
/** Buffer of stdio: libpcap writes a packet in two pieces. */
const STDIO_BYTES = 256 * 1024;
const IOFBF = 0;
const SEEK_SET = 0;
const POLLIN = 1;
const DIRECTION_IN = 1;
const SOL_PACKET = 263;
const PACKET_FANOUT = 18;
/** By a hash of addresses and ports, the same for both directions; IPv4 fragments are joined first. */
const FANOUT_HASH_DEFRAG = 0x8000;
const ERROR_NO_SUCH_DEVICE = -5;
const ERROR_PERM_DENIED = -8;
const ERROR_IFACE_NOT_UP = -9;

/** How an interface is opened. */
export interface LiveOptions {
  readonly interface: string;
  /** Bytes kept of each packet. */
  readonly snapLength: number;
  /** Bytes of the kernel's ring. */
  readonly ringBytes: number;
  /** Longest time until the kernel hands over what it has, milliseconds. */
  readonly timeoutMs: number;
  readonly promiscuous: boolean;
  /** Packets that go out are captured too. */
  readonly outgoing: boolean;
  /** pcap-filter(7) expression for a link type (DLT_*); empty for all packets. */
  readonly filter: (linkType: number) => string;
  /**
   * Number, 0..65535, of the group among whose members the kernel divides the connections; one
   * group a process.
   */
  readonly fanoutGroup?: number | undefined;
}

/** What one {@linkcode Capture.read} brought. */
export interface Batch {
  readonly packets: number;
  /** Bytes of records at the front of the buffer. */
  readonly bytes: number;
  /** Packets that did not fit the whole buffer and are lost. */
  readonly oversized: number;
  /** Why no more will come; the records at hand are good. */
  readonly failure?: string;
}

/** Counts of the kernel since the interface was opened. */
export interface KernelStats {
  readonly received: number;
  readonly kernelDrops: number;
  readonly interfaceDrops: number;
}

let libpcap: Libpcap | undefined;

function openLibpcap(): Libpcap {
  libpcap ??= openLibrary("libpcap", LIBPCAP_PATHS, SYMBOLS).symbols;
  return libpcap;
}

/** libpcap's writer over a buffer, and the memory that C holds addresses of. */
interface Dump {
  readonly stream: NonNullable<Deno.PointerValue>;
  readonly dumper: NonNullable<Deno.PointerValue>;
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly stdio: Uint8Array<ArrayBuffer>;
  /** Packets that surely fit. */
  readonly countMax: number;
}

/** An interface whose packets go into one buffer. */
export class Capture implements Disposable {
  readonly #pcap: Libpcap = openLibpcap();
  readonly #libc: Libc = openLibc();
  readonly #handle: NonNullable<Deno.PointerValue>;
  readonly #pollfd = new Uint8Array(8);
  #dump: Dump;
  #closed = false;

  private constructor(
    handle: NonNullable<Deno.PointerValue>,
    buffer: Uint8Array<ArrayBuffer>,
  ) {
    this.#handle = handle;
    try {
      this.#dump = this.#openDump(buffer);
    } catch (thrown) {
      this.#pcap.pcap_close(handle);
      throw thrown;
    }
  }

  #openDump(buffer: Uint8Array<ArrayBuffer>): Dump {
    const stream = this.#libc.fmemopen(
      buffer,
      BigInt(buffer.length),
      cString("w"),
    );
    invariant(stream !== null, "fmemopen refused the batch buffer");
    const stdio = new Uint8Array(STDIO_BYTES);
    this.#libc.setvbuf(stream, stdio, IOFBF, BigInt(stdio.length));
    const dumper = this.#pcap.pcap_dump_fopen(this.#handle, stream);
    if (dumper === null) {
      this.#libc.fclose(stream);
      throw new FatalError("noInput", this.#error());
    }
    const recordBytes = RECORD_HEADER_BYTES +
      this.#pcap.pcap_snapshot(this.#handle);
    const countMax = Math.max(1, Math.floor(buffer.length / recordBytes));
    return { stream, dumper, buffer, stdio, countMax };
  }

  /** From now on packets go into another buffer. */
  writeInto(buffer: Uint8Array<ArrayBuffer>): void {
    this.#pcap.pcap_dump_close(this.#dump.dumper);
    this.#dump = this.#openDump(buffer);
  }

  /**
   * Opens an interface. Needs CAP_NET_RAW.
   *
   * @throws {FatalError} `noInput` if there is no such interface or it is down, `noPermission`
   * without the right to capture, `config` for a filter that does not compile.
   */
  static openLive(
    options: LiveOptions,
    buffer: Uint8Array<ArrayBuffer>,
  ): Capture {
    const pcap = openLibpcap();
    const error = new Uint8Array(ERRBUF_BYTES);
    const handle = pcap.pcap_create(cString(options.interface), error);
    if (handle === null) {
      throw new FatalError(
        "noInput",
        `Cannot open interface "${options.interface}": ${textOf(error)}`,
      );
    }
    pcap.pcap_set_snaplen(handle, options.snapLength);
    pcap.pcap_set_promisc(handle, options.promiscuous ? 1 : 0);
    // With a timeout and without immediate mode libpcap uses TPACKET_V3: blocks of packets
    // instead of fixed slots, which immediate mode would overflow with a tenth of the traffic.
    pcap.pcap_set_timeout(handle, options.timeoutMs);
    pcap.pcap_set_buffer_size(handle, options.ringBytes);
    try {
      const status = pcap.pcap_activate(handle);
      if (status < 0) throw activationError(pcap, handle, status, options);
      // As early as possible: until then this socket gets what its group has too.
      if (options.fanoutGroup !== undefined) joinGroup(handle, options);
      setFilter(pcap, handle, options.filter(pcap.pcap_datalink(handle)));
      // Not `inbound` in the filter: libpcap runs the filter once more itself over what the
      // kernel queued before it was set, and there that word matches nothing.
      if (
        !options.outgoing && pcap.pcap_setdirection(handle, DIRECTION_IN) !== 0
      ) {
        throw new FatalError("unavailable", stringAt(pcap.pcap_geterr(handle)));
      }
      if (pcap.pcap_setnonblock(handle, 1, error) !== 0) {
        throw new FatalError("unavailable", textOf(error));
      }
    } catch (thrown) {
      pcap.pcap_close(handle);
      throw thrown;
    }
    return new Capture(handle, buffer);
  }

  /** DLT_* number of the link layer. */
  get linkType(): number {
    return this.#pcap.pcap_datalink(this.#handle);
  }

  /** Fetches what is there, at most what surely fits. */
  read(): Batch {
    const { pcap_dispatch, pcap_dump, pcap_dump_flush } = this.#pcap;
    const { fseek, ftell, ferror, clearerr } = this.#libc;
    const { stream, dumper, countMax } = this.#dump;
    fseek(stream, 0n, SEEK_SET);
    const count = pcap_dispatch(this.#handle, countMax, pcap_dump, dumper);
    // Flushing and not the call above is what writes into the buffer.
    const flushed = pcap_dump_flush(dumper);
    if (flushed !== 0 || ferror(stream) !== 0) {
      // One packet longer than the whole buffer: only a count of 1 can do that.
      invariant(countMax === 1, "a batch outgrew its buffer");
      clearerr(stream);
      return { packets: 1, bytes: 0, oversized: 1 };
    }
    const bytes = Number(ftell(stream));
    // A failure in the middle leaves the packets before it in the buffer.
    return count >= 0
      ? { packets: count, bytes, oversized: 0 }
      : { packets: 0, bytes, oversized: 0, failure: this.#error() };
  }

  /** Waits until the interface has packets, at most `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    const view = new DataView(this.#pollfd.buffer);
    view.setInt32(
      0,
      this.#pcap.pcap_get_selectable_fd(this.#handle),
      LITTLE_ENDIAN,
    );
    view.setInt16(4, POLLIN, LITTLE_ENDIAN);
    await this.#libc.poll(this.#pollfd, 1n, timeoutMs);
  }

  /** What the kernel counted; undefined once the interface is gone. */
  stats(): KernelStats | undefined {
    const stats = new Uint32Array(3);
    const status = this.#pcap.pcap_stats(
      this.#handle,
      new Uint8Array(stats.buffer),
    );
    if (status !== 0) return undefined;
    const [received = 0, kernelDrops = 0, interfaceDrops = 0] = stats;
    return { received, kernelDrops, interfaceDrops };
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pcap.pcap_dump_close(this.#dump.dumper);
    this.#pcap.pcap_close(this.#handle);
  }

  #error(): string {
    return stringAt(this.#pcap.pcap_geterr(this.#handle));
  }
}

/**
 * Checks a filter without opening anything.
 *
 * @throws {FatalError} `config` with libpcap's words.
 */
export function checkFilter(filter: string, linkType: number): void {
  const pcap = openLibpcap();
  const handle = pcap.pcap_open_dead(linkType, 65_535);
  invariant(handle !== null, "pcap_open_dead refused a link type");
  try {
    freeFilter(pcap, compile(pcap, handle, filter));
  } finally {
    pcap.pcap_close(handle);
  }
}

/** @throws {FatalError} `unavailable` */
function joinGroup(
  handle: NonNullable<Deno.PointerValue>,
  { fanoutGroup = 0, interface: name }: LiveOptions,
): void {
  const option = new Uint8Array(4);
  const view = new DataView(option.buffer);
  view.setUint16(0, fanoutGroup, LITTLE_ENDIAN);
  view.setUint16(2, FANOUT_HASH_DEFRAG, LITTLE_ENDIAN);
  const { setsockopt } = openLibc();
  const fd = openLibpcap().pcap_fileno(handle);
  if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, option, option.length) === 0) {
    return;
  }
  throw new FatalError(
    "unavailable",
    `Cannot divide the packets of interface "${name}" among workers: the kernel refuses PACKET_FANOUT`,
  );
}

function setFilter(
  pcap: Libpcap,
  handle: NonNullable<Deno.PointerValue>,
  filter: string,
): void {
  if (filter === "") return;
  const program = compile(pcap, handle, filter);
  const status = pcap.pcap_setfilter(handle, program);
  freeFilter(pcap, program);
  if (status !== 0) {
    throw new FatalError(
      "unavailable",
      `Cannot set the filter: ${stringAt(pcap.pcap_geterr(handle))}`,
    );
  }
}

/** `struct bpf_program`: a count and a pointer. */
const BPF_PROGRAM_BYTES = 16;
const OPTIMIZE = 1;
const NETMASK_UNKNOWN = 0xffff_ffff;

function compile(
  pcap: Libpcap,
  handle: NonNullable<Deno.PointerValue>,
  filter: string,
): Uint8Array<ArrayBuffer> {
  const program = new Uint8Array(BPF_PROGRAM_BYTES);
  const status = pcap.pcap_compile(
    handle,
    program,
    cString(filter),
    OPTIMIZE,
    NETMASK_UNKNOWN,
  );
  if (status === 0) return program;
  throw new FatalError(
    "config",
    `Cannot use the filter "${filter}": ${stringAt(pcap.pcap_geterr(handle))}`,
  );
}

function freeFilter(pcap: Libpcap, program: Uint8Array<ArrayBuffer>): void {
  pcap.pcap_freecode(program);
}

function activationError(
  pcap: Libpcap,
  handle: NonNullable<Deno.PointerValue>,
  status: number,
  options: LiveOptions,
): FatalError {
  const attempt = `Cannot capture on interface "${options.interface}"`;
  switch (status) {
    case ERROR_NO_SUCH_DEVICE:
      return new FatalError(
        "noInput",
        `${attempt}: there is none; there are ${interfaceNames().join(", ")}`,
      );
    case ERROR_PERM_DENIED:
      return new FatalError(
        "noPermission",
        `${attempt}: no permission; run as root or with CAP_NET_RAW`,
      );
    case ERROR_IFACE_NOT_UP:
      return new FatalError("noInput", `${attempt}: it is down`);
    default: {
      const detail = stringAt(pcap.pcap_geterr(handle)) ||
        stringAt(pcap.pcap_statustostr(status));
      return new FatalError("unavailable", `${attempt}: ${detail}`);
    }
  }
}
