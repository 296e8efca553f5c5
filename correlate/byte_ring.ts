/**
 * Messages from one thread to another through shared memory: a ring of bytes with one writer and
 * one reader, neither of which ever waits for a lock.
 *
 * Each message is a 32-bit length and its bytes, aligned to four and never split over the end; a
 * length of -1 says that the rest of the ring is unused. The two positions are 32-bit and wrap (at
 * 8000 events a second within hours), so they are only ever compared by their difference.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";
import type { MessageBatch } from "./messages.ts";

const HEAD = 0;
const TAIL = 1;
/** Counters of the writer that the reader reads. */
const FULL_WAITS = 2;
const TOO_LONG = 3;
const CONTROL_BYTES = 64;
const SKIP = -1;
/** Messages are taken out together up to this size. */
const SCRATCH_BYTES = 256 * 1024;

/** Shared memory for a ring of `bytes`, a power of two. Both positions start at `start`. */
export function createRing(bytes: number, start = 0): SharedArrayBuffer {
  invariant(
    bytes >= 64 && bytes <= 2 ** 30 && Number.isInteger(Math.log2(bytes)),
    "the size of a ring is a power of two",
  );
  const memory = new SharedArrayBuffer(CONTROL_BYTES + bytes);
  new Int32Array(memory).fill(start & ~3, HEAD, TAIL + 1);
  return memory;
}

class Ring {
  protected readonly control: Int32Array;
  protected readonly words: Int32Array;
  protected readonly bytes: Uint8Array;
  protected readonly size: number;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.words = new Int32Array(memory, CONTROL_BYTES);
    this.bytes = new Uint8Array(memory, CONTROL_BYTES);
    this.size = this.bytes.length;
  }
}

/** The writing end. */
export class RingWriter extends Ring {
  /** Appends a message; false if there is no room now. It must be shorter than half of the ring. */
  push(message: Uint8Array): boolean {
    const head = Atomics.load(this.control, HEAD);
    const tail = Atomics.load(this.control, TAIL);
    const free = this.size - ((head - tail) | 0);
    const needed = 4 + (message.length + 3 & ~3);
    const at = head & (this.size - 1);
    const untilEnd = this.size - at;
    const skipped = needed > untilEnd ? untilEnd : 0;
    if (skipped + needed > free) return false;
    if (skipped > 0) this.words[at >> 2] = SKIP;
    const start = skipped > 0 ? 0 : at;
    this.words[start >> 2] = message.length;
    this.bytes.set(message, start + 4);
    Atomics.store(this.control, HEAD, (head + skipped + needed) | 0);
    Atomics.notify(this.control, HEAD);
    return true;
  }

  /** Blocks until the reader has taken something, at most `ms`. Not for the main thread. */
  waitForRoom(ms: number): void {
    Atomics.add(this.control, FULL_WAITS, 1);
    Atomics.wait(this.control, TAIL, Atomics.load(this.control, TAIL), ms);
  }

  /** Counts a message that was not pushed because it is too long. */
  noteTooLong(): void {
    Atomics.add(this.control, TOO_LONG, 1);
  }
}

/** The reading end. */
export class RingReader extends Ring {
  #scratch = new Uint8Array(SCRATCH_BYTES);

  /** Bytes in use, 0 to the size of the ring. */
  get occupied(): number {
    return (Atomics.load(this.control, HEAD) -
      Atomics.load(this.control, TAIL)) | 0;
  }

  /** How often the writer found no room. */
  get fullWaits(): number {
    return Atomics.load(this.control, FULL_WAITS);
  }

  /** Messages that were too long to be pushed. */
  get tooLong(): number {
    return Atomics.load(this.control, TOO_LONG);
  }

  /**
   * Moves messages into `batch`, at most `max`, and returns whether there were any. The batch is
   * valid until the next call.
   */
  take(batch: MessageBatch, max: number): boolean {
    batch.reset(this.#scratch);
    const head = Atomics.load(this.control, HEAD);
    let tail = Atomics.load(this.control, TAIL);
    let end = 0;
    while (head !== tail && batch.count < max && !batch.full) {
      let at = tail & (this.size - 1);
      if (this.words[at >> 2] === SKIP) {
        tail = (tail + this.size - at) | 0;
        at = 0;
      }
      const length = this.words[at >> 2] ?? 0;
      if (end + length + 1 > this.#scratch.length) {
        if (batch.count > 0) break;
        this.#scratch = new Uint8Array(2 * (length + 1));
        batch.reset(this.#scratch);
      }
      // A copy, since TextDecoder takes no view of shared memory.
      this.#scratch.set(this.bytes.subarray(at + 4, at + 4 + length), end);
      batch.add(end, end + length);
      end += length + 1;
      tail = (tail + 4 + (length + 3 & ~3)) | 0;
    }
    if (batch.count === 0) return false;
    Atomics.store(this.control, TAIL, tail);
    Atomics.notify(this.control, TAIL);
    return true;
  }

  /** Resolves when there is a message, or after `ms`. Does not keep the process alive. */
  async wait(ms: number): Promise<void> {
    const tail = Atomics.load(this.control, TAIL);
    if (Atomics.load(this.control, HEAD) !== tail) return;
    const waiting = Atomics.waitAsync(this.control, HEAD, tail, ms);
    if (waiting.async) await waiting.value;
  }
}
