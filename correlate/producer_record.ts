/**
 * How far each producer's numbers have become rows, on disk beside the spool: what a killed process
 * took with it shows at the next start, as a gap in the numbers and as the requests that waited.
 *
 * One small file, written over in place after each write of rows: a kill leaves the whole old or the
 * whole new text, and anything else is ignored.
 *
 * @module
 */
import { crc32 } from "node:zlib";
import type { Progress } from "./sequence.ts";
import { hex32 } from "./spool_folder.ts";

/** What the file says. */
export interface Recorded {
  /** Requests that waited for their handshake: they were in memory alone. */
  readonly held: number;
  readonly requests: readonly Progress[];
  readonly handshakes: readonly Progress[];
}

/** Producers recorded; a web server has tens. */
const PRODUCERS_MAX = 256;
const encoder = new TextEncoder();

/** See the module's comment. */
export class ProducerRecord implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #read: () => Recorded;
  #last = "";

  /** Opens the file of a folder; `read` gives the state to record. */
  constructor(dir: string, read: () => Recorded) {
    this.#file = Deno.openSync(pathIn(dir), {
      ...{ create: true, write: true, mode: 0o600 },
    });
    this.#read = read;
  }

  /** Records the state of now. A disk that refuses costs the count of a later loss. */
  write(): void {
    const { held, requests, handshakes } = this.#read();
    const text = JSON.stringify({
      held,
      requests: requests.slice(-PRODUCERS_MAX),
      handshakes: handshakes.slice(-PRODUCERS_MAX),
    });
    if (text === this.#last) return;
    this.#last = text;
    const bytes = encoder.encode(
      `${hex32(crc32(text))} ${hex32(text.length)} ${text}\n`,
    );
    try {
      this.#file.seekSync(0, Deno.SeekMode.Start);
      for (let at = 0; at < bytes.length;) {
        at += this.#file.writeSync(bytes.subarray(at));
      }
    } catch {
      this.#last = "";
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** What an earlier process recorded; undefined if there is nothing whole. */
export function readRecord(dir: string): Recorded | undefined {
  let content: string;
  try {
    content = Deno.readTextFileSync(pathIn(dir));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
  const text = content.slice(18, 18 + parseInt(content.slice(9, 17), 16));
  if (hex32(crc32(text)) !== content.slice(0, 8)) return undefined;
  return JSON.parse(text) as Recorded;
}

function pathIn(dir: string): string {
  return `${dir}/producers`;
}
