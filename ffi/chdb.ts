/**
 * The ClickHouse server inside libchdb.so, run in this process: a command line in, a running
 * engine out.
 *
 * What could not be guessed: `chdb_query_cmdline` is clickhouse-local, which can start the real
 * HTTP interface (`SYSTEM START LISTEN HTTP`). Without a terminal it installs a handler that
 * aborts the process on the first malformed request. With a terminal on descriptor 0 and
 * `--interactive` it does not, and ends cleanly when that terminal hangs up. So descriptor 0
 * becomes the slave of a pseudo terminal, and closing its master is the clean stop.
 *
 * The engine's console writes a banner and escape codes to descriptor 1, which therefore goes to
 * /dev/null; {@linkcode Engine.writeLine} writes to what was standard output before.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";

const LIBC = {
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;

const CHDB = {
  chdb_version: { parameters: [], result: "pointer" },
  // Blocks until the engine has stopped, so it runs on a thread of its own.
  chdb_query_cmdline: {
    parameters: ["i32", "buffer"],
    result: "pointer",
    nonblocking: true,
  },
  chdb_result_error: { parameters: ["pointer"], result: "pointer" },
  chdb_destroy_query_result: { parameters: ["pointer"], result: "void" },
} as const;

type Libc = Deno.StaticForeignLibraryInterface<typeof LIBC>;

const O_RDWR = 0o2;
const O_NOCTTY = 0o400;
const STDIN = 0;
const STDOUT = 1;
const AF_INET = 2;
const SHUT_RD = 0;

/** Descriptors looked at for connections; the server takes at most 256 of them. */
const DESCRIPTORS_MAX = 4096;

/** A loaded library. One engine can run in a process, once. */
export interface EngineLibrary {
  /** Such as `26.7.2.1`. */
  readonly version: string;
  /** Starts the engine with the arguments of clickhouse-local. */
  start(args: readonly string[]): Engine;
}

/** An engine that runs. */
export interface Engine {
  /** Resolves when the engine has stopped: its error message, or undefined after a clean stop. */
  readonly finished: Promise<string | undefined>;
  /**
   * Asks for the clean stop and ends the receiving half of each connection to the IPv4 `port`.
   * Without that the engine waits five seconds for idle clients and then ends the process itself,
   * with code 0. Call again until `finished`, for connections that came meanwhile.
   */
  stop(port: number): void;
  /** Writes a line to the standard output that the process was started with. */
  writeLine(text: string): void;
}

/**
 * Loads libchdb.so.
 *
 * @throws {Error} of Deno.dlopen if the file is not there, or not for this platform.
 */
export function loadEngine(path: string): EngineLibrary {
  const chdb = Deno.dlopen(path, CHDB).symbols;
  return {
    version: cString(chdb.chdb_version()) ?? "",
    start(args): Engine {
      const libc = Deno.dlopen("libc.so.6", LIBC).symbols;
      const output = libc.dup(STDOUT);
      const master = attachTerminal(libc);
      // SAFETY: argv holds the addresses of `strings`, and both stay referenced below until the
      // call has returned. clickhouse-local reads argv and does not write to it.
      const strings = args.map((arg) => new TextEncoder().encode(`${arg}\0`));
      const argv = new BigUint64Array(strings.length + 1);
      for (const [index, string] of strings.entries()) {
        argv[index] = Deno.UnsafePointer.value(Deno.UnsafePointer.of(string));
      }
      const bytes = new Uint8Array(argv.buffer);
      const finished = chdb.chdb_query_cmdline(strings.length, bytes)
        .then((result) => {
          invariant(bytes.length === 8 * (strings.length + 1), "argv moved");
          if (result === null) return undefined;
          const message = cString(chdb.chdb_result_error(result));
          chdb.chdb_destroy_query_result(result);
          return message;
        });
      let stopped = false;
      return {
        finished,
        stop(port): void {
          if (!stopped) libc.close(master);
          stopped = true;
          endReading(libc, port);
        },
        writeLine(text): void {
          const line = new TextEncoder().encode(`${text}\n`);
          libc.write(output, line, BigInt(line.length));
        },
      };
    },
  };
}

/** Ends the receiving half of each connection to our `port`; answers under way are still sent. */
function endReading(libc: Libc, port: number): void {
  const address = new DataView(new ArrayBuffer(128));
  for (let fd = 3; fd < DESCRIPTORS_MAX; fd++) {
    // struct sockaddr_in: family in host order, port in network order.
    const length = new Uint32Array([address.byteLength]);
    if (libc.getsockname(fd, address, length) !== 0) continue;
    if (address.getUint8(0) !== AF_INET || address.getUint16(2) !== port) {
      continue;
    }
    // A listener has no peer; shut down by us, it would make the engine abort.
    if (libc.getpeername(fd, new Uint8Array(128), length) !== 0) continue;
    libc.shutdown(fd, SHUT_RD);
  }
}

/** Puts a pseudo terminal on descriptor 0 and /dev/null on descriptor 1; returns the master. */
function attachTerminal(libc: Libc): number {
  const master = libc.posix_openpt(O_RDWR | O_NOCTTY);
  const name = new Uint8Array(64);
  const opened = master >= 0 && libc.grantpt(master) === 0 &&
    libc.unlockpt(master) === 0 &&
    libc.ptsname_r(master, name, BigInt(name.length)) === 0;
  const slave = opened ? libc.open(name, O_RDWR | O_NOCTTY) : -1;
  if (slave < 0) throw new Error("no pseudo terminal (is /dev/pts mounted?)");
  const sink = libc.open(new TextEncoder().encode("/dev/null\0"), O_RDWR);
  if (libc.dup2(slave, STDIN) < 0 || libc.dup2(sink, STDOUT) < 0) {
    throw new Error("no descriptors for the pseudo terminal");
  }
  libc.close(slave);
  libc.close(sink);
  return master;
}

/** The text at `pointer`; undefined for a null pointer or an empty text. */
function cString(pointer: Deno.PointerValue): string | undefined {
  if (pointer === null) return undefined;
  // SAFETY: the library returns zero-terminated strings that live until the result is destroyed.
  return new Deno.UnsafePointerView(pointer).getCString() || undefined;
}
