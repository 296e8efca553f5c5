/**
 * Datagrams of a UNIX socket by recvmmsg(2): many in one call, what was cut is known, and the socket
 * may be one that systemd passed.
 *
 * Addresses of buffers are found with `strtol`, which writes where it stopped reading: under a scoped
 * `--allow-ffi` there is no `Deno.UnsafePointer`.
 *
 * @module
 */
import { FatalError } from "../lib/errors.ts";
import { LIBC_PATHS } from "../lib/libraries.ts";
import { cString, LITTLE_ENDIAN, openLibrary } from "./libc.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  recvmmsg: {
    parameters: ["i32", "buffer", "u32", "i32", "buffer"],
    result: "i32",
  },
  // The only call that waits, on a thread of its own.
  poll: {
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },
  strtol: { parameters: ["buffer", "buffer", "i32"], result: "i64" },
} as const;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const POLLIN = 1;
/** struct mmsghdr of 64-bit Linux: msghdr of 56 bytes, msg_len, padding. */
const HEADER = { bytes: 64, iov: 16, iovlen: 24, flags: 48, length: 56 };
const IOVEC_BYTES = 16;
/** More at a time is no better: the kernel's queue is shorter. */
const TOGETHER = 64;

/** Reads datagrams of at most `bytesMax` bytes. */
export class DatagramReader implements Disposable {
  readonly #libc: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #descriptor: number;
  readonly #bytesMax: number;
  readonly #data: Uint8Array<ArrayBuffer>;
  readonly #iovecs: Uint8Array<ArrayBuffer>;
  readonly #headers: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;

  /**
   * Binds a socket to `from`, or takes the descriptor `from`.
   *
   * @throws {FatalError} if the C library cannot be opened, the path not be bound, or the descriptor
   * is no datagram socket.
   */
  constructor(from: string | number, bytesMax: number) {
    this.#libc = openLibrary("the C library", LIBC_PATHS, SYMBOLS);
    this.#bytesMax = bytesMax;
    this.#descriptor = typeof from === "string"
      ? this.#bind(from)
      : this.#adopt(from);
    this.#data = new Uint8Array(TOGETHER * bytesMax);
    this.#iovecs = new Uint8Array(TOGETHER * IOVEC_BYTES);
    this.#headers = new Uint8Array(TOGETHER * HEADER.bytes);
    this.#view = new DataView(this.#headers.buffer);
    const data = this.#addressOf(this.#data);
    const iovecs = this.#addressOf(this.#iovecs);
    const vectors = new DataView(this.#iovecs.buffer);
    for (let i = 0; i < TOGETHER; i++) {
      const at = i * IOVEC_BYTES;
      vectors.setBigUint64(at, data + BigInt(i * bytesMax), LITTLE_ENDIAN);
      vectors.setBigUint64(at + 8, BigInt(bytesMax), LITTLE_ENDIAN);
      const header = i * HEADER.bytes;
      this.#view.setBigUint64(
        header + HEADER.iov,
        iovecs + BigInt(at),
        LITTLE_ENDIAN,
      );
      this.#view.setBigUint64(header + HEADER.iovlen, 1n, LITTLE_ENDIAN);
    }
  }

  /**
   * Hands what is queued, at most 64 datagrams, to `take`; returns how many there were. A datagram
   * that was longer is handed as undefined. The bytes are valid until the next call.
   */
  receive(take: (datagram: Uint8Array | undefined) => void): number {
    const found = this.#libc.symbols.recvmmsg(
      this.#descriptor,
      this.#headers,
      TOGETHER,
      MSG_DONTWAIT,
      null,
    );
    for (let i = 0; i < found; i++) {
      const header = i * HEADER.bytes;
      const flags = this.#view.getInt32(header + HEADER.flags, LITTLE_ENDIAN);
      const length = this.#view.getUint32(
        header + HEADER.length,
        LITTLE_ENDIAN,
      );
      const start = i * this.#bytesMax;
      take(
        (flags & MSG_TRUNC) !== 0
          ? undefined
          : this.#data.subarray(start, start + length),
      );
    }
    return Math.max(found, 0);
  }

  /**
   * Waits for a datagram, at most `ms`. Other work of the thread goes on.
   *
   * @throws {FatalError} if the socket is broken.
   */
  async wait(ms: number): Promise<void> {
    const poll = new Uint8Array(8);
    const view = new DataView(poll.buffer);
    view.setInt32(0, this.#descriptor, LITTLE_ENDIAN);
    view.setInt16(4, POLLIN, LITTLE_ENDIAN);
    const ready = await this.#libc.symbols.poll(poll, 1n, ms);
    const events = view.getInt16(6, LITTLE_ENDIAN);
    if (ready > 0 && (events & ~POLLIN) !== 0) {
      throw new FatalError("unavailable", "The socket is broken");
    }
  }

  [Symbol.dispose](): void {
    this.#libc.symbols.close(this.#descriptor);
    this.#libc.close();
  }

  #bind(path: string): number {
    const { socket, bind, close } = this.#libc.symbols;
    const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const address = new Uint8Array(110); // struct sockaddr_un
    new DataView(address.buffer).setUint16(0, AF_UNIX, LITTLE_ENDIAN);
    address.set(cString(path), 2);
    if (bind(descriptor, address, address.length) !== 0) {
      close(descriptor);
      throw new FatalError("unavailable", "The path cannot be bound");
    }
    return descriptor;
  }

  #adopt(descriptor: number): number {
    const type = new Uint8Array(4);
    const length = new Uint8Array([4, 0, 0, 0]);
    const failed = this.#libc.symbols.getsockopt(
      descriptor,
      SOL_SOCKET,
      SO_TYPE,
      type,
      length,
    );
    if (failed !== 0 || type[0] !== SOCK_DGRAM) {
      throw new FatalError(
        "config",
        `The descriptor ${descriptor} that was passed is no datagram socket`,
      );
    }
    return descriptor;
  }

  /** The memory of a buffer larger than 64 bytes, which never moves. Its first byte must be 0. */
  #addressOf(buffer: Uint8Array<ArrayBuffer>): bigint {
    const stopped = new BigUint64Array(1);
    this.#libc.symbols.strtol(buffer, new Uint8Array(stopped.buffer), 10);
    return stopped[0] ?? 0n;
  }
}
