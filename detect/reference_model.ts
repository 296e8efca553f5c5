/**
 * How unlike people is a window? Two views of the same reference, the windows with positive
 * evidence of a browser ("anchor"): bits of one-sided tails, added over the features (tails.ts), and
 * an Isolation Forest. Each becomes a surprise (-log10 of a conformal p-value); their mean is the
 * evidence e, and the score is 1 - 2^(-0.7 e): 0.62 for one in a hundred, 0.86 for one in 10^4.
 *
 * Every step is monotone, so each feature's share follows exactly: a share of a sum times the slope
 * of the chord from the reference's mean to the window. base + contributions = score, and the sign
 * of a contribution is the sign of its cause.
 *
 * @module
 */
import { FEATURES } from "../lib/features.ts";
import { invariant } from "../lib/invariant.ts";
import { Calibration } from "./calibration.ts";
import { averageDepth, fitForest, scoreRows } from "./isolation_forest.ts";
import type { Forest } from "./isolation_forest.ts";
import { PathAttribution } from "./path_attribution.ts";
import { independence, type Standing, TailTable } from "./tails.ts";

const WIDTH = FEATURES.length;
const FOLDS = 5;
const TREES = 200;

/** The reference windows a model is made of; all that must be stored to make it again. */
export interface Anchor {
  /** Row-major, rows x FEATURES.length, in the units of FEATURES. */
  readonly values: Float32Array;
  readonly rows: number;
  /** Rows of one number are left out together when calibrating: one address, one number. */
  readonly actors: readonly number[];
}

/** One window's verdict by the model. */
export interface ModelScore {
  /** 0..1 */
  readonly score: number;
  readonly pValue: number;
  /** One a feature; base + their sum = score. */
  readonly contributions: Float64Array<ArrayBuffer>;
}

/** What labels say of the features. */
export interface Weights {
  /** By column, >= 0; 1 where the labels say nothing. */
  readonly values: Float64Array;
  /** How much they count against the forest, which has no labels: 0..1. */
  readonly trust: number;
}

/** A fitted model; immutable. */
export class ReferenceModel {
  /** Score of a window in which everything is as in the mean of the reference. */
  readonly base: number;
  readonly #tails: TailTable;
  readonly #forest: Forest;
  readonly #attribution: PathAttribution;
  readonly #tailSurprise: Calibration;
  readonly #forestSurprise: Calibration;
  readonly #evidence: Calibration;
  readonly #meanEvidence: number;
  /** Share of the tails in the evidence; the rest is the forest's. */
  readonly #tailShare: number;

  /** @param seed Equal anchors, seeds and weights give equal models. */
  constructor(anchor: Anchor, seed: number, weights?: Weights) {
    invariant(anchor.rows > 0, "a model needs an anchor");
    const scaled = rescaled(anchor.values);
    this.#tailShare = (1 + (weights?.trust ?? 0)) / 2;
    const shares = independence(anchor.values, anchor.rows)
      .map((share, j) => share * (weights?.values[j] ?? 1));
    this.#tails = new TailTable(anchor.values, anchor.rows, shares);
    this.#forest = fitForest(scaled, anchor.rows, WIDTH, {
      seed,
      trees: TREES,
    });
    this.#attribution = new PathAttribution(
      this.#forest,
      scaled,
      anchor.rows,
    );
    const held = crossFit(anchor, scaled, { seed, shares });
    this.#tailSurprise = new Calibration(held.bits);
    this.#forestSurprise = new Calibration(held.shortfall);
    const evidence = held.bits.map((bits, i) =>
      this.#evidenceOf(bits, held.shortfall[i] as number)
    );
    this.#evidence = new Calibration(evidence);
    this.#meanEvidence = this.#evidenceOf(this.#tails.meanSum, 0);
    this.base = scoreOfEvidence(this.#meanEvidence);
  }

  /** Scores windows: row-major, rows x FEATURES.length, in the units of FEATURES. */
  score(values: Float32Array, rows: number): ModelScore[] {
    const shares = this.#attribution.attribute(rescaled(values), rows);
    return Array.from(
      { length: rows },
      (_, row) =>
        this.#scoreRow(
          values.subarray(row * WIDTH, (row + 1) * WIDTH),
          shares.subarray(row * WIDTH, (row + 1) * WIDTH),
        ),
    );
  }

  /** Weighted bits of each feature of one window, in the order of FEATURES. */
  bits(values: Float32Array): Float64Array<ArrayBuffer> {
    return this.#tails.bits(values);
  }

  /** Where `value` of the feature in `column` lies among the reference. */
  standing(column: number, value: number): Standing {
    return this.#tails.standing(column, value);
  }

  /** `contributions`: the forest's shares, which become those of the score. */
  #scoreRow(
    values: Float32Array,
    contributions: Float64Array<ArrayBuffer>,
  ): ModelScore {
    const shortfall = sum(contributions);
    const bits = this.#tails.bits(values);
    const bitSum = sum(bits);
    const tail = this.#tailSurprise.surprise(bitSum);
    const forest = this.#forestSurprise.surprise(shortfall);
    const evidence = this.#together(tail, forest);
    const score = scoreOfEvidence(evidence);
    const outer = chord(score - this.base, evidence - this.#meanEvidence);
    const { meanSum, meanBits } = this.#tails;
    const tailSlope = outer * this.#tailShare *
      chord(tail - this.#tailSurprise.surprise(meanSum), bitSum - meanSum);
    const forestSlope = outer * (1 - this.#tailShare) *
      chord(forest - this.#forestSurprise.surprise(0), shortfall);
    for (let j = 0; j < WIDTH; j++) {
      contributions[j] =
        tailSlope * ((bits[j] as number) - (meanBits[j] as number)) +
        forestSlope * (contributions[j] as number);
    }
    return {
      score,
      pValue: this.#evidence.pValue(evidence),
      contributions: closing(contributions, score - this.base),
    };
  }

  #evidenceOf(bits: number, shortfall: number): number {
    return this.#together(
      this.#tailSurprise.surprise(bits),
      this.#forestSurprise.surprise(shortfall),
    );
  }

  #together(tail: number, forest: number): number {
    return this.#tailShare * tail + (1 - this.#tailShare) * forest;
  }
}

/** Both statistics of every anchor row, by models that were fitted without its actor. */
function crossFit(
  anchor: Anchor,
  scaled: Float32Array,
  { seed, shares }: { seed: number; shares: Float64Array },
): { bits: number[]; shortfall: number[] } {
  const bits: number[] = [];
  const shortfall: number[] = [];
  for (let fold = 0; fold < FOLDS; fold++) {
    const kept: number[] = [];
    const held: number[] = [];
    for (let row = 0; row < anchor.rows; row++) {
      const out = (anchor.actors[row] as number) % FOLDS === fold;
      (out ? held : kept).push(row);
    }
    if (held.length === 0 || kept.length === 0) continue;
    const values = takeRows(anchor.values, kept);
    const tails = new TailTable(values, kept.length, shares);
    const keptScaled = takeRows(scaled, kept);
    const forest = fitForest(keptScaled, kept.length, WIDTH, {
      seed: seed + 1 + fold,
      trees: TREES,
    });
    const usual = mean(pathLengths(forest, keptScaled, kept.length));
    const paths = pathLengths(forest, takeRows(scaled, held), held.length);
    for (const [i, row] of held.entries()) {
      const own = anchor.values.subarray(row * WIDTH, (row + 1) * WIDTH);
      bits.push(sum(tails.bits(own)));
      shortfall.push(usual - (paths[i] as number));
    }
  }
  return { bits, shortfall };
}

function pathLengths(
  forest: Forest,
  scaled: Float32Array,
  rows: number,
): Float32Array {
  const normal = Math.max(1, averageDepth(forest.psi));
  return scoreRows(forest, scaled, rows).map((score) =>
    -Math.log2(score) * normal
  );
}

/** log2(1 + x) where a feature's scale is logarithmic: a forest cuts evenly between values. */
function rescaled(values: Float32Array): Float32Array {
  const out = values.slice();
  for (const j of LOGARITHMIC) {
    for (let i = j; i < out.length; i += WIDTH) {
      out[i] = Math.log2(1 + Math.max(0, out[i] as number));
    }
  }
  return out;
}

/** Columns whose scale is logarithmic. */
const LOGARITHMIC = [...FEATURES.keys()].filter((j) =>
  FEATURES[j]?.scale === "log"
);

function takeRows(values: Float32Array, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * WIDTH);
  for (const [i, row] of rows.entries()) {
    out.set(values.subarray(row * WIDTH, (row + 1) * WIDTH), i * WIDTH);
  }
  return out;
}

function scoreOfEvidence(evidence: number): number {
  return 1 - Math.pow(2, -0.7 * evidence);
}

/** Slope of the chord; 0 where its ends coincide. */
function chord(rise: number, run: number): number {
  return Math.abs(run) < 1e-12 ? 0 : rise / run;
}

/** Puts what rounding left over onto the largest share, so that the sum is exact. */
function closing(
  shares: Float64Array<ArrayBuffer>,
  total: number,
): Float64Array<ArrayBuffer> {
  let largest = 0;
  for (let j = 0; j < shares.length; j++) {
    if (Math.abs(shares[j] as number) > Math.abs(shares[largest] as number)) {
      largest = j;
    }
  }
  shares[largest] = (shares[largest] as number) + total - sum(shares);
  return shares;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function mean(values: Float32Array): number {
  return sum(values) / Math.max(1, values.length);
}
