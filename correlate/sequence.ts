/**
 * Repeats and gaps in what a producer numbered: sequence numbers in, "new" or "repeated" out, with
 * a running count of what is missing.
 *
 * Threads of one web server process number and send without a lock, so neighbours may swap;
 * a window of recent numbers (as in RFC 4303, section 3.4.3) tells a straggler from a repeat.
 *
 * @module
 */

/** How far a straggler may fall behind. */
const WINDOW = 1024;
/** Producers remembered; the least recently heard is forgotten. */
const PRODUCERS_MAX = 4096;

interface Producer {
  /** Highest number seen. */
  highest: number;
  /** Bit `n % WINDOW` is set if n was seen, for `highest - WINDOW < n <= highest`. */
  readonly seen: Uint32Array;
  /** Event time of the newest event, microseconds. */
  ts: number;
  missing: number;
}

/** How far a producer came. */
export interface Progress {
  readonly name: string | number;
  readonly highest: number;
  /** Event time of its newest event, microseconds. */
  readonly ts: number;
}

/** Follows any number of producers by name. */
export class SequenceTracker {
  readonly #producers = new Map<string | number, Producer>();
  #missingForgotten = 0;

  /** Numbers that never came, of all producers. A straggler takes its share back. */
  get missing(): number {
    let sum = this.#missingForgotten;
    for (const { missing } of this.#producers.values()) sum += missing;
    return sum;
  }

  /** How far each producer came. */
  progress(): Progress[] {
    return [...this.#producers].map(([name, { highest, ts }]) => ({
      name,
      highest,
      ts,
    }));
  }

  /** Goes on where an earlier process was: what is missing since then is counted. */
  restore(progress: readonly Progress[]): void {
    for (const { name, highest, ts } of progress) {
      if (this.#producers.size >= PRODUCERS_MAX) return;
      const seen = new Uint32Array(WINDOW / 32).fill(0xffff_ffff);
      this.#producers.set(name, { highest, seen, ts, missing: 0 });
    }
  }

  /** Whether this event is new. `ts` tells a restarted producer from a repeat. */
  isNew(name: string | number, seq: number, ts: number): boolean {
    const producer = this.#producers.get(name);
    if (producer === undefined) {
      this.#start(name, seq, ts);
      return true;
    }
    const ahead = seq - producer.highest;
    if (ahead > 0) {
      if (ahead >= WINDOW) producer.seen.fill(0);
      else {
        for (let n = producer.highest + 1; n < seq; n++) clear(producer, n);
      }
      producer.missing += ahead - 1;
      producer.highest = seq;
      mark(producer, seq);
    } else if (ahead > -WINDOW && !has(producer, seq)) {
      mark(producer, seq);
      producer.missing = Math.max(0, producer.missing - 1);
    } else {
      // A number seen before, with a newer time: the process identifier came back with a new process.
      if (ts <= producer.ts) return false;
      this.#missingForgotten += producer.missing;
      this.#producers.delete(name);
      this.#start(name, seq, ts);
      return true;
    }
    if (ts > producer.ts) producer.ts = ts;
    return true;
  }

  #start(name: string | number, seq: number, ts: number): void {
    if (this.#producers.size >= PRODUCERS_MAX) this.#forgetOldest();
    const producer: Producer = {
      highest: seq,
      seen: new Uint32Array(WINDOW / 32),
      ts,
      missing: 0, // what came before was not for us: this process may have started later
    };
    mark(producer, seq);
    this.#producers.set(name, producer);
  }

  #forgetOldest(): void {
    let oldest: string | number | undefined;
    let oldestTs = Infinity;
    for (const [name, { ts }] of this.#producers) {
      if (ts >= oldestTs) continue;
      oldest = name;
      oldestTs = ts;
    }
    if (oldest === undefined) return;
    this.#missingForgotten += this.#producers.get(oldest)?.missing ?? 0;
    this.#producers.delete(oldest);
  }
}

function mark({ seen }: Producer, seq: number): void {
  const bit = seq % WINDOW;
  seen[bit >> 5] = (seen[bit >> 5] ?? 0) | 1 << (bit & 31);
}

function clear({ seen }: Producer, seq: number): void {
  const bit = seq % WINDOW;
  seen[bit >> 5] = (seen[bit >> 5] ?? 0) & ~(1 << (bit & 31));
}

function has({ seen }: Producer, seq: number): boolean {
  const bit = seq % WINDOW;
  return ((seen[bit >> 5] ?? 0) >>> (bit & 31) & 1) === 1;
}
