import assert from "node:assert/strict";
import { COLUMN, FEATURES } from "../lib/features.ts";
import { Calibration } from "./calibration.ts";
import { anchorValues, type ModelBody } from "./detector_model.ts";
import prior from "./prior.json" with { type: "json" };
import { Random } from "./random.ts";
import { type ModelScore, ReferenceModel } from "./reference_model.ts";
import { independence } from "./tails.ts";

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
  for (const scored of reference.score(values, 300)) {
    const sum = scored.contributions.reduce((a, b) => a + b, reference.base);
    assert.ok(Math.abs(sum - scored.score) < 1e-9);
    assert.ok(scored.score >= 0 && scored.score < 1);
    assert.ok(scored.pValue > 0 && scored.pValue <= 1);
  }
});

Deno.test("ReferenceModel: equal anchors and seeds score alike", () => {
  const values = people(50, 3);
  assert.deepEqual(
    model(300).model.score(values, 50),
    model(300).model.score(values, 50),
  );
});

/** Windows of people: every second one to compare with, the others to plant in. */
const PLANTED = [
  {
    name: "independent features",
    reference: people(600, 1),
    others: people(400, 1000),
  },
  { name: "the shipped reference", ...halves() },
];

function halves(): { reference: Float32Array; others: Float32Array } {
  const values = anchorValues(prior as unknown as ModelBody);
  const half = (odd: number) =>
    values.filter((_, i) => Math.floor(i / WIDTH) % 2 === odd);
  return { reference: half(0), others: half(1) };
}

for (const { name, reference: known, others } of PLANTED) {
  Deno.test(`ReferenceModel: of 400 rows planted in ${name} the feature is among the top three in 95 %, its sign right, the sum exact`, () => {
    const rows = known.length / WIDTH;
    const actors = Array.from({ length: rows }, (_, i) => i);
    const reference = new ReferenceModel({ values: known, rows, actors }, 42);
    const people = others.length / WIDTH;
    const planted = new Float32Array(400 * WIDTH);
    for (let row = 0; row < 400; row++) {
      const from = row % people * WIDTH;
      planted.set(others.subarray(from, from + WIDTH), row * WIDTH);
      planted[row * WIDTH + row % WIDTH] = 5000;
    }
    let found = 0;
    for (const [row, scored] of reference.score(planted, 400).entries()) {
      const { contributions, score } = scored;
      const column = row % WIDTH;
      const top = [...contributions.keys()].sort((a, b) =>
        (contributions[b] as number) - (contributions[a] as number)
      ).slice(0, 3);
      const own = contributions[column] as number;
      assert.ok(own > 0, `${FEATURES[column]?.name}: ${own}`);
      if (top.includes(column)) found++;
      const sum = contributions.reduce((a, b) => a + b, reference.base);
      assert.ok(Math.abs(sum - score) < 1e-6, `${sum} is not ${score}`);
    }
    assert.ok(found >= 0.95 * 400, `${found} of 400`);
  });
}

Deno.test("independence(): features that say the same share what they say", () => {
  const rows = 500;
  const values = people(rows, 4);
  for (let row = 0; row < rows; row++) {
    for (const column of [4, 7, 10]) {
      values[row * WIDTH + column] = values[row * WIDTH + 1] as number;
    }
  }
  const shares = independence(values, rows);
  for (const [column, share] of shares.entries()) {
    const alone = [1, 4, 7, 10].includes(column) ? 0.5 : 1;
    assert.ok(
      share <= alone + 0.05 && share > 0.9 * alone,
      `${FEATURES[column]?.name} counts ${share}`,
    );
  }
});

Deno.test("ReferenceModel: a usual value never speaks for a bot where the planted one does", () => {
  const { model: reference } = model(600);
  const usual = new Float32Array(WIDTH);
  for (let j = 0; j < WIDTH; j++) usual[j] = reference.standing(j, 0).p50;
  const [scored] = reference.score(usual, 1);
  const { contributions } = scored as ModelScore;
  assert.ok(contributions.every((share) => share <= 1e-9));
});

Deno.test("ReferenceModel: more of what is unusual never lowers the score", () => {
  const { model: reference } = model(500);
  const values = people(1, 9);
  let last = 0;
  for (const planted of [0, 1, 2, 4, 8, 16]) {
    const row = values.slice();
    for (let k = 0; k < planted; k++) row[k] = 400;
    const [scored] = reference.score(row, 1);
    const { score } = scored as ModelScore;
    assert.ok(score >= last - 0.02, `${planted} planted`);
    last = score;
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
