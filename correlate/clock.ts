/** What has to happen regularly while the correlator runs, and the two clocks it runs by. @module */
import type { Config } from "./config.ts";
import type { LineSink } from "./line_sink.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Spool } from "./spool.ts";

/** How often the join is told the time and the outputs are flushed. */
const TICK_MS = 10;
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
  #blockedSinceMs: number | undefined;

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
   * While inputs are not read, nothing ends its waiting: the handshake may be there, unread. Their
   * events keep their own times.
   */
  #advance({ join }: Pipeline, nowMs: number): void {
    if (this.#parts.spool?.blocked === true) {
      this.#blockedSinceMs ??= nowMs;
      return;
    }
    if (this.#blockedSinceMs !== undefined) {
      const ms = nowMs - this.#blockedSinceMs;
      this.#blockedSinceMs = undefined;
      this.#pausedMs += ms;
      join.paused(ms);
    }
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
