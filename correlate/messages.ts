/**
 * Messages that came together, side by side in one buffer: decoded and parsed as one JSON array,
 * which costs a quarter less than one by one (bench/correlate_bench.ts).
 *
 * If the array is none, or has another number of elements, each message is read by itself, so that
 * one that is malformed costs its neighbours nothing.
 *
 * @module
 */

const COMMA = 44;
const SPACE = 32;
const MESSAGES_MAX = 1024;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A bounded number of messages in one buffer. Bytes that are no UTF-8 become U+FFFD. */
export class MessageBatch {
  #bytes: Uint8Array = new Uint8Array();
  #count = 0;
  readonly #starts = new Uint32Array(MESSAGES_MAX);
  readonly #ends = new Uint32Array(MESSAGES_MAX);
  /** All messages decoded, from the first one's start; undefined until asked for. */
  #text: string | undefined;
  /** A character of the text is a byte of the buffer. */
  #ascii = false;

  /** Messages held. */
  get count(): number {
    return this.#count;
  }

  /** Whether no further message may be added. */
  get full(): boolean {
    return this.#count === MESSAGES_MAX;
  }

  /** Starts over with messages of `bytes`, which the batch may change between messages. */
  reset(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#count = 0;
    this.#text = undefined;
  }

  /**
   * Adds the message `bytes[start..end]`. It follows the one before it with at least one byte
   * between; all bytes between two messages but one must be white space of JSON.
   */
  add(start: number, end: number): void {
    if (this.#count > 0) this.#bytes[this.#endOf(this.#count - 1)] = COMMA;
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count++;
  }

  /** Bytes of message `i`. */
  length(i: number): number {
    return this.#endOf(i) - this.#startOf(i);
  }

  /** Cuts each message down to what begins with `byte`, where it has one. */
  skipTo(byte: number): void {
    for (let i = 0; i < this.#count; i++) {
      const start = this.#startOf(i);
      if (this.#bytes[start] === byte) continue;
      const at = this.#bytes.indexOf(byte, start);
      if (at < 0 || at >= this.#endOf(i)) continue;
      this.#bytes.fill(SPACE, start, at);
      this.#starts[i] = at;
    }
  }

  /** What JSON makes of each message: undefined for one that is none. */
  values(): unknown[] {
    if (this.#count === 0) return [];
    const values = parse(`[${this.#decoded()}]`);
    if (Array.isArray(values) && values.length === this.#count) return values;
    return Array.from({ length: this.#count }, (_, i) => parse(this.text(i)));
  }

  /** Text of message `i`. It may share the memory of the whole batch. */
  text(i: number): string {
    const text = this.#decoded();
    const start = this.#startOf(i);
    const end = this.#endOf(i);
    if (!this.#ascii) return decoder.decode(this.#bytes.subarray(start, end));
    const base = this.#startOf(0);
    return text.slice(start - base, end - base);
  }

  /** Message `i` from character `from` on without its last one, as UTF-8. Valid as the batch is. */
  inner(i: number, from: number): Uint8Array {
    if (!this.#ascii) return encoder.encode(this.text(i).slice(from, -1));
    return this.#bytes.subarray(this.#startOf(i) + from, this.#endOf(i) - 1);
  }

  #startOf(i: number): number {
    return this.#starts[i] ?? 0;
  }

  #endOf(i: number): number {
    return this.#ends[i] ?? 0;
  }

  #decoded(): string {
    if (this.#text !== undefined) return this.#text;
    const bytes = this.#bytes.subarray(
      this.#startOf(0),
      this.#endOf(this.#count - 1),
    );
    const text = decoder.decode(bytes);
    this.#ascii = text.length === bytes.length;
    return this.#text = text;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
