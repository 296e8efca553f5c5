import assert from "node:assert/strict";
import { StoreLatency } from "./store_latency.ts";

/** p50 and p95 since the last call, seconds, to one decimal. */
function read(latency: StoreLatency, nowMs: number): number[] {
  return latency.takeQuantiles(nowMs).map(({ seconds }) =>
    Math.round(seconds * 10) / 10
  );
}

Deno.test("StoreLatency gives the quantiles of what was stored since the last reading", () => {
  const latency = new StoreLatency();
  for (let seq = 1; seq <= 100; seq++) {
    latency.appended(seq, seq <= 90 ? 900 : 0);
  }
  latency.stored({ seq: 1, rows: 100 }, { nowMs: 1000, wallUs: 0 });
  assert.deepEqual(read(latency, 1000), [0.1, 1]);
  assert.deepEqual(read(latency, 2000), [], "nothing stored, nothing waits");
});

Deno.test("StoreLatency is within 3 % from milliseconds to days", () => {
  for (const seconds of [0.002, 0.05, 1.3, 77, 4000, 300_000]) {
    const latency = new StoreLatency();
    latency.appended(1, 0);
    latency.stored({ seq: 1, rows: 1 }, { nowMs: seconds * 1000, wallUs: 0 });
    const [p50] = latency.takeQuantiles(0);
    assert.ok(p50);
    assert.ok(Math.abs(p50.seconds / seconds - 1) < 0.03, `${p50.seconds}`);
  }
});

Deno.test("StoreLatency shows the age of the oldest row while none is stored", () => {
  const latency = new StoreLatency();
  latency.appended(1, 0);
  latency.appended(2, 4000);
  assert.deepEqual(read(latency, 5000), [5, 5]);
  latency.stored({ seq: 1, rows: 1 }, { nowMs: 6000, wallUs: 0 });
  read(latency, 6000);
  assert.deepEqual(read(latency, 7000), [3, 3]);
});

Deno.test("StoreLatency knows no rows that were dropped or are from an earlier process", async () => {
  const latency = new StoreLatency();
  for (let seq = 1; seq <= 10; seq++) latency.appended(seq, seq * 100);
  latency.stored({ seq: 1000, rows: 5 }, { nowMs: 1e9, wallUs: 0 });
  latency.appended(5, 1000);
  // Rows 1 to 4 were dropped for room, 6 to 10 were refused.
  latency.stored({ seq: 5, rows: 6 }, { nowMs: 2000, wallUs: 0 });
  assert.deepEqual(read(latency, 2000), [1, 1]);
  const { values } = await latency.histogram.get();
  assert.equal(
    values.find(({ metricName }) => metricName?.endsWith("_count"))?.value,
    1,
  );
});

Deno.test("StoreLatency stays bounded and measures again after a long outage", () => {
  const latency = new StoreLatency();
  const rows = 1_200_000;
  for (let seq = 1; seq <= rows; seq++) latency.appended(seq, 0);
  for (let seq = 1; seq <= rows; seq += 10_000) {
    latency.stored({ seq, rows: 10_000 }, { nowMs: 60_000, wallUs: 0 });
  }
  assert.ok(read(latency, 60_000).every((s) => Math.abs(s - 60) < 2));
  latency.appended(rows + 1, 60_000);
  latency.stored({ seq: rows + 1, rows: 1 }, { nowMs: 61_000, wallUs: 0 });
  assert.deepEqual(read(latency, 61_000), [1, 1]);
});
