/** Bytes in pieces in, lines out, with a bound on the length of a line. @module */

const NEWLINE = 10;

/** Splits a byte stream at newlines. A longer line than the bound is dropped and counted. */
export class LineSplitter {
  /** Lines dropped because they were too long. */
  tooLong = 0;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #held = 0;
  #skipping = false;
  readonly #decoder = new TextDecoder();

  constructor(lineBytesMax: number) {
    this.#buffer = new Uint8Array(lineBytesMax);
  }

  /** Hands each whole line, without its end, to `take`. Bytes that are no UTF-8 become U+FFFD. */
  push(chunk: Uint8Array, take: (line: string, bytes: number) => void): void {
    let from = 0;
    while (from < chunk.length) {
      const end = chunk.indexOf(NEWLINE, from);
      if (end < 0) return this.#keep(chunk.subarray(from));
      const part = chunk.subarray(from, end);
      from = end + 1;
      if (this.#skipping) {
        this.#skipping = false;
        continue;
      }
      if (this.#held === 0) {
        if (part.length > this.#buffer.length) this.tooLong++;
        else this.#take(part, take);
        continue;
      }
      this.#keep(part);
      if (!this.#skipping) {
        this.#take(this.#buffer.subarray(0, this.#held), take);
      }
      this.#held = 0;
      this.#skipping = false;
    }
  }

  /** The input ended: what is left is a line too. */
  end(take: (line: string, bytes: number) => void): void {
    if (this.#held > 0) this.#take(this.#buffer.subarray(0, this.#held), take);
    this.#held = 0;
    this.#skipping = false;
  }

  #take(bytes: Uint8Array, take: (line: string, bytes: number) => void): void {
    const line = this.#decoder.decode(bytes);
    if (line.trim() !== "") take(line, bytes.length);
  }

  #keep(part: Uint8Array): void {
    if (this.#skipping) return;
    if (this.#held + part.length > this.#buffer.length) {
      this.tooLong++;
      this.#held = 0;
      this.#skipping = true;
      return;
    }
    this.#buffer.set(part, this.#held);
    this.#held += part.length;
  }
}
