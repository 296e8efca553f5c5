/**
 * Do windows that share a fingerprint also behave alike? DBSCAN (Ester et al. 1996) over the
 * features that tell them most from people. Pure.
 *
 * @module
 */
import { FEATURES } from "../lib/features.ts";

/** Features that are compared, those of most contribution first. */
const STRONGEST = 12;
/** Distance of neighbours, in standard deviations, root mean square over the features. */
const EPS = 1;
/** Windows within reach that make a window the core of a group. */
const POINTS_MIN = 5;
/** Windows that are compared pairwise; of more an even choice, the rest goes with the largest group. */
const ROWS_MAX = 2000;

const WIDTH = FEATURES.length;

/** What of a verdict is compared. */
export interface Behaving {
  readonly features: ArrayLike<number>;
  readonly contributions: ArrayLike<number>;
}

/** Splits windows by behaviour; each group has their indices in order. Whoever is like no group joins the nearest. */
export function splitByBehaviour(rows: readonly Behaving[]): number[][] {
  const all = [...rows.keys()];
  if (rows.length < 2 * POINTS_MIN) return [all];
  const chosen = rows.length <= ROWS_MAX ? all : Array.from(
    { length: ROWS_MAX },
    (_, i) => Math.floor(i * rows.length / ROWS_MAX),
  );
  const points = standardised(chosen.map((i) => rows[i] as Behaving));
  const groups = dbscan(points);
  if (groups.length <= 1) return [all];
  const placed = groups.map((group) => [...group]);
  const grouped = new Set(groups.flat());
  for (const at of points.keys()) {
    if (!grouped.has(at)) placed[nearest(at, groups, points)]?.push(at);
  }
  const split = placed.map((group) => group.map((at) => chosen[at] as number));
  const taken = new Set(chosen);
  const largest = split.reduce((a, b) => b.length > a.length ? b : a);
  largest.push(...all.filter((i) => !taken.has(i)));
  return split.map((group) => group.sort((a, b) => a - b));
}

/** Number of the group that has the member nearest to a point. */
function nearest(
  at: number,
  groups: readonly (readonly number[])[],
  points: readonly Float64Array[],
): number {
  let best = 0;
  let least = Infinity;
  for (const [number, group] of groups.entries()) {
    for (const member of group) {
      const far = distance(
        points[at] as Float64Array,
        points[member] as Float64Array,
      );
      if (far < least) [best, least] = [number, far];
    }
  }
  return best;
}

/** Columns that vary and contribute most, log-scaled where their scale is, each of mean 0 and deviation 1. */
function standardised(rows: readonly Behaving[]): Float64Array[] {
  const weight = new Float64Array(WIDTH);
  for (const { contributions } of rows) {
    for (let j = 0; j < WIDTH; j++) {
      weight[j] = (weight[j] as number) +
        Math.max(0, contributions[j] as number);
    }
  }
  const values = [...weight.keys()]
    .sort((a, b) => (weight[b] as number) - (weight[a] as number))
    .flatMap((j) => {
      const own = rows.map(({ features }) => {
        const value = features[j] as number;
        return FEATURES[j]?.scale === "log" ? Math.log2(1 + value) : value;
      });
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      const deviation = Math.sqrt(
        own.reduce((sum, x) => sum + (x - mean) ** 2, 0) / own.length,
      );
      return deviation < 1e-6 * (1 + Math.abs(mean))
        ? []
        : [own.map((x) => (x - mean) / deviation)];
    }).slice(0, STRONGEST);
  return rows.map((_, i) =>
    Float64Array.from(values, (column) => column[i] as number)
  );
}

/** Groups of points within reach of each other; noise is in none. */
function dbscan(points: readonly Float64Array[]): number[][] {
  const limit = EPS * EPS * (points[0]?.length ?? 0);
  const near = (i: number) =>
    [...points.keys()].filter((j) =>
      distance(points[i] as Float64Array, points[j] as Float64Array) <= limit
    );
  const groupOf = new Int32Array(points.length).fill(-1);
  const groups: number[][] = [];
  for (let i = 0; i < points.length; i++) {
    if (groupOf[i] !== -1) continue;
    const first = near(i);
    if (first.length < POINTS_MIN) continue;
    const group: number[] = [];
    const number = groups.push(group) - 1;
    const open = [i];
    groupOf[i] = number;
    while (open.length > 0) {
      const at = open.pop() as number;
      group.push(at);
      const neighbours = at === i ? first : near(at);
      if (neighbours.length < POINTS_MIN) continue;
      for (const j of neighbours) {
        if (groupOf[j] === -1) {
          groupOf[j] = number;
          open.push(j);
        }
      }
    }
  }
  return groups;
}

/** Squared. */
function distance(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < one.length; k++) {
    sum += ((one[k] as number) - (other[k] as number)) ** 2;
  }
  return sum;
}
