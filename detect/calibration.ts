/**
 * Conformal p-values: how often would a window of the reference have at least this value? Computed
 * on windows that the statistic was not fitted on, so that a threshold is a false-alarm rate.
 *
 * Beyond the 95th percentile the tail is continued as an exponential with the mean excess seen
 * there; n windows alone cannot give a p below 1 / (n + 1).
 *
 * @module
 */

const TAIL = 0.05;
/** Smallest p-value that is claimed. */
const P_MIN = 1e-9;

/** The distribution of one statistic in the reference; higher = less usual. */
export class Calibration {
  /** Ascending. */
  readonly #values: Float64Array;
  readonly #start: number;
  readonly #meanExcess: number;

  constructor(values: Iterable<number>) {
    this.#values = Float64Array.from(values).sort();
    const n = this.#values.length;
    this.#start = this.#values[Math.floor((1 - TAIL) * n)] ?? 0;
    let excess = 0;
    let count = 0;
    for (const value of this.#values) {
      if (value <= this.#start) continue;
      excess += value - this.#start;
      count++;
    }
    const spread = Math.abs(this.#values[n >> 1] ?? 1) * 0.05 + 1e-6;
    this.#meanExcess = count > 0 ? Math.max(excess / count, 1e-6) : spread;
  }

  /** Share of the reference expected at or above `value`, in (0, 1]; falls as `value` rises. */
  pValue(value: number): number {
    const n = this.#values.length;
    if (value <= this.#start || n === 0) {
      return (n - countBelow(this.#values, value) + 1) / (n + 1);
    }
    const tail = TAIL * Math.exp(-(value - this.#start) / this.#meanExcess);
    return Math.max(P_MIN, Math.min(tail, this.pValue(this.#start)));
  }

  /** -log10 of {@linkcode Calibration.pValue}: 0 = wholly usual, 2 = one in a hundred. */
  surprise(value: number): number {
    return -Math.log10(this.pValue(value));
  }
}

/** Number of values < `value` in an ascending array. */
export function countBelow(
  sorted: Float32Array | Float64Array,
  value: number,
): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Number of values <= `value` in an ascending array. */
export function countUpTo(
  sorted: Float32Array | Float64Array,
  value: number,
): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
