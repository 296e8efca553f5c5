/**
 * The log file of one part: what its processes write, line by line, with a bound on the file and
 * the last lines at hand for a message.
 *
 * @module
 */
import { printable } from "../lib/text.ts";

/** Bytes of a log file; beyond, it becomes `NAME.log.1` and a new one begins. */
export const logBytesMax = 16 * 1024 * 1024;
/** Characters kept of one line. */
const lineCharactersMax = 16 * 1024;
/** Lines kept for {@linkcode PartLog.tail}. */
const tailLinesMax = 12;

/** Files the lines of one part. */
export class PartLog {
  readonly #path: string;
  readonly #onLine: (line: string) => void;
  readonly #streams = new Set<Promise<void>>();
  readonly #tail: string[] = [];
  #file: Deno.FsFile | undefined;
  #bytes = 0;

  constructor(path: string, onLine: (line: string) => void) {
    this.#path = path;
    this.#onLine = onLine;
  }

  /** The last lines, oldest first, made visible. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Reads `stream` to its end into the file; `onLine` sees each line besides. */
  follow(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine?: (line: string) => void,
  ): void {
    const reading = this.#read(stream, onLine).finally(() => {
      this.#streams.delete(reading);
    });
    this.#streams.add(reading);
  }

  /** Waits until all that ended processes wrote is read. */
  async settled(): Promise<void> {
    await Promise.all(this.#streams);
  }

  /** Why the process that ended says it did: its last `ja4-NAME: ...` line, or "". */
  lastWords(): string {
    const line = this.#tail.findLast((line) => line.startsWith("ja4-")) ?? "";
    this.#tail.length = 0;
    return line;
  }

  /** Waits for the end of the streams and closes the file. */
  async close(): Promise<void> {
    await this.settled();
    this.#file?.close();
    this.#file = undefined;
  }

  async #read(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine?: (line: string) => void,
  ): Promise<void> {
    let held = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (held + text).split("\n");
      held = (lines.pop() ?? "").slice(0, lineCharactersMax);
      for (const line of lines) {
        this.#write(line);
        onLine?.(line);
      }
    }
    if (held !== "") this.#write(held);
  }

  #write(line: string): void {
    const text = printable(line.slice(0, lineCharactersMax));
    this.#tail.push(text);
    if (this.#tail.length > tailLinesMax) this.#tail.shift();
    const bytes = new TextEncoder().encode(text + "\n");
    this.#rotate(bytes.length);
    this.#file?.writeSync(bytes);
    this.#bytes += bytes.length;
    this.#onLine(text);
  }

  /** Opens the file, and a new one when `more` bytes would not fit. */
  #rotate(more: number): void {
    if (this.#file !== undefined && this.#bytes + more <= logBytesMax) return;
    if (this.#file !== undefined) {
      this.#file.close();
      Deno.renameSync(this.#path, `${this.#path}.1`);
    }
    this.#file = Deno.openSync(this.#path, { append: true, create: true });
    this.#bytes = this.#file.statSync().size;
  }
}
