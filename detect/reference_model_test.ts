import assert from "node:assert/strict";
import { COLUMN, FEATURES } from "../lib/features.ts";
import { Calibration } from "./calibration.ts";
import { Random } from "./random.ts";
import { ReferenceModel } from "./reference_model.ts";

const WIDTH = FEATURES.length;

/** People: every feature spread, most of them at zero for most, as in real windows. */
function people(rows: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length: rows * WIDTH }, (_, i) => {
    const column = i % WIDTH;
    const x = random.uniform() + random.uniform();
    if (column % 3 === 0) return random.uniform() < 0.8 ? 0 : x;
    return FEATURES[column]?.unit === "count" ? 1 + Math.floor(20 * x) : 2 * x;
  });
}

function model(rows: number): { values: Float32Array; model: ReferenceModel } {
  const values = people(rows, 1);
  const actors = Array.from({ length: rows }, (_, i) => i);
  return { values, model: new ReferenceModel({ values, rows, actors }, 42) };
}

Deno.test("ReferenceModel: base and contributions add up to the score", () => {
  const { model: reference } = model(400);
  const values = people(300, 2);
  // Some of them far away, on several features.
  for (let row = 0; row < 100; row++) {
    for (let k = 0; k <= row % 7; k++) values[row * WIDTH + 3 * k + 1] = 90;
  }
  for (const scored of reference.score({ rows: 300, values })) {
    const sum = scored.contributions.reduce((a, b) => a + b, reference.base);
    assert.ok(Math.abs(sum - scored.score) < 1e-9);
    assert.ok(scored.score >= 0 && scored.score < 1);
    assert.ok(scored.pValue > 0 && scored.pValue <= 1);
  }
});

Deno.test("ReferenceModel: equal anchors and seeds score alike", () => {
  const values = people(50, 3);
  assert.deepEqual(
    model(300).model.score({ rows: 50, values }),
    model(300).model.score({ rows: 50, values }),
  );
});

Deno.test("ReferenceModel: a planted feature is among the top three reasons, with a positive share", () => {
  const { model: reference } = model(600);
  let tried = 0;
  let found = 0;
  for (let row = 0; row < 8; row++) {
    for (let column = 0; column < WIDTH; column++) {
      const values = people(1, 100 + row);
      values[column] = 400;
      const [scored] = reference.score({ rows: 1, values });
      const shares = scored?.contributions ?? new Float64Array();
      const top = [...shares.keys()].sort((a, b) =>
        (shares[b] as number) - (shares[a] as number)
      ).slice(0, 3);
      tried++;
      if (top.includes(column) && (shares[column] as number) > 0) found++;
    }
  }
  assert.ok(found / tried >= 0.95, `${found} of ${tried}`);
});

Deno.test("ReferenceModel: more of what is unusual never lowers the score", () => {
  const { model: reference } = model(500);
  const values = people(1, 9);
  let last = 0;
  for (const planted of [0, 1, 2, 4, 8, 16]) {
    const row = values.slice();
    for (let k = 0; k < planted; k++) row[k] = 400;
    const [scored] = reference.score({ rows: 1, values: row });
    assert.ok((scored?.score ?? 0) >= last - 0.02, `${planted} planted`);
    last = scored?.score ?? 0;
  }
  assert.ok(last > 0.9, `sixteen planted features score ${last}`);
});

Deno.test("ReferenceModel.standing() gives the percentiles of the reference", () => {
  const rows = 101;
  const values = new Float32Array(rows * WIDTH);
  const column = COLUMN.proxy_gap_ms;
  for (let row = 0; row < rows; row++) values[row * WIDTH + column] = row;
  const actors = Array.from({ length: rows }, (_, i) => i);
  const reference = new ReferenceModel({ values, rows, actors }, 1);
  assert.deepEqual(reference.standing(column, 1000), {
    p5: 5,
    p50: 50,
    p95: 95,
    percentile: 100,
  });
  assert.ok(Math.abs(reference.standing(column, 50).percentile - 50) < 1);
});

Deno.test("Calibration.pValue() is a false-alarm rate within the reference and falls beyond it", () => {
  const random = new Random(5);
  const draw = () => -Math.log(1 - random.uniform());
  const calibration = new Calibration(Array.from({ length: 2000 }, draw));
  for (const rate of [0.5, 0.1, 0.01]) {
    let alarms = 0;
    for (let i = 0; i < 20_000; i++) {
      if (calibration.pValue(draw()) < rate) alarms++;
    }
    const found = alarms / 20_000;
    assert.ok(found < 1.5 * rate && found > 0.5 * rate, `${rate}: ${found}`);
  }
  let last = 1;
  for (let value = 0; value < 30; value += 0.1) {
    const p = calibration.pValue(value);
    assert.ok(p <= last && p > 0);
    last = p;
  }
});
