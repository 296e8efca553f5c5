/**
 * The time as the join sees it: a clock that only runs forward for waiting, the system's clock for
 * telling old events, and whether the latter was stepped.
 *
 * @module
 */

/** The wall clock moved against the monotonic one by more than this: it was stepped. */
const CLOCK_STEP_MS = 1000;

/** See the module's comment. The caller tells the time; nothing here reads a clock. */
export class JoinClock {
  readonly #distrustMs: number;
  #nowMs = 0;
  #wallUs: number | undefined;
  /** Wall minus monotonic clock at the last call of {@linkcode JoinClock.advance}. */
  #offsetMs: number | undefined;
  #steppedUntilMs = -Infinity;

  /** After a step, event times are not compared for `distrustMs`. */
  constructor(distrustMs: number) {
    this.#distrustMs = distrustMs;
  }

  /** Milliseconds; never decreases. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Whether times of events can be compared: some may be from before a step, some from behind it. */
  get isStepped(): boolean {
    return this.#nowMs < this.#steppedUntilMs;
  }

  /** `wallUs` is left out where events are older than today, as in a file. */
  advance(nowMs: number, wallUs?: number): void {
    this.#nowMs = nowMs;
    this.#wallUs = wallUs;
    if (wallUs === undefined) return;
    const offset = wallUs / 1000 - nowMs;
    if (
      this.#offsetMs !== undefined &&
      Math.abs(offset - this.#offsetMs) > CLOCK_STEP_MS
    ) this.#steppedUntilMs = nowMs + this.#distrustMs;
    this.#offsetMs = offset;
  }

  /** The caller's clock stood still for `ms` while the system's ran on: that is no step. */
  paused(ms: number): void {
    if (this.#offsetMs !== undefined) this.#offsetMs += ms;
  }

  /** How long ago an event was, microseconds; undefined where nobody can say. */
  ageUs(ts: number): number | undefined {
    return this.#wallUs === undefined || this.isStepped
      ? undefined
      : this.#wallUs - ts;
  }
}
