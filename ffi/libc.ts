/**
 * The C library functions that packet capture needs: memory streams for libpcap to write into,
 * `poll`, and the way from root to an ordinary user.
 *
 * Libraries are opened by absolute path, one after the other: under a scoped `--allow-ffi` a bare
 * name would be looked up in the current directory. Nothing here uses `Deno.UnsafePointer`, which
 * such a scope forbids; C strings are copied with `strlen` and `memcpy`.
 *
 * @module
 */
import { FatalError, messageOf } from "../lib/errors.ts";
import { LIBC_PATHS } from "../lib/libraries.ts";

const SYMBOLS = {
  fopen: { parameters: ["buffer", "buffer"], result: "pointer" },
  fread: {
    parameters: ["buffer", "usize", "usize", "pointer"],
    result: "usize",
  },
  fmemopen: { parameters: ["buffer", "usize", "buffer"], result: "pointer" },
  setvbuf: {
    parameters: ["pointer", "buffer", "i32", "usize"],
    result: "i32",
  },
  fseek: { parameters: ["pointer", "i64", "i32"], result: "i32" },
  ftell: { parameters: ["pointer"], result: "i64" },
  ferror: { parameters: ["pointer"], result: "i32" },
  clearerr: { parameters: ["pointer"], result: "void" },
  fclose: { parameters: ["pointer"], result: "i32" },
  strlen: { parameters: ["pointer"], result: "usize" },
  memcpy: { parameters: ["buffer", "pointer", "usize"], result: "pointer" },
  // The only call that waits, on a thread of its own.
  poll: {
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  if_indextoname: { parameters: ["u32", "buffer"], result: "pointer" },
  geteuid: { parameters: [], result: "u32" },
  getpwnam_r: {
    parameters: ["buffer", "buffer", "buffer", "usize", "buffer"],
    result: "i32",
  },
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
} as const;

/** The symbols of the C library. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * Opens the first library of `paths` that is there.
 *
 * @throws {FatalError} `unavailable` naming `what` if none is, `noPermission` if Deno refuses.
 */
export function openLibrary<Interface extends Deno.ForeignLibraryInterface>(
  what: string,
  paths: readonly string[],
  symbols: Interface,
): Deno.DynamicLibrary<Interface> {
  const faults: string[] = [];
  for (const path of paths) {
    try {
      return Deno.dlopen(path, symbols);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotCapable) {
        throw new FatalError(
          "noPermission",
          `Cannot open ${what}: --allow-ffi does not name ${path}`,
          { cause: thrown },
        );
      }
      faults.push(messageOf(thrown));
    }
  }
  throw new FatalError(
    "unavailable",
    `Cannot open ${what}: looked for ${paths.join(", ")}`,
    { cause: new AggregateError(faults) },
  );
}

let libc: Libc | undefined;

/** The C library, opened once. @throws {FatalError} as {@linkcode openLibrary}. */
export function openLibc(): Libc {
  libc ??= openLibrary("the C library", LIBC_PATHS, SYMBOLS).symbols;
  return libc;
}

/** Byte order of all our targets. */
export const LITTLE_ENDIAN = true;

/** `text` with the zero byte that ends it in C. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** The text in a buffer that C filled, up to its zero byte. */
export function textOf(buffer: Uint8Array): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(
    end < 0 ? buffer : buffer.subarray(0, end),
  );
}

/** The C string at `pointer`, empty for NULL. */
export function stringAt(pointer: Deno.PointerValue): string {
  if (pointer === null) return "";
  const { strlen, memcpy } = openLibc();
  const bytes = new Uint8Array(Number(strlen(pointer)));
  if (bytes.length > 0) memcpy(bytes, pointer, BigInt(bytes.length));
  return new TextDecoder().decode(bytes);
}

/** Longest file that {@linkcode kernelText} reads, bytes. */
const KERNEL_TEXT_BYTES = 1024 * 1024;

/**
 * A text of /proc or /sys, which Deno itself reads with `--allow-all` alone; undefined if there is
 * none.
 */
export function kernelText(path: string): string | undefined {
  const { fopen, fread, fclose } = openLibc();
  const file = fopen(cString(path), cString("r"));
  if (file === null) return undefined;
  const bytes = new Uint8Array(KERNEL_TEXT_BYTES);
  const length = Number(fread(bytes, 1n, BigInt(bytes.length), file));
  fclose(file);
  return length === 0
    ? undefined
    : new TextDecoder().decode(bytes.subarray(0, length));
}

/** Indices of network interfaces that are asked for; they are given out from 1 on. */
const INTERFACES_MAX = 1024;
const IF_NAMESIZE = 16;

/** Names of the network interfaces that exist. */
export function interfaceNames(): string[] {
  const { if_indextoname } = openLibc();
  const names: string[] = [];
  for (let index = 1; index <= INTERFACES_MAX; index++) {
    const name = new Uint8Array(IF_NAMESIZE);
    if (if_indextoname(index, name) !== null) names.push(textOf(name));
  }
  return names;
}

/** Whether the process runs as root. */
export function isRoot(): boolean {
  return openLibc().geteuid() === 0;
}

/** Offsets in glibc's `struct passwd`: two pointers, then the two numbers. */
const PASSWD = { bytes: 48, uid: 16, gid: 20 } as const;

/**
 * Gives up root for good: all groups, then the group and user of `user`, on all threads.
 *
 * @throws {FatalError} `config` for an unknown user, `noPermission` if the kernel refuses.
 */
export function dropPrivileges(user: string): void {
  const { getpwnam_r, setgroups, setresgid, setresuid } = openLibc();
  const passwd = new Uint8Array(PASSWD.bytes);
  const strings = new Uint8Array(16 * 1024);
  const result = new BigUint64Array(1);
  getpwnam_r(
    cString(user),
    passwd,
    strings,
    BigInt(strings.length),
    new Uint8Array(result.buffer),
  );
  if (result[0] === 0n) {
    throw new FatalError(
      "config",
      `Cannot become user "${user}": no such user`,
    );
  }
  const view = new DataView(passwd.buffer);
  const uid = view.getUint32(PASSWD.uid, LITTLE_ENDIAN);
  const gid = view.getUint32(PASSWD.gid, LITTLE_ENDIAN);
  if (
    setgroups(0n, new Uint8Array(1)) !== 0 || setresgid(gid, gid, gid) !== 0 ||
    setresuid(uid, uid, uid) !== 0
  ) {
    throw new FatalError("noPermission", `Cannot become user "${user}"`);
  }
}
