/** Bytes in pieces in, lines out, with a bound on the length of a line. @module */
import { MessageBatch } from "./messages.ts";

const NEWLINE = 10;
const SPACE = 32;

/** Splits a byte stream at newlines. A longer line than the bound is dropped and counted. */
export class LineSplitter {
  /** Lines dropped because they were too long. */
  tooLong = 0;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  #held = 0;
  #skipping = false;
  readonly #batch = new MessageBatch();

  constructor(lineBytesMax: number) {
    this.#buffer = new Uint8Array(lineBytesMax);
  }

  /**
   * Hands the whole lines, without their ends and without blank ones, to `take`. The batch is valid
   * until `take` returns; `chunk` is changed between its lines.
   */
  push(chunk: Uint8Array, take: (lines: MessageBatch) => void): void {
    let from = 0;
    if (this.#held > 0 || this.#skipping) {
      const end = chunk.indexOf(NEWLINE);
      if (end < 0) return this.#keep(chunk);
      this.#keep(chunk.subarray(0, end));
      this.#takeHeld(take);
      from = end + 1;
    }
    const batch = this.#batch;
    batch.reset(chunk);
    for (
      let end;
      (end = chunk.indexOf(NEWLINE, from)) >= 0;
      from = end + 1
    ) {
      if (isBlank(chunk, from, end)) {
        chunk[end] = SPACE;
        continue;
      }
      if (end - from > this.#buffer.length) {
        this.tooLong++;
        flush(batch, take);
        batch.reset(chunk);
        continue;
      }
      batch.add(from, end);
      if (batch.full) {
        take(batch);
        batch.reset(chunk);
      }
    }
    flush(batch, take);
    this.#keep(chunk.subarray(from));
  }

  /** The input ended: what is left is a line too. */
  end(take: (lines: MessageBatch) => void): void {
    this.#takeHeld(take);
  }

  #takeHeld(take: (lines: MessageBatch) => void): void {
    const held = this.#held;
    const whole = !this.#skipping;
    this.#held = 0;
    this.#skipping = false;
    if (!whole || isBlank(this.#buffer, 0, held)) return;
    this.#batch.reset(this.#buffer);
    this.#batch.add(0, held);
    take(this.#batch);
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

function flush(batch: MessageBatch, take: (lines: MessageBatch) => void): void {
  if (batch.count > 0) take(batch);
}

/** Whether `bytes[from..end]` is white space. */
function isBlank(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) {
    if ((bytes[at] ?? 0) > SPACE) return false;
  }
  return true;
}
