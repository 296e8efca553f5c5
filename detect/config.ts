/** The file detect.toml. @module */
import * as v from "valibot";
import { clickhouseSection } from "../lib/clickhouse.ts";
import { healthAddress, integer } from "../lib/config.ts";
import type { DetectorOptions } from "./detector.ts";
import { RULE_NAMES } from "./rules.ts";

const ON = true;
const rule = v.optional(v.boolean("expected true or false"), ON);

/** Sections and keys, with their defaults. */
export const schema = v.strictObject({
  detect: v.optional(
    v.strictObject({
      /** Seconds between two cycles. */
      cycle_s: v.optional(integer(1, 3600), 300),
      /** Length of the windows that clients are judged by. */
      window_s: v.optional(integer(300, 86_400), 3600),
      /** Seconds until it learns anew what is usual. */
      learn_s: v.optional(integer(60, 604_800), 3600),
      /** Hours of traffic that it learns from. */
      learn_hours: v.optional(integer(1, 720), 24),
      /** Share of people's windows that the model may call unusual. */
      alarm_rate: v.optional(
        v.pipe(
          v.number("expected a number above 0, at most 0.1"),
          v.gtValue(0, "expected a number above 0, at most 0.1"),
          v.maxValue(0.1, "expected a number above 0, at most 0.1"),
        ),
        0.001,
      ),
    }),
    {},
  ),
  rules: v.optional(
    v.strictObject(
      Object.fromEntries(RULE_NAMES.map((name) => [name, rule])),
    ),
    {},
  ),
  clickhouse: clickhouseSection("ja4"),
  health: v.optional(
    v.strictObject({
      listen: v.optional(healthAddress(), "127.0.0.1:8080"),
    }),
    {},
  ),
  log: v.optional(
    v.strictObject({
      level: v.optional(
        v.picklist(
          ["debug", "info", "warning", "error"],
          "expected debug, info, warning or error",
        ),
        "info",
      ),
    }),
    {},
  ),
});

/** What of the configuration concerns the detector itself. */
export function detectorOptions(
  config: Pick<v.InferOutput<typeof schema>, "detect" | "rules">,
): DetectorOptions {
  return {
    windowS: config.detect.window_s,
    learnS: config.detect.learn_s,
    learnHours: config.detect.learn_hours,
    alarmRate: config.detect.alarm_rate,
    rulesOff: new Set(
      Object.entries(config.rules).filter(([, on]) => !on).map(([name]) =>
        name
      ),
    ),
  };
}
