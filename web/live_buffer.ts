/**
 * What the Live page holds: the newest rows that match, and counts of everything that came. Its size does
 * not depend on how long the page is open.
 *
 * @module
 */
import type { LiveBatch, LiveRow } from "./live.ts";

/** Rows that are shown. */
export const ROWS_MAX = 200;
/** Batches that the rate is taken over. */
const RATE_BATCHES = 20;

/** Counts since the page was opened; `received` = `matched` + `filtered`. */
export interface LiveCounts {
  /** Requests that arrived in this browser. */
  readonly received: number;
  readonly matched: number;
  readonly filtered: number;
  /** Requests that there were and that did not arrive: too many at once. */
  readonly lost: number;
  /** Matched ones that came while the page stood still, and are not shown yet. */
  readonly waiting: number;
}

export class LiveBuffer {
  /** Newest first. */
  #rows: LiveRow[] = [];
  /** What came while it was held, newest first; the newest {@linkcode ROWS_MAX}. */
  #held: LiveRow[] | undefined;
  #counts = { received: 0, matched: 0, filtered: 0, lost: 0, waiting: 0 };
  readonly #arrivals: { readonly ms: number; readonly rows: number }[] = [];

  /** Newest first. */
  get rows(): readonly LiveRow[] {
    return this.#rows;
  }

  get counts(): LiveCounts {
    return { ...this.#counts };
  }

  get paused(): boolean {
    return this.#held !== undefined;
  }

  /** Takes what came; `matches` says what is shown. */
  take(
    batch: LiveBatch,
    matches: (row: LiveRow) => boolean,
    nowMs: number,
  ): void {
    const fitting = batch.rows.filter(matches).toReversed();
    const counts = this.#counts;
    counts.received += batch.rows.length;
    counts.matched += fitting.length;
    counts.filtered += batch.rows.length - fitting.length;
    counts.lost += batch.lost;
    this.#arrivals.push({ ms: nowMs, rows: batch.rows.length + batch.lost });
    if (this.#arrivals.length > RATE_BATCHES) this.#arrivals.shift();
    if (this.#held === undefined) {
      this.#rows = [...fitting, ...this.#rows].slice(0, ROWS_MAX);
    } else {
      this.#held = [...fitting, ...this.#held].slice(0, ROWS_MAX);
      counts.waiting += fitting.length;
    }
  }

  /** Holds the rows still; what comes is counted and kept. */
  pause(): void {
    this.#held ??= [];
  }

  /** Shows what came meanwhile, and goes on. */
  resume(): void {
    this.#rows = [...this.#held ?? [], ...this.#rows].slice(0, ROWS_MAX);
    this.#held = undefined;
    this.#counts.waiting = 0;
  }

  /** Forgets the rows, as when the filter changes; the counts go on. */
  clear(): void {
    this.#rows = [];
    if (this.#held !== undefined) this.#held = [];
    this.#counts.waiting = 0;
  }

  /** Requests a second, over the last batches. */
  rate(nowMs: number): number {
    const [oldest, ...later] = this.#arrivals;
    if (oldest === undefined || nowMs - oldest.ms > 30_000) return 0;
    const seconds = Math.max(1, (nowMs - oldest.ms) / 1000);
    return later.reduce((sum, { rows }) => sum + rows, 0) / seconds;
  }
}
