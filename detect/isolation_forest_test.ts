import assert from "node:assert/strict";
import {
  averageDepth,
  fitForest,
  type Forest,
  PADDING,
  scoreOfPath,
  scoreRows,
  sortKey,
} from "./isolation_forest.ts";
import { PathAttribution } from "./path_attribution.ts";
import { Random } from "./random.ts";

/** Rows around the origin, `columns` wide. */
function cloud(rows: number, columns: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from(
    { length: rows * columns },
    () => random.uniform() + random.uniform() + random.uniform() - 1.5,
  );
}

/** One row at a time and with branches on floats: what the block loop must equal. */
function scorePlainly(forest: Forest, row: Float32Array): number {
  const { trees, depth, node, leaf } = forest;
  let sum = 0;
  for (let tree = 0; tree < trees; tree++) {
    let i = 1;
    for (let level = 0; level < depth; level++) {
      const slot = ((tree << depth) + i) << 1;
      const column = node[slot] as number;
      const value = row[column] as number;
      const threshold = valueOfKey(node[slot + 1] as number);
      i = 2 * i + (value > threshold ? 1 : 0);
    }
    sum += leaf[(tree << depth) + i - (1 << depth)] as number;
  }
  return Math.fround(scoreOfPath(forest, sum / trees));
}

/** The float whose key this is, with the odd lowest bit that thresholds have. */
function valueOfKey(key: number): number {
  if (key === PADDING) return Infinity;
  const doubled = key * 2;
  const bits = key >= 0 ? doubled + 1 : (doubled ^ 0x7fffffff) & ~1;
  return new Float32Array(new Int32Array([bits]).buffer)[0] as number;
}

Deno.test("sortKey() orders as the floats do", () => {
  const values = [-3e38, -2, -1e-30, 0, 1e-30, 0.5, 1, 1.5, 3e38, Infinity];
  const keys = values.map((value) =>
    sortKey(new Int32Array(new Float32Array([value]).buffer)[0] as number)
  );
  assert.deepEqual(keys, keys.toSorted((a, b) => a - b));
  assert.equal(new Set(keys).size, values.length);
});

Deno.test("averageDepth() follows eq. 1", () => {
  assert.equal(averageDepth(1), 0);
  assert.equal(averageDepth(2), 1);
  assert.ok(Math.abs(averageDepth(256) - 10.2448) < 1e-3);
});

Deno.test.each([
  { name: "256 rows a tree", rows: 1000, columns: 7, psi: 256 },
  { name: "fewer rows than a block", rows: 5, columns: 3, psi: 256 },
  { name: "psi that is no power of two", rows: 300, columns: 2, psi: 100 },
  { name: "one row", rows: 1, columns: 1, psi: 256 },
])("scoreRows() equals the plain walk with $name", ({ rows, columns, psi }) => {
  const data = cloud(rows, columns, 5);
  const forest = fitForest(data, rows, columns, { seed: 9, psi });
  const scores = scoreRows(forest, data, rows);
  for (let r = 0; r < rows; r++) {
    const row = data.subarray(r * columns, (r + 1) * columns);
    assert.equal(scores[r], scorePlainly(forest, row), `row ${r}`);
  }
});

Deno.test("fitForest() with one seed gives one forest", () => {
  const data = cloud(500, 4, 1);
  const one = fitForest(data, 500, 4, { seed: 7 });
  assert.deepEqual(one, fitForest(data, 500, 4, { seed: 7 }));
  assert.notDeepEqual(one.node, fitForest(data, 500, 4, { seed: 8 }).node);
});

Deno.test("fitForest() copes with columns that never vary", () => {
  const forest = fitForest(new Float32Array(600), 200, 3);
  const scores = scoreRows(forest, new Float32Array(600), 200);
  assert.equal(new Set(scores).size, 1);
});

Deno.test("scoreRows() puts planted outliers on top", () => {
  const rows = 1000;
  const data = cloud(rows, 5, 3);
  for (const r of [17, 400, 999]) data.fill(4, r * 5, r * 5 + 2);
  const scores = scoreRows(fitForest(data, rows, 5, { seed: 1 }), data, rows);
  const top = [...scores.keys()].sort((a, b) =>
    (scores[b] as number) - (scores[a] as number)
  ).slice(0, 3);
  assert.deepEqual(top.sort((a, b) => a - b), [17, 400, 999]);
});

Deno.test("PathAttribution.attribute() adds up to the path length and has the sign of anomaly", () => {
  const rows = 600;
  const columns = 6;
  const data = cloud(rows, columns, 2);
  const forest = fitForest(data, rows, columns, { seed: 4 });
  const explained = new PathAttribution(forest, data, rows);
  for (const planted of [0, 3, 5]) {
    const row = data.slice(0, columns);
    row[planted] = 9;
    const share = explained.attribute(row, 1);
    const sum = share.reduce((a, b) => a + b, 0);
    const score = scoreRows(forest, row, 1)[0] as number;
    const got = scoreOfPath(forest, explained.meanPath - sum);
    assert.ok(Math.abs(got - score) < 1e-6, `${got} is not ${score}`);
    assert.equal(share.indexOf(Math.max(...share)), planted);
    assert.ok((share[planted] as number) > 0);
  }
  const usual = explained.attribute(new Float32Array(columns), 1);
  assert.ok(
    usual.reduce((a, b) => a + b, 0) < 0,
    "the middle of the cloud is less anomalous than the mean",
  );
});
