/** What has to happen regularly while the correlator runs, and the two clocks it runs by. @module */
import type { Config } from "./config.ts";
import type { LineSink } from "./line_sink.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Spool } from "./spool.ts";

/** How often the join is told the time and the outputs are flushed. */
const TICK_MS = 10;
/** Of a tick that comes later than this, the rest does not count: the process stood still. */
const TICK_COUNTED_MS_MAX = 250;
/** A batch is sealed at this size even if it could hold more rows. */
const BATCH_BYTES_MAX = 16 * 2 ** 20;

/** Milliseconds of a clock that nobody sets. */
export function monotonicMs(): number {
  return performance.now();
}

/** Microseconds since the epoch. */
export function wallUs(): number {
  return Date.now() * 1000;
}

/** What the clock drives. */
export interface Driven {
  readonly pipeline: Pipeline;
  readonly spool: Spool | undefined;
  /** Writes the rows of the spool. */
  readonly flush: () => void;
  readonly sinks: readonly LineSink[];
}

/** Calls what has to happen regularly. */
export class Clock {
  readonly #config: Config;
  readonly #parts: Driven;
  #timer: ReturnType<typeof setInterval> | undefined;
  #batchSinceMs: number | undefined;
  #syncedMs = monotonicMs();
  #lastTickMs = monotonicMs();
  #lagMs = 0;
  /** Time in which inputs were not read: the join does not know of it. */
  #pausedMs = 0;
  #advancedMs = monotonicMs();

  constructor(config: Config, parts: Driven) {
    this.#config = config;
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Longest delay of a tick since the last call. */
  takeLagMs(): number {
    const lagMs = this.#lagMs;
    this.#lagMs = 0;
    return lagMs;
  }

  #tick(): void {
    const nowMs = monotonicMs();
    this.#lagMs = Math.max(this.#lagMs, nowMs - this.#lastTickMs - TICK_MS);
    this.#lastTickMs = nowMs;
    const { pipeline, spool, flush, sinks } = this.#parts;
    this.#advance(pipeline, nowMs);
    for (const sink of sinks) sink.flush();
    if (spool === undefined) return;
    flush();
    this.#seal(spool, nowMs);
    if (nowMs - this.#syncedMs >= this.#config.spool.fsync_ms) {
      this.#syncedMs = nowMs;
      void spool.sync();
    }
  }

  /**
   * Tells the join the time. Time in which inputs were not read does not count, be it that the spool
   * is full or that this process did not get to run: the handshake that a request waits for may be
   * there, unread.
   */
  #advance({ join }: Pipeline, nowMs: number): void {
    const elapsedMs = nowMs - this.#advancedMs;
    this.#advancedMs = nowMs;
    const counted = this.#parts.spool?.blocked === true
      ? 0
      : Math.min(elapsedMs, TICK_COUNTED_MS_MAX);
    const pausedMs = elapsedMs - counted;
    this.#pausedMs += pausedMs;
    if (pausedMs > 0) join.paused(pausedMs);
    join.advance(nowMs - this.#pausedMs, wallUs());
  }

  #seal(spool: Spool, nowMs: number): void {
    const { batch_rows, batch_ms } = this.#config.spool;
    if (spool.rowsOpen === 0) {
      this.#batchSinceMs = undefined;
      return;
    }
    this.#batchSinceMs ??= nowMs;
    if (
      spool.rowsOpen < batch_rows && spool.bytesOpen < BATCH_BYTES_MAX &&
      nowMs - this.#batchSinceMs < batch_ms
    ) return;
    spool.seal();
    this.#batchSinceMs = undefined;
  }
}
