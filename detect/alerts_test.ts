import assert from "node:assert/strict";
import type { Severity, UnixMicros } from "../lib/events.ts";
import {
  type Advance,
  advance,
  type Alert,
  type AlertSource,
  QUIET_US,
} from "./alerts.ts";

const HOUR = 3600e6;
const OPTIONS = { minSeverity: "medium", cooldownUs: 6 * HOUR } as const;

function source(at: number, severity: Severity = "high"): AlertSource {
  return {
    id: `D-${at}`,
    src_ip: "203.0.113.5",
    http_host: "www.example.com",
    campaign_id: "",
    severity,
    title: "Automation",
    summary: "Because.",
    last_seen: at as UnixMicros,
    kind: "model",
  };
}

/** What a run of steps tells: each gives the time and the detections of the last day then. */
function told(
  steps: readonly (readonly [now: number, ...sources: AlertSource[]])[],
): { occasions: string[]; alert: Alert | undefined } {
  const known = new Map<string, Alert>();
  const occasions: string[] = [];
  for (const [now, ...sources] of steps) {
    const context = { ...OPTIONS, now: now as UnixMicros };
    const input = new Map(sources.length === 0 ? [] : [["A-1", sources]]);
    const step: Advance = advance(input, known, context);
    occasions.push(...step.notifications.map(({ occasion }) => occasion));
    for (const alert of step.changed) known.set(alert.id, alert);
    assert.deepEqual(
      advance(input, known, context),
      { changed: [], notifications: [] },
      "a second time changes nothing",
    );
  }
  return { occasions, alert: known.get("A-1") };
}

Deno.test("advance() opens once, tells again when it rises and after the cooldown", () => {
  const { occasions, alert } = told([
    [1 * HOUR, source(1 * HOUR, "medium")],
    [2 * HOUR, source(2 * HOUR, "medium")],
    [3 * HOUR, source(3 * HOUR, "high")],
    [4 * HOUR, source(4 * HOUR, "medium")],
    [10 * HOUR, source(10 * HOUR, "medium")],
  ]);
  assert.deepEqual(occasions, ["opened", "rose", "lasts"]);
  assert.equal(alert?.severity, "high", "the highest while it is open");
  assert.equal(alert.notified, 3);
  assert.equal(alert.detections.length, 5);
});

Deno.test("advance() does not repeat what stands still", () => {
  const seen = source(1 * HOUR);
  const { occasions } = told([
    [1 * HOUR, seen],
    [8 * HOUR, seen],
    [20 * HOUR, seen],
  ]);
  assert.deepEqual(occasions, ["opened"]);
});

Deno.test("advance() closes after quiet and counts recurrences of thirty days", () => {
  const again = QUIET_US + 2 * HOUR;
  const { occasions, alert } = told([
    [HOUR, source(HOUR)],
    [HOUR + QUIET_US],
    [again, source(again)],
  ]);
  assert.deepEqual(occasions, ["opened", "opened"]);
  assert.equal(alert?.state, "open");
  assert.equal(alert.recurrence, 2);
  const late = again + 31 * 24 * HOUR;
  assert.equal(
    told([
      [HOUR, source(HOUR)],
      [HOUR + QUIET_US],
      [late, source(late)],
    ]).alert?.recurrence,
    1,
    "what is over thirty days old does not count",
  );
});

Deno.test("advance() tells nothing below the severity that is wanted", () => {
  assert.deepEqual(told([[HOUR, source(HOUR, "low")]]).occasions, []);
});
