import assert from "node:assert/strict";
import { type ThreatFacts, threatLevel } from "./threat_level.ts";

const QUIET: ThreatFacts = {
  open: { critical: 0, high: 0, medium: 0, low: 90 },
  anomalousShare: 0.01,
  campaigns: 0,
};

Deno.test.each([
  {
    name: "nothing but low",
    facts: {},
    points: 0,
    word: "Normal",
    reason: "nothing open",
  },
  {
    name: "two critical and a campaign",
    facts: { open: { critical: 2, high: 1, medium: 1, low: 0 }, campaigns: 1 },
    points: 27,
    word: "Guarded",
    reason: "2 critical open",
  },
  {
    name: "many mediums",
    facts: { open: { critical: 0, high: 1, medium: 12, low: 0 } },
    points: 17,
    word: "Normal",
    reason: "12 medium open",
  },
  {
    name: "a share four deviations above its past",
    facts: { anomalousShare: 0.05, past: { mean: 0.01, deviation: 0.01 } },
    points: 23,
    word: "Normal",
    reason: "anomalous share 5.0 × usual",
  },
  {
    name: "everything",
    facts: {
      open: { critical: 9, high: 9, medium: 9, low: 9 },
      anomalousShare: 0.9,
      past: { mean: 0.01, deviation: 0 },
      campaigns: 9,
    },
    points: 100,
    word: "Severe",
    reason: "9 critical open",
  },
])("threatLevel() with $name", ({ facts, points, word, reason }) => {
  assert.deepEqual(threatLevel({ ...QUIET, ...facts }), {
    points,
    word,
    reason,
  });
});
