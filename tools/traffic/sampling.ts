/** Distributions over a seeded stream. @module */
import type { Random } from "../../detect/random.ts";

/** Standard normal (Box, Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) *
    Math.cos(2 * Math.PI * random.uniform());
}

/** Log-normal by its median. */
export function logNormal(
  random: Random,
  median: number,
  sigma: number,
): number {
  return median * Math.exp(sigma * normal(random));
}

/** Exponential by its mean. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.uniform());
}

/** Gamma, shape >= 1 (Marsaglia, Tsang 2000). */
export function gamma(random: Random, shape: number, scale: number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  while (true) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - random.uniform();
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
      return d * v * scale;
    }
  }
}

/** One of the choices, by weight. */
export function pick<T>(
  random: Random,
  choices: readonly (readonly [weight: number, value: T])[],
): T {
  let left = random.uniform() * choices.reduce((sum, [w]) => sum + w, 0);
  for (const [weight, value] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  return (choices[choices.length - 1] as readonly [number, T])[1];
}

/** Zipf ranks 0..n-1 with exponent s, by inversion of the cumulated weights. */
export class Zipf {
  readonly #cumulated: Float64Array;
  constructor(n: number, s: number) {
    this.#cumulated = new Float64Array(n);
    let sum = 0;
    for (let i = 0; i < n; i++) {
      sum += (i + 1) ** -s;
      this.#cumulated[i] = sum;
    }
  }
  draw(random: Random): number {
    const all = this.#cumulated;
    const wanted = random.uniform() * (all[all.length - 1] as number);
    let low = 0;
    let high = all.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
