import assert from "node:assert/strict";
import { SequenceTracker } from "./sequence.ts";

/** Feeds `[seq, ts]` pairs; gives which were new and what is missing in the end. */
function follow(events: readonly (readonly [seq: number, ts: number])[]): {
  fresh: string;
  missing: number;
} {
  const tracker = new SequenceTracker();
  const fresh = events.map(([seq, ts]) =>
    tracker.isNew("p", seq, ts) ? "+" : "-"
  ).join("");
  return { fresh, missing: tracker.missing };
}

Deno.test.each<{
  name: string;
  events: (readonly [number, number])[];
  fresh: string;
  missing: number;
}>([
  {
    name: "in order",
    events: [[1, 1], [2, 2], [3, 3]],
    fresh: "+++",
    missing: 0,
  },
  {
    name: "neighbours swapped",
    events: [[1, 1], [3, 3], [2, 2]],
    fresh: "+++",
    missing: 0,
  },
  {
    name: "a repeat",
    events: [[1, 1], [2, 2], [2, 2]],
    fresh: "++-",
    missing: 0,
  },
  { name: "a gap", events: [[1, 1], [5, 5]], fresh: "++", missing: 3 },
  {
    name: "a gap that fills",
    events: [[1, 1], [5, 5], [3, 3]],
    fresh: "+++",
    missing: 2,
  },
  {
    name: "first heard late",
    events: [[100, 1], [101, 2]],
    fresh: "++",
    missing: 0,
  },
  {
    name: "a leap beyond the window",
    events: [[1, 1], [5001, 2], [1, 1]],
    fresh: "++-",
    missing: 4999,
  },
  {
    name: "a new process",
    events: [[50, 1], [51, 2], [1, 3], [2, 4], [2, 4]],
    fresh: "++++-",
    missing: 0,
  },
  {
    name: "a new process, same number",
    events: [[1, 1], [1, 2], [2, 3]],
    fresh: "+++",
    missing: 0,
  },
])("SequenceTracker: $name", ({ events, fresh, missing }) => {
  assert.deepEqual(follow(events), { fresh, missing });
});

Deno.test("SequenceTracker forgets the producer heard longest ago, not what it missed", () => {
  const tracker = new SequenceTracker();
  tracker.isNew("old", 1, 1);
  tracker.isNew("old", 11, 2);
  for (let n = 0; n < 5000; n++) tracker.isNew(n, 1, 10 + n);
  assert.equal(tracker.missing, 9);
  assert.ok(tracker.isNew("old", 11, 2), "it is a new one now");
});

Deno.test("SequenceTracker goes on where an earlier process was", () => {
  const first = new SequenceTracker();
  for (let seq = 1; seq <= 10; seq++) first.isNew(7, seq, seq);
  const second = new SequenceTracker();
  second.restore(JSON.parse(JSON.stringify(first.progress())));
  assert.ok(!second.isNew(7, 10, 10), "a repetition");
  assert.ok(second.isNew(7, 14, 14));
  assert.equal(second.missing, 3);
  assert.ok(second.isNew(8, 5, 5), "another producer");
  assert.equal(second.missing, 3);
  const third = new SequenceTracker();
  third.restore(first.progress());
  assert.ok(third.isNew(7, 1, 20), "the same number, another process");
  assert.equal(third.missing, 0);
});
