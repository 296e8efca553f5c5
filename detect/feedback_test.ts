import assert from "node:assert/strict";
import { COLUMN, FEATURES } from "../lib/features.ts";
import { DRIFT_ROWS_MIN, driftOf, PSI_MOVED } from "./drift.ts";
import { type Example, LABELS_MIN, learnWeights } from "./label_weights.ts";
import { Random } from "./random.ts";
import { drawBatch } from "./review_queue.ts";
import { rateOfCount, withRows } from "./settings.ts";
import { Learned } from "./learned.ts";
import { isRelease, newJa4s } from "./releases.ts";

const WIDTH = FEATURES.length;

/** Bots show on `telling`, people now and then on `misleading`. */
function examples(count: number, random: Random): Example[] {
  return Array.from({ length: count }, (_, i) => {
    const bot = i % 2 === 0;
    const bits = Float64Array.from(
      { length: WIDTH },
      () => random.uniform() < 0.1 ? random.uniform() : 0,
    );
    if (bot) bits[COLUMN.proxy_gap_ms] = 3 + random.uniform();
    else bits[COLUMN.referrer_missing] = 4 * random.uniform();
    return { bits, bot, weight: 1 };
  });
}

Deno.test("learnWeights() trusts what tells bots and not what people do, from fifty labels on", () => {
  const found = learnWeights(examples(200, new Random(1)), 200);
  assert.ok(found !== undefined);
  assert.ok((found.values[COLUMN.proxy_gap_ms] as number) > 1);
  assert.ok((found.values[COLUMN.referrer_missing] as number) < 0.8);
  assert.ok(found.values.every((weight) => weight >= 0));
  assert.ok(Math.abs(found.trust - 200 / 260) < 1e-9);
  const few = examples(LABELS_MIN - 1, new Random(1));
  assert.equal(learnWeights(few, few.length), undefined);
  const same = examples(200, new Random(1)).filter(({ bot }) => bot);
  assert.equal(learnWeights(same, 100), undefined, "one kind teaches nothing");
});

Deno.test("drawBatch() asks ten of the top and fifteen uncertain ones, each group once", () => {
  const candidates = Array.from({ length: 1000 }, (_, i) => ({
    score: 1 - i / 1000,
    group_key: i < 50 ? "campaign" : `client ${i}`,
  }));
  const batch = drawBatch(candidates, 7);
  assert.equal(batch.length, 25);
  assert.equal(batch[0]?.members, 50, "one question for a campaign");
  const groups = batch.map(({ candidate }) => candidate.group_key);
  assert.equal(new Set(groups).size, 25);
  for (const { kind, candidate } of batch) {
    if (kind === "top") assert.ok(candidate.score > 0.9);
    else assert.ok(candidate.score >= 0.65 && candidate.score <= 0.9);
  }
  assert.equal(batch.filter(({ kind }) => kind === "top").length, 10);
  assert.deepEqual(drawBatch(candidates, 7), batch);
});

Deno.test("driftOf() tells a moved feature from a quiet one", () => {
  const random = new Random(3);
  const rows = 4 * DRIFT_ROWS_MIN;
  const draw = () =>
    Float32Array.from({ length: rows * WIDTH }, () => random.uniform());
  const reference = draw();
  const day = draw();
  for (let row = 0; row < rows; row++) {
    const at = row * WIDTH + COLUMN.hello_ms;
    day[at] = (day[at] as number) ** 3;
  }
  for (const { feature, psi, ks } of driftOf(reference, day)) {
    if (feature === "hello_ms") {
      assert.ok(psi > PSI_MOVED && ks > 0.2, `${psi} ${ks}`);
    } else assert.ok(psi < 0.1 && ks < 0.12, `${feature}: ${psi} ${ks}`);
  }
});

Deno.test("withRows() lets analysts set price and rules, and passes nonsense over", () => {
  const file = {
    alarmRate: 0.001,
    alertsPerDay: undefined,
    rules: new Map([["flood", "off" as const]]),
  };
  const set = (...rows: [string, string][]) =>
    withRows(file, rows.map(([name, value]) => ({ name, value })));
  assert.equal(set(["alarm_rate", "0.01"]).alarmRate, 0.01);
  assert.equal(set(["alarm_rate", "7"]).alarmRate, 0.001);
  assert.equal(set(["alerts_per_day", "20"]).alertsPerDay, 20);
  assert.equal(
    set(["alerts_per_day", "20"], ["alarm_rate", "0.01"]).alertsPerDay,
    undefined,
    "the later one holds",
  );
  const { rules } = set(["rule:probing", "simulate"], ["rule:nothing", "on"]);
  assert.deepEqual([...rules], [["flood", "off"], ["probing", "simulate"]]);
});

Deno.test("rateOfCount() is the rate that shows so many clients", () => {
  const p = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.5];
  const shown = (count: number) =>
    p.filter((one) => one < rateOfCount(p, count)).length;
  assert.deepEqual([1, 2, 3, 5].map(shown), [1, 2, 3, 5]);
  assert.equal(rateOfCount([1e-9, 1e-9, 1e-9], 1), 1.01e-9, "ties all count");
});

Deno.test("a new JA4 of many networks is a release if its users behave as that browser", () => {
  const order = "sec-ch-ua,user-agent,accept";
  const before = {
    counts: [
      { relation: "ja4", networks: 1000 },
      { relation: "ja4", key: "", networks: 1000 },
      { relation: "order_given_ua", networks: 1000 },
      { relation: "order_given_ua", key: "chrome8|navigate", networks: 900 },
      {
        relation: "order_given_ua",
        key: "chrome8|navigate",
        value: order,
        networks: 880,
      },
      { relation: "order_given_ua", value: order, networks: 880 },
    ],
    groups: [],
    coldBits: 7,
  } as const;
  const seen = (networks: number) => ({
    ...before,
    counts: [
      ...before.counts,
      { relation: "ja4", key: "", value: "t13d_new", networks } as const,
      { relation: "ja4", value: "t13d_new", networks } as const,
    ],
  });
  assert.deepEqual(newJa4s(before, seen(60)), ["t13d_new"]);
  assert.deepEqual(newJa4s(before, seen(40)), [], "too few networks");
  assert.deepEqual(newJa4s(seen(60), seen(60)), [], "known already");
  const known = new Learned(before);
  const users = {
    ua_family: "chrome",
    ua_version: 161,
    networks: 60,
    asset_share: 0.8,
    orders: [["chrome8|navigate", order, 60]] as const,
  };
  assert.ok(isRelease(users, known));
  assert.ok(!isRelease({ ...users, asset_share: 0.01 }, known));
  assert.ok(!isRelease({ ...users, ua_family: "curl" }, known));
  assert.ok(
    !isRelease({
      ...users,
      orders: [["chrome8|navigate", "accept,user-agent", 60]],
    }, known),
    "an order that this browser does not send",
  );
  const learned = new Learned({ ...before, releases: ["t13d_new|chrome"] });
  assert.ok(learned.released("t13d_new", "chrome"));
  assert.ok(!learned.released("t13d_new", "curl"));
});
