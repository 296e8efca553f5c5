/** `deno task retro`: a past day scored again with another model, price or rule. @module */
import { openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { FatalError } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { main, type Program } from "../lib/program.ts";
import { detectorOptions, schema } from "./config.ts";
import { Detector } from "./detector.ts";
import { shortId } from "./encoding.ts";
import { loadModel } from "./registry.ts";
import { RULE_NAMES } from "./rules.ts";
import { readSettings, type RuleMode } from "./settings.ts";
import { ALARM_RATE_MAX } from "./settings.ts";

const MODES: readonly RuleMode[] = ["on", "off", "simulate"];
/** Changes that are kept. */
const DIFF_MAX = 1000;

/** The command. */
export const program: Program<typeof schema> = {
  name: "retro",
  summary: "Scores a past day again and says which alerts would differ",
  usage: "DAY [--model ID] [--alarm-rate R] [--rule NAME=MODE]...",
  help: `  DAY               2026-11-02
  --model ID        a model of the registry instead of the one in force
  --alarm-rate R    another share of people's windows that may be shown
  --rule NAME=MODE  a rule on, off or simulate

One JSON line a client that appears, vanishes or changes its severity, then the counts; the table
retro_runs keeps both. Nothing else is written.
`,
  schema,
  positionals: true,
  options: {
    model: { type: "string" },
    "alarm-rate": { type: "string" },
    rule: { type: "string", multiple: true },
  },
  async run({ config, options, positionals, signal }) {
    const from = dayOf(positionals);
    await using db = await openDatabase(databaseOptions(config.clickhouse));
    const fileOptions = detectorOptions(config);
    const settings = await readSettings(db, fileOptions.settings, signal);
    const rules = new Map(settings.rules);
    for (const one of [options["rule"] ?? []].flat()) {
      const [name = "", mode] = String(one).split("=");
      const known = MODES.find((candidate) => candidate === mode);
      if (known === undefined || !RULE_NAMES.includes(name)) {
        throw new FatalError("usage", `Cannot use --rule "${one}"\nTry --help`);
      }
      rules.set(name, known);
    }
    const rate = options["alarm-rate"];
    const alarmRate = rate === undefined ? undefined : Number(rate);
    if (
      alarmRate !== undefined &&
      !(alarmRate > 0 && alarmRate <= ALARM_RATE_MAX)
    ) {
      throw new FatalError("usage", `Cannot use --alarm-rate "${rate}"`);
    }
    const id = options["model"];
    const model = typeof id === "string" ? await loadModel(db, id) : undefined;
    const now = Date.now() * 1000 as UnixMicros;
    const { changes, ...summary } = await new Detector(db, fileOptions).retro(
      { from, to: from + 86_400e6 as UnixMicros },
      {
        ...(model === undefined ? {} : { model }),
        options: {
          rules,
          ...(alarmRate === undefined ? {} : { alarmRate }),
        },
      },
      { now, signal },
    );
    const candidate = {
      ...(model === undefined ? {} : { model: model.id }),
      ...(alarmRate === undefined ? {} : { alarm_rate: alarmRate }),
      rules: Object.fromEntries(rules),
    };
    await db.insertRows("retro_runs", [{
      id: `R-${await shortId(JSON.stringify([from, candidate, now]))}`,
      ts: now,
      day: new Date(from / 1000).toISOString().slice(0, 10),
      candidate: JSON.stringify(candidate),
      summary: JSON.stringify(summary),
      diff: JSON.stringify(changes.slice(0, DIFF_MAX)),
    }]);
    for (const line of [...changes, { ...summary, changes: changes.length }]) {
      Deno.stdout.writeSync(
        new TextEncoder().encode(`${JSON.stringify(line)}\n`),
      );
    }
  },
};

function dayOf([day, ...more]: readonly string[]): UnixMicros {
  const ms = /^\d{4}-\d\d-\d\d$/.test(day ?? "")
    ? Date.parse(`${day}T00:00:00Z`)
    : NaN;
  if (Number.isNaN(ms) || more.length > 0) {
    throw new FatalError("usage", "Expected DAY as 2026-11-02\nTry --help");
  }
  return ms * 1000 as UnixMicros;
}

if (import.meta.main) await main(program);
