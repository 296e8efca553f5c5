/**
 * Does the forest find what scikit-learn's finds? Five public anomaly sets, means over 20 seeds: a
 * single seed says little, the standard deviation over seeds is up to 0.056.
 */
import assert from "node:assert/strict";
import { fitForest, scoreRows } from "../detect/isolation_forest.ts";
import { exists, needs } from "../lib/testing.ts";
import baseline from "./detect/adbench_baseline.json" with { type: "json" };
import { quality } from "./detect/quality.ts";

const CORPUS = new URL("../../shared/corpus/adbench/", import.meta.url);
const SEEDS = 20;

Deno.test({
  name: "fitForest() is as accurate as scikit-learn on five ADBench sets",
  ...needs(
    exists(CORPUS),
    "forest accuracy: ../shared/corpus/adbench is not here",
  ),
  fn() {
    const rocDeltas: number[] = [];
    const apDeltas: number[] = [];
    for (const [name, base] of Object.entries(baseline.sets)) {
      const file = (ending: string) =>
        Deno.readFileSync(new URL(`${name}.${ending}`, CORPUS));
      const data = new Float32Array(file("f32").buffer);
      const labels = file("u8");
      const roc: number[] = [];
      const ap: number[] = [];
      for (let seed = 1; seed <= SEEDS; seed++) {
        const forest = fitForest(data, base.rows, base.columns, { seed });
        const found = quality(labels, scoreRows(forest, data, base.rows));
        roc.push(found.roc);
        ap.push(found.ap);
      }
      rocDeltas.push(notBelow(`${name} ROC`, roc, base.roc, base.roc_sd));
      apDeltas.push(notBelow(`${name} PR`, ap, base.ap, base.ap_sd));
    }
    assert.ok(mean(rocDeltas) > -0.01, `mean ROC ${mean(rocDeltas)}`);
    assert.ok(mean(apDeltas) > -0.01, `mean PR ${mean(apDeltas)}`);
  },
});

/** Fails if `ours` lies below the baseline by more than chance; returns the difference of the means. */
function notBelow(
  what: string,
  ours: readonly number[],
  theirs: number,
  theirSd: number,
): number {
  const delta = mean(ours) - theirs;
  const spread = ours.reduce((sum, v) => sum + (v - mean(ours)) ** 2, 0) /
    (SEEDS - 1);
  const error = Math.sqrt(spread / SEEDS + theirSd ** 2 / SEEDS);
  assert.ok(
    delta >= -Math.max(0.02, 3 * error),
    `${what}: ${mean(ours).toFixed(4)}, scikit-learn ${theirs}`,
  );
  return delta;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}
