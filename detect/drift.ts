/**
 * How far have people moved from the reference? Two views of each feature: the population stability
 * index over the reference's deciles (from 0.1 worth a look, from 0.25 reason to learn anew), and
 * the Kolmogorov-Smirnov distance.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { countUpTo } from "./calibration.ts";

/** Index from which a feature counts as moved. */
export const PSI_MOVED = 0.25;
/** Windows of people below which a day says nothing. */
export const DRIFT_ROWS_MIN = 128;

/** One feature's movement. */
export interface Drift {
  readonly feature: string;
  readonly psi: number;
  readonly ks: number;
}

const WIDTH = FEATURES.length;

/** Compares `day` with `reference`; both row-major, FEATURES.length columns. */
export function driftOf(
  reference: Float32Array,
  day: Float32Array,
): Drift[] {
  return FEATURES.map(({ name }, column) => {
    const usual = columnOf(reference, column);
    const own = columnOf(day, column);
    return { feature: name, psi: psi(usual, own), ks: ks(usual, own) };
  });
}

function columnOf(values: Float32Array, column: number): Float32Array {
  const rows = values.length / WIDTH;
  return Float32Array.from(
    { length: rows },
    (_, row) => values[row * WIDTH + column] as number,
  ).sort();
}

/** Both ascending. Deciles that coincide are one; half a window in each bin keeps the logarithm finite. */
function psi(usual: Float32Array, own: Float32Array): number {
  const cuts = [
    ...new Set(
      Array.from(
        { length: 9 },
        (_, k) => usual[Math.floor((k + 1) * usual.length / 10)] as number,
      ),
    ),
  ];
  let sum = 0;
  let before = { usual: 0, own: 0 };
  for (const cut of [...cuts, Infinity]) {
    const upTo = { usual: countUpTo(usual, cut), own: countUpTo(own, cut) };
    const p = (upTo.usual - before.usual + 0.5) / (usual.length + 5);
    const q = (upTo.own - before.own + 0.5) / (own.length + 5);
    sum += (q - p) * Math.log(q / p);
    before = upTo;
  }
  return sum;
}

function ks(usual: Float32Array, own: Float32Array): number {
  let largest = 0;
  for (const value of [...usual, ...own]) {
    const distance = Math.abs(
      countUpTo(usual, value) / usual.length -
        countUpTo(own, value) / own.length,
    );
    if (distance > largest) largest = distance;
  }
  return largest;
}

/** Stores the drift of a day; a second time replaces the first. */
export async function writeDrift(
  db: Database,
  drift: readonly Drift[],
  of: { day: UnixMicros; modelId: string; windows: number; now: UnixMicros },
): Promise<void> {
  await db.insertRows(
    "model_drift",
    drift.map(({ feature, psi, ks }) => ({
      day: new Date(of.day / 1000).toISOString().slice(0, 10),
      feature,
      model_id: of.modelId,
      psi,
      ks,
      windows: of.windows,
      rev: of.now,
    })),
  );
}
