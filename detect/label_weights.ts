/**
 * Weights of features, learned from labels: a logistic model of the bits in which no weight is
 * negative and each is held near 1, the weight without labels. The reference's own windows count a
 * little as people. From 50 labels on; with n labels they count n / (n + 60).
 *
 * @module
 */
import { FEATURES } from "../lib/features.ts";
import type { Weights } from "./reference_model.ts";

/** Labels below which nothing is learned. */
export const LABELS_MIN = 50;

/** One window that was labelled, or of the reference. */
export interface Example {
  /** Unweighted bits by column. */
  readonly bits: Float64Array;
  readonly bot: boolean;
  /** How much it counts: 1 for a label on one window. */
  readonly weight: number;
}

const WIDTH = FEATURES.length;
/** Labels at which they count as much as having none. */
const HALF_TRUST = 60;
/** Pull towards 1 of each weight. */
const PULL = 0.5;
const STEPS = 400;

/** Weight of a window of the reference as an example of people, and how many are taken. */
export const ANCHOR_WEIGHT = 0.15;
export const ANCHOR_EXAMPLES = 400;

/** Weights from `labels` labels; undefined if they are too few or all say the same. */
export function learnWeights(
  examples: readonly Example[],
  labels: number,
): Weights | undefined {
  if (
    labels < LABELS_MIN || !examples.some(({ bot }) => bot) ||
    examples.every(({ bot }) => bot)
  ) return undefined;
  const sums = examples.map(({ bits }) => bits.reduce((a, b) => a + b, 0));
  const { slope, bias } = fitLine(examples, sums);
  const own = fitWeights(examples, { slope, bias });
  const trust = labels / (labels + HALF_TRUST);
  return {
    values: own.map((weight) => trust * weight + 1 - trust),
    trust,
  };
}

/** Logistic regression on the sum of bits alone: the scale on which weights are 1. */
function fitLine(
  examples: readonly Example[],
  sums: readonly number[],
): { slope: number; bias: number } {
  const mean = sums.reduce((a, b) => a + b, 0) / sums.length;
  const spread = Math.sqrt(
    sums.reduce((total, x) => total + (x - mean) ** 2, 0) / sums.length,
  ) + 1e-6;
  let slope = 1;
  let bias = 0;
  const total = examples.reduce((sum, { weight }) => sum + weight, 0);
  for (let step = 0; step < STEPS; step++) {
    let slopeError = 0.01 * slope;
    let biasError = 0;
    for (const [i, { bot, weight }] of examples.entries()) {
      const x = ((sums[i] as number) - mean) / spread;
      const error = weight * (sigmoid(slope * x + bias) - (bot ? 1 : 0)) /
        total;
      slopeError += error * x;
      biasError += error;
    }
    slope = Math.max(0.05, slope - 2 * slopeError);
    bias -= 2 * biasError;
  }
  return { slope: slope / spread, bias: bias - slope * mean / spread };
}

/** Weights around 1, by Adam with the negative ones cut off (Kingma, Ba 2015). */
function fitWeights(
  examples: readonly Example[],
  line: { slope: number; bias: number },
): Float64Array {
  const weights = new Float64Array(WIDTH).fill(1);
  let { bias } = line;
  const first = new Float64Array(WIDTH + 1);
  const second = new Float64Array(WIDTH + 1);
  const total = examples.reduce((sum, { weight }) => sum + weight, 0);
  for (let step = 1; step <= STEPS; step++) {
    const gradient = new Float64Array(WIDTH + 1);
    for (let j = 0; j < WIDTH; j++) {
      gradient[j] = PULL * ((weights[j] as number) - 1) / total;
    }
    for (const { bits, bot, weight } of examples) {
      let z = bias;
      for (let j = 0; j < WIDTH; j++) {
        z += line.slope * (weights[j] as number) * (bits[j] as number);
      }
      const error = weight * (sigmoid(z) - (bot ? 1 : 0)) / total;
      for (let j = 0; j < WIDTH; j++) {
        gradient[j] = (gradient[j] as number) +
          error * line.slope * (bits[j] as number);
      }
      gradient[WIDTH] = (gradient[WIDTH] as number) + error;
    }
    const rate = 0.05;
    for (let j = 0; j <= WIDTH; j++) {
      const g = gradient[j] as number;
      const m = first[j] = 0.9 * (first[j] as number) + 0.1 * g;
      const v = second[j] = 0.999 * (second[j] as number) + 0.001 * g * g;
      const move = rate * m / (1 - 0.9 ** step) /
        (Math.sqrt(v / (1 - 0.999 ** step)) + 1e-8);
      if (j === WIDTH) bias -= move;
      else weights[j] = Math.max(0, (weights[j] as number) - move);
    }
  }
  return weights;
}

function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}
