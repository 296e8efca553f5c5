/**
 * Event lines of several capture threads, each in order, made one stream in order of their time
 * and numbered anew.
 *
 * A thread says up to when it has told everything; what is younger than the slowest of them
 * waits. A thread that says nothing holds the others up for a second at most.
 *
 * @module
 */
import { concatBytes } from "../lib/bytes.ts";
import type { UnixMicros } from "../lib/events.ts";

/** Longest time that an event waits for a thread that says nothing, microseconds. */
const WAIT_US = 1_000_000;
/** The members in question stand behind the addresses, in the first bytes of a line. */
const HEAD_BYTES = 512;
const NEWLINE = 10;

interface Line {
  readonly ts: number;
  /** The line up to its number, and from there on. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

interface Lane {
  lines: Line[];
  /** Everything up to then has been pushed, microseconds. */
  until: number;
}

/** Puts lines in order. */
export class LineMerge {
  readonly #lanes: readonly Lane[];
  readonly #bytesMax: number;
  #seq = 0;
  #bytes = 0;

  /** Of so many threads; at most `bytesMax` bytes wait. */
  constructor(lanes: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#lanes = Array.from(
      { length: lanes },
      () => ({ lines: [], until: 0 }),
    );
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the next lines of a thread, of handshake events alone. */
  push(lane: number, lines: Uint8Array): void {
    const { lines: held } = this.#lane(lane);
    for (let at = 0; at < lines.length;) {
      const end = lines.indexOf(NEWLINE, at) + 1 || lines.length;
      held.push(splitLine(lines.subarray(at, end)));
      this.#bytes += end - at;
      at = end;
    }
  }

  /** A thread has told everything up to `until`. */
  advance(lane: number, until: UnixMicros): void {
    const entry = this.#lane(lane);
    entry.until = Math.max(entry.until, until);
  }

  /** The lines whose turn it is, with their numbers. */
  take(now: UnixMicros): Uint8Array<ArrayBuffer> | undefined {
    const told = Math.min(...this.#lanes.map(({ until }) => until));
    // More than is allowed to wait goes as it is.
    const until = this.#bytes > this.#bytesMax
      ? Infinity
      : Math.max(told, now - WAIT_US);
    return this.#takeUntil(until);
  }

  /** All lines that wait. */
  finish(): Uint8Array<ArrayBuffer> | undefined {
    return this.#takeUntil(Infinity);
  }

  #takeUntil(until: number): Uint8Array<ArrayBuffer> | undefined {
    const due = this.#lanes.flatMap((lane) => {
      const count = lane.lines.findIndex(({ ts }) => ts > until);
      return lane.lines.splice(0, count < 0 ? lane.lines.length : count);
    });
    if (due.length === 0) return undefined;
    // The sort is stable: each thread's own order holds where times are equal.
    due.sort((a, b) => a.ts - b.ts);
    const parts: Uint8Array[] = [];
    for (const { before, after } of due) {
      const number = new TextEncoder().encode(String(++this.#seq));
      parts.push(before, number, after);
    }
    this.#bytes = this.#lanes.reduce(
      (sum, { lines }) =>
        sum + lines.reduce((bytes, line) => bytes + bytesOf(line), 0),
      0,
    );
    return concatBytes(parts);
  }

  #lane(index: number): Lane {
    const lane = this.#lanes[index];
    if (lane === undefined) throw new RangeError(`no thread ${index}`);
    return lane;
  }
}

function bytesOf({ before, after }: Line): number {
  return before.length + after.length;
}

/** The parser writes both members in front of all that a client can have said. */
function splitLine(line: Uint8Array): Line {
  const head = new TextDecoder("latin1").decode(line.subarray(0, HEAD_BYTES));
  const ts = /"ts":(\d+)/.exec(head);
  const seq = /"seq":\d+/.exec(head);
  if (ts === null || seq === null) {
    throw new Error("An event line has no time or number");
  }
  const begin = seq.index + '"seq":'.length;
  return {
    ts: Number(ts[1]),
    before: line.subarray(0, begin),
    after: line.subarray(seq.index + seq[0].length),
  };
}
