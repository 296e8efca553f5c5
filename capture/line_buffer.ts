/** Lines gathered into large writes. @module */

/** Bytes gathered before they are written. */
const BUFFER_BYTES = 1024 * 1024;

/** Gathers what is written to it; whole lines in, large blocks out. */
export class LineBuffer {
  readonly #write: (bytes: Uint8Array<ArrayBuffer>) => number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #length = 0;

  /** `write` returns how many bytes it took, as `Deno.stdout.writeSync` does. */
  constructor(write: (bytes: Uint8Array<ArrayBuffer>) => number) {
    this.#write = write;
  }

  write(lines: Uint8Array<ArrayBuffer>): void {
    if (lines.length > this.#buffer.length - this.#length) this.flush();
    if (lines.length > this.#buffer.length) return this.#writeAll(lines);
    this.#buffer.set(lines, this.#length);
    this.#length += lines.length;
  }

  flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  #writeAll(bytes: Uint8Array<ArrayBuffer>): void {
    for (let at = 0; at < bytes.length;) {
      at += this.#write(bytes.subarray(at));
    }
  }
}
