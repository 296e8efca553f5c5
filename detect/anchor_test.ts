import assert from "node:assert/strict";
import { COLUMN, type FeatureName, FEATURES } from "../lib/features.ts";
import { anchorRows } from "./anchor.ts";
import { windowFacts } from "./testing.ts";
import type { WindowFacts } from "./windows.ts";

/** Rows kept of windows that are people but for what is given. */
function kept(
  windows: readonly {
    facts?: Partial<WindowFacts>;
    features?: Partial<Record<FeatureName, number>>;
  }[],
): number[] {
  const values = new Float32Array(windows.length * FEATURES.length);
  for (const [row, { features = {} }] of windows.entries()) {
    for (const [name, value] of Object.entries(features)) {
      values[row * FEATURES.length + COLUMN[name as FeatureName]] = value;
    }
  }
  return anchorRows(
    windows.map(({ facts }) => windowFacts(facts)),
    { rows: windows.length, values },
    [...windows.keys()],
  );
}

const PEOPLE = Array.from({ length: 20 }, () => ({}));

Deno.test("anchorRows() takes people and leaves what contradicts a browser", () => {
  const rows = kept([
    ...PEOPLE,
    { facts: { orders: 1 } },
    { features: { referrer_missing: 2 } },
    { features: { probe_hits: 1 } },
    { facts: { ua_family: "python" } },
    { facts: { ua_family: "headless_chrome" } },
  ]);
  assert.deepEqual(rows, [...PEOPLE.keys()]);
});

Deno.test("anchorRows() lets go of a condition that the site lets nobody meet", () => {
  const stripped = PEOPLE.map(() => ({
    facts: { documents: 5, orders: 1 },
    features: { referrer_missing: 2.6 },
  }));
  // Visits of one page cannot fail it: they must not be all that is left.
  const short = [{ facts: { documents: 1, requests: 2 } }];
  const rows = kept([...stripped, ...short, ...short, ...short]);
  assert.equal(rows.length, stripped.length + 3);
});

Deno.test("anchorRows() never lets go of what people do not do", () => {
  const scanners = PEOPLE.map(() => ({ features: { probe_hits: 3 } }));
  assert.deepEqual(kept(scanners), []);
});
