/** The file detect.toml. @module */
import * as v from "valibot";
import { clickhouseSection } from "../lib/clickhouse_config.ts";
import { about, integer, listenAddress } from "../lib/config.ts";
import { flag, healthSection, logSection } from "../lib/config_sections.ts";
import { SEVERITIES } from "../lib/events.ts";
import type { DetectorOptions } from "./detector.ts";
import { MODEL_NAMES } from "./detector_model.ts";
import { RULE_NAMES } from "./rules.ts";
import { ALARM_RATE_MAX, type RuleMode } from "./settings.ts";

const ON = true;
const OFF = false;
const rule = v.optional(
  v.union(
    [v.boolean(), v.literal("simulate")],
    'expected true, false or "simulate"',
  ),
  ON,
);
const path = v.optional(v.string("expected a path"), "");

/** A URL of one of some schemes; empty for none. */
function url(schemes: readonly string[]): v.GenericSchema<string, string> {
  const message = `expected a URL that begins with ${
    schemes.map((scheme) => `${scheme}://`).join(" or ")
  }`;
  return v.pipe(
    v.string(message),
    v.check(
      (text) =>
        text === "" ||
        (URL.canParse(text) &&
          schemes.includes(new URL(text).protocol.slice(0, -1)) &&
          new URL(text).hostname !== ""),
      message,
    ),
  );
}

/** Sections and keys, with their defaults. */
export const schema = v.strictObject({
  detect: v.optional(
    v.strictObject({
      cycle_s: about(
        "Seconds between two cycles",
        v.optional(integer(1, 3600), 300),
      ),
      window_s: about(
        "Length of the windows that clients are judged by",
        v.optional(integer(300, 86_400), 3600),
      ),
      learn_s: about(
        "Seconds until it learns a new model, once a day of traffic is there",
        v.optional(integer(60, 604_800), 86_400),
      ),
      learn_hours: about(
        "Hours of traffic that it learns from",
        v.optional(integer(1, 720), 168),
      ),
      shadow_s: about(
        "Seconds that a new model is on trial",
        v.optional(integer(0, 604_800), 86_400),
      ),
      alarm_rate: about(
        "Share of people's windows that the model may call unusual",
        v.optional(
          v.pipe(
            v.number("expected a number above 0, at most 0.1"),
            v.gtValue(0, "expected a number above 0, at most 0.1"),
            v.maxValue(
              ALARM_RATE_MAX,
              "expected a number above 0, at most 0.1",
            ),
          ),
          0.001,
        ),
      ),
      alerts_per_day: about(
        "Clients a day that the model shall show; goes before alarm_rate where not 0",
        v.optional(integer(0, 1_000_000), 0),
      ),
    }),
    {},
  ),
  models: v.optional(
    v.strictObject({
      complete: about(
        "Whether the model of clients with fingerprint and requests is used",
        flag(ON),
      ),
      applicative: about(
        "Whether the model of requests without a fingerprint is used",
        flag(ON),
      ),
      declared: about(
        "Whether the model of clients that say what they are is used",
        flag(ON),
      ),
      app: about(
        "Whether the model of programs beside browsers is used",
        flag(ON),
      ),
    }),
    {},
  ),
  rules: v.optional(
    v.strictObject(
      Object.fromEntries(
        RULE_NAMES.map((name) => [
          name,
          about(`Whether the rule "${name}" is in force`, rule),
        ]),
      ),
    ),
    {},
  ),
  bots: v.optional(
    v.strictObject({
      name_server: about(
        'Where reverse names of bots are asked for, "address:port"; empty: published networks decide',
        v.optional(
          v.union(
            [v.literal(""), listenAddress()],
            'expected "address:port" or ""',
          ),
          "",
        ),
      ),
    }),
    {},
  ),
  alerts: v.optional(
    v.strictObject({
      min_severity: about(
        "The lowest severity that is told",
        v.optional(
          v.picklist(SEVERITIES, "expected low, medium, high or critical"),
          "medium",
        ),
      ),
      cooldown_s: about(
        "Seconds after which an alert that lasts is told again",
        v.optional(integer(60, 2_592_000), 21_600),
      ),
    }),
    {},
  ),
  webhook: v.optional(
    v.strictObject({
      url: about(
        "Where alerts are posted; empty: nowhere",
        v.optional(url(["https", "http"]), ""),
      ),
      secret_file: about(
        "File whose first line is the secret shared with the receiver",
        path,
      ),
      allow_private: about(
        "Whether the receiver may have a private address",
        flag(OFF),
      ),
      ca_file: about("Certificates of own authorities, PEM", path),
    }),
    {},
  ),
  syslog: v.optional(
    v.strictObject({
      url: about(
        "Where alerts are logged; empty: nowhere",
        v.optional(url(["udp", "tcp"]), ""),
      ),
      format: about(
        "What the lines are",
        v.optional(
          v.picklist(["cef", "json"], "expected cef or json"),
          "cef",
        ),
      ),
    }),
    {},
  ),
  alert_file: v.optional(
    v.strictObject({
      path: about("File that alerts are appended to; empty: none", path),
    }),
    {},
  ),
  clickhouse: clickhouseSection("ja4"),
  health: healthSection("127.0.0.1:8080"),
  log: logSection(),
});

/** The file, as read. */
export type Config = v.InferOutput<typeof schema>;

/** What of the configuration concerns the detector itself; outputs and name server are the daemon's. */
export function detectorOptions(
  config: Pick<Config, "detect" | "rules" | "models" | "alerts">,
): DetectorOptions {
  const { detect, models, alerts } = config;
  return {
    windowS: detect.window_s,
    learnS: detect.learn_s,
    learnHours: detect.learn_hours,
    shadowS: detect.shadow_s,
    settings: {
      alarmRate: detect.alarm_rate,
      alertsPerDay: detect.alerts_per_day === 0
        ? undefined
        : detect.alerts_per_day,
      rules: new Map(
        Object.entries(config.rules).map(([name, mode]) => [
          name,
          modeOf(mode),
        ]),
      ),
    },
    models: new Set(MODEL_NAMES.filter((name) => models[name])),
    alerts: {
      minSeverity: alerts.min_severity,
      cooldownUs: alerts.cooldown_s * 1e6,
    },
    outputs: [],
  };
}

function modeOf(mode: boolean | "simulate"): RuleMode {
  return mode === "simulate" ? mode : mode ? "on" : "off";
}
