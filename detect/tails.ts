/**
 * How far out on the side that tells does each feature of a window lie among the reference? In bits
 * of the tail, the first two free. Features that go up together among people (all that a long visit
 * raises) say one thing in several ways: each counts the less, the more of the others it follows.
 *
 * @module
 */
import { FEATURES } from "../lib/features.ts";
import { countBelow, countUpTo } from "./calibration.ts";

const WIDTH = FEATURES.length;
/** Bits of a tail that are free: a quarter of the anchor lies beyond them on each feature. */
const FREE_BITS = 2;
/** Variance of a feature's bits below which it goes up with nothing. */
const VARIANCE_MIN = 1e-9;
/** Correlation that is taken for chance, in standard deviations of that of independent features. */
const CHANCE_DEVIATIONS = 2;

/** Where a value lies among the reference. */
export interface Standing {
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  /** 0..100 */
  readonly percentile: number;
}

/** Bits of one-sided tails per feature, times its share. */
export class TailTable {
  /** Reference values of each feature, ascending. */
  readonly #sorted: readonly Float32Array[];
  /** Bits of a tail by the number of reference values in it, 0..rows. */
  readonly #bitsOf: Float64Array;
  readonly #shares: Float64Array;
  /** Mean bits of the reference itself, by feature. */
  readonly meanBits: Float64Array;
  readonly meanSum: number;

  /** `shares`: what a bit of each feature counts, by column. */
  constructor(values: Float32Array, rows: number, shares: Float64Array) {
    this.#shares = shares;
    this.#sorted = FEATURES.map((_, j) =>
      Float32Array.from(
        { length: rows },
        (_, row) => values[row * WIDTH + j] as number,
      ).sort()
    );
    this.#bitsOf = Float64Array.from(
      { length: rows + 1 },
      (_, count) => -Math.log2((count + 0.5) / rows),
    );
    this.meanBits = new Float64Array(WIDTH);
    for (let row = 0; row < rows; row++) {
      const bits = this.bits(values.subarray(row * WIDTH, (row + 1) * WIDTH));
      for (let j = 0; j < WIDTH; j++) {
        this.meanBits[j] = (this.meanBits[j] as number) +
          (bits[j] as number) / rows;
      }
    }
    this.meanSum = this.meanBits.reduce((a, b) => a + b, 0);
  }

  /** Of one window, in the order of FEATURES. */
  bits(values: Float32Array): Float64Array<ArrayBuffer> {
    const out = new Float64Array(WIDTH);
    for (let j = 0; j < WIDTH; j++) {
      const sorted = this.#sorted[j] as Float32Array;
      const value = values[j] as number;
      const n = sorted.length;
      const above = n - countBelow(sorted, value);
      // The smaller tail of two counts double: one bit less.
      const tail = TWO_SIDED[j]
        ? (this.#bitsOf[Math.min(above, countUpTo(sorted, value))] as number) -
          1
        : this.#bitsOf[above] as number;
      out[j] = Math.max(0, tail - FREE_BITS) * (this.#shares[j] as number);
    }
    return out;
  }

  /** Where `value` of the feature in `column` lies. */
  standing(column: number, value: number): Standing {
    const sorted = this.#sorted[column] as Float32Array;
    const n = sorted.length;
    const at = (q: number) =>
      sorted[Math.min(n - 1, Math.floor(q * n))] as number;
    const middle = (countBelow(sorted, value) + countUpTo(sorted, value)) / 2;
    return {
      p5: at(0.05),
      p50: at(0.5),
      p95: at(0.95),
      percentile: 100 * middle / n,
    };
  }
}

const TWO_SIDED = FEATURES.map(({ direction }) => direction !== "high");

/**
 * What a bit of each feature counts, by column: 1 / sqrt(1 + sum of its correlations with the
 * others, where they are above chance), over the bits of the reference's own windows. 1 where it goes up
 * alone; of k features that always go up together each 1 / sqrt(k).
 *
 * @param values Row-major, rows x FEATURES.length.
 */
export function independence(
  values: Float32Array,
  rows: number,
): Float64Array {
  const shares = new Float64Array(WIDTH).fill(1);
  const table = new TailTable(values, rows, shares);
  const bits = Array.from(
    { length: rows },
    (_, row) => table.bits(values.subarray(row * WIDTH, (row + 1) * WIDTH)),
  );
  const columns = FEATURES.map((_, j) => {
    const mean = table.meanBits[j] as number;
    return Float64Array.from(bits, (own) => (own[j] as number) - mean);
  });
  const spread = columns.map((column) => Math.sqrt(product(column, column)));
  const chance = CHANCE_DEVIATIONS / Math.sqrt(rows);
  const varies = spread.map((one) => one * one >= VARIANCE_MIN * rows);
  for (const [j, column] of columns.entries()) {
    if (!varies[j]) continue;
    let sum = 0;
    for (const [k, other] of columns.entries()) {
      if (!varies[k]) continue;
      const scale = (spread[j] as number) * (spread[k] as number);
      const together = product(column, other) / scale;
      sum += k === j ? 1 : Math.max(0, together - chance);
    }
    shares[j] = 1 / Math.sqrt(sum);
  }
  return shares;
}

function product(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) {
    sum += (one[i] as number) * (other[i] as number);
  }
  return sum;
}
