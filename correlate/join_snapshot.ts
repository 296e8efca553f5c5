/**
 * The handshakes of the join on disk, from one process to the next, so that the later requests of
 * connections that outlive a restart still find theirs.
 *
 * Lines of JSON: a header, an entry a handshake, and the CRC-32 of all that in eight hexadecimal
 * digits. Written whole to a new file that is then renamed; what is damaged or too old is ignored,
 * since a join without it is merely poorer.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import { messageOf } from "../lib/errors.ts";
import { eventBytesMax } from "../lib/limits.ts";
import type { State } from "./connection_table.ts";
import type { Hello } from "./hello.ts";
import { LineSplitter } from "./lines.ts";
import { hex32 } from "./spool_folder.ts";

/** A handshake as the join held it. */
export interface SavedHandshake {
  readonly state: State;
  /** Connection of the web server that owns it, or `NO_CONN`. */
  readonly conn: number;
  /** Last request behind the hello, milliseconds of event time. */
  readonly activity_ms: number;
  /** Since the last touch, milliseconds. */
  readonly idle_ms: number;
  /** What it counts against `max_bytes`. */
  readonly bytes: number;
  readonly hello: Hello;
}

/** What was found. */
export type Loaded =
  | { readonly found: "nothing" }
  | { readonly found: "unusable"; readonly reason: string }
  | {
    readonly found: "handshakes";
    readonly handshakes: readonly SavedHandshake[];
    /** From its writing until now, milliseconds; 0 if the clock was set back. */
    readonly ageMs: number;
  };

interface Header {
  readonly snapshot: number;
  /** Milliseconds since the epoch. */
  readonly saved_ms: number;
}

/** Of the format: other versions are ignored. */
const VERSION = 2;
/** CRC and newline. */
const TRAILER_BYTES = 9;
const CHUNK_CHARS = 2 ** 20;
/** An entry holds the text of its event as a text of JSON, and a few numbers. */
const LINE_BYTES_MAX = eventBytesMax * 3;

/**
 * Writes a snapshot to `path` and returns how many handshakes it holds. Blocks.
 *
 * @throws whatever the file system says; an earlier snapshot is still there then.
 */
export function writeSnapshot(
  path: string,
  handshakes: Iterable<SavedHandshake>,
  nowMs: number,
): number {
  const temporary = `${path}.new`;
  const encoder = new TextEncoder();
  using file = Deno.openSync(temporary, {
    ...{ create: true, write: true, truncate: true },
    mode: 0o600,
  });
  let crc = 0;
  let count = 0;
  const header: Header = { snapshot: VERSION, saved_ms: nowMs };
  let text = JSON.stringify(header) + "\n";
  const flush = (): void => {
    const bytes = encoder.encode(text);
    crc = crc32(bytes, crc);
    writeAll(file, bytes);
    text = "";
  };
  for (const handshake of handshakes) {
    text += JSON.stringify(handshake) + "\n";
    count++;
    if (text.length >= CHUNK_CHARS) flush();
  }
  flush();
  writeAll(file, encoder.encode(hex32(crc) + "\n"));
  Deno.renameSync(temporary, path);
  return count;
}

/** Reads a snapshot that is at most `ageMsMax` old. */
export function readSnapshot(
  path: string,
  { nowMs, ageMsMax }: { nowMs: number; ageMsMax: number },
): Loaded {
  const handshakes: SavedHandshake[] = [];
  let header: Header | undefined;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return { found: "nothing" };
    return { found: "unusable", reason: messageOf(thrown) };
  }
  using _ = file;
  try {
    const splitter = new LineSplitter(LINE_BYTES_MAX);
    const crc = readBody(file, (bytes) =>
      splitter.push(bytes, (lines) => {
        for (const value of lines.values()) {
          if (header === undefined) header = value as Header;
          else handshakes.push(value as SavedHandshake);
        }
      }));
    if (crc !== readTrailer(file) || header === undefined) {
      return { found: "unusable", reason: "it is damaged" };
    }
  } catch (thrown) {
    return { found: "unusable", reason: messageOf(thrown) };
  }
  if (header.snapshot !== VERSION) {
    return { found: "unusable", reason: "it is of another version" };
  }
  const ageMs = Math.max(0, nowMs - header.saved_ms);
  if (ageMs > ageMsMax) return { found: "unusable", reason: "it is too old" };
  return { found: "handshakes", handshakes, ageMs };
}

/** Removes a snapshot, so that no later process takes it for new. */
export function removeSnapshot(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}

/** Passes all bytes before the trailer on; returns their CRC. */
function readBody(
  file: Deno.FsFile,
  take: (bytes: Uint8Array) => void,
): string {
  let left = file.statSync().size - TRAILER_BYTES;
  const buffer = new Uint8Array(2 ** 20);
  let crc = 0;
  while (left > 0) {
    const read = file.readSync(buffer.subarray(0, Math.min(left, 2 ** 20)));
    if (read === null) break;
    const bytes = buffer.subarray(0, read);
    crc = crc32(bytes, crc);
    left -= read;
    take(bytes);
  }
  return hex32(crc);
}

function readTrailer(file: Deno.FsFile): string {
  const buffer = new Uint8Array(TRAILER_BYTES);
  for (let held = 0; held < TRAILER_BYTES;) {
    const read = file.readSync(buffer.subarray(held));
    if (read === null) break;
    held += read;
  }
  return new TextDecoder().decode(buffer.subarray(0, TRAILER_BYTES - 1));
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
