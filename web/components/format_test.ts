import assert from "node:assert/strict";
import { ticksOf, timeTicks } from "./chart_scale.ts";
import { featureView } from "./features.ts";
import {
  age,
  bytes,
  clockMs,
  compact,
  count,
  dayClock,
  duration,
  figure,
  percent,
  signed,
} from "./format.ts";

/** Narrow no-break spaces as plain ones, so that the rows can be read. */
function plain(text: string): string {
  return text.replaceAll("\u202f", " ");
}

Deno.test.each([
  { got: () => count(1234567), want: "1 234 567" },
  { got: () => compact(9999), want: "9 999" },
  { got: () => compact(48_211), want: "48.2 k" },
  { got: () => compact(6_912_345), want: "6.91 M" },
  { got: () => percent(0.0231), want: "2.3 %" },
  { got: () => percent(0), want: "0 %" },
  { got: () => percent(0.0001), want: "<0.1 %" },
  { got: () => percent(1), want: "100 %" },
  { got: () => figure(0.0421), want: "0.042" },
  { got: () => figure(43.52), want: "43.5" },
  { got: () => figure(-3), want: "-3" },
  { got: () => bytes(4180), want: "4.2 kB" },
  { got: () => duration(0.0672), want: "67 ms" },
  { got: () => duration(2663), want: "44 min 23 s" },
  { got: () => duration(3600), want: "1 h" },
  { got: () => age(54_000), want: "15 h" },
  { got: () => signed(-0.02), want: "−0.02" },
  {
    got: () => clockMs(Date.parse("2026-11-23T09:53:47.118Z"), "UTC"),
    want: "09:53:47.118",
  },
  {
    got: () => dayClock(Date.parse("2026-11-23T23:53:47Z"), "Europe/Paris"),
    want: "2026-11-24 00:53:47",
  },
  {
    // Half an hour off, and in the last quarter before the clocks change.
    got: () =>
      dayClock(Date.parse("2026-10-03T15:29:59.999Z"), "Australia/Adelaide"),
    want: "2026-10-04 00:59:59",
  },
  {
    got: () =>
      dayClock(Date.parse("2026-10-03T16:30:00Z"), "Australia/Adelaide"),
    want: "2026-10-04 03:00:00",
  },
  { got: () => featureView("language_missing").format(0.98), want: "98 %" },
  { got: () => featureView("not_a_feature").label, want: "Not a feature" },
])("a page writes $want", ({ got, want }) => assert.equal(plain(got()), want));

Deno.test.each([
  { max: 0, want: [0] },
  { max: 1, want: [0, 1] },
  { max: 1600, want: [0, 500, 1000, 1500, 2000] },
  { max: 137_000, want: [0, 50_000, 100_000, 150_000] },
])("ticksOf($max) are round and cover it", ({ max, want }) => {
  assert.deepEqual(ticksOf(max), want);
});

Deno.test("timeTicks() stand at round times of the range", () => {
  const from = Date.parse("2026-11-23T09:07:00Z");
  assert.deepEqual(
    timeTicks(from, from + 24 * 3_600_000, "UTC").map(({ text }) => text),
    ["12:00", "15:00", "18:00", "21:00", "00:00", "03:00", "06:00"],
  );
});
