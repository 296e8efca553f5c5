/** `deno task models`: the registry, drift, the price of a false alarm. @module */
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { FatalError } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { main, type Program } from "../lib/program.ts";
import { sql, typed } from "../lib/sql.ts";
import { schema } from "./config.ts";
import { listModels, loadModel, setState } from "./registry.ts";
import { RULE_NAMES } from "./rules.ts";
import { ALARM_RATE_MAX } from "./settings.ts";

/** The command. */
export const program: Program<typeof schema> = {
  name: "models",
  summary:
    "The detector's models, their drift, and what a false alarm may cost",
  usage:
    "[rebuild ID | promote ID | roll-back | drift | preview | set NAME VALUE | unset NAME]",
  help: `  (nothing)       all models, the newest state first
  rebuild ID      makes a model anew from what is stored; fails if it is another
  promote ID      puts a model in force, whatever its trial said
  roll-back       puts the model in force that was before
  drift           how far people have moved from the reference, by day
  preview         what each false-alarm rate would have shown of the last day
  set NAME VALUE  alarm_rate 0.001, alerts_per_day 20, rule:probing on|off|simulate
  unset NAME      the configuration file holds again

  --actor NAME    who (default: $USER)
  --json          rows as JSON lines

The configuration is that of detect; a running detector follows within its next cycle.
`,
  schema,
  positionals: true,
  options: { actor: { type: "string" }, json: { type: "boolean" } },
  async run({ config, options, positionals }) {
    const [command = "list", ...rest] = positionals;
    await using db = await openDatabase(databaseOptions(config.clickhouse));
    const context = {
      actor: String(options["actor"] ?? Deno.env.get("USER") ?? ""),
      now: Date.now() * 1000 as UnixMicros,
      json: options["json"] === true,
    };
    switch (command) {
      case "list":
        return show(await listModels(db), context);
      case "rebuild":
        return show([await rebuilt(db, rest[0] ?? "")], context);
      case "promote":
        return await promote(db, rest[0] ?? "", {
          ...context,
          reason: "promoted by hand",
        });
      case "roll-back":
        return await rollBack(db, context);
      case "drift":
        return show(await drift(db), context);
      case "preview":
        return show(await preview(db, context.now), context);
      case "set":
        return await set(db, rest, context);
      case "unset":
        return await write(db, rest[0] ?? "", { ...context, deleted: true });
      default:
        throw new FatalError(
          "usage",
          `Unknown command "${command}"\nTry --help`,
        );
    }
  },
};

interface Context {
  readonly actor: string;
  readonly now: UnixMicros;
  readonly json: boolean;
}

async function rebuilt(db: Database, id: string): Promise<object> {
  const model = await loadModel(db, id);
  return {
    model_id: model.id,
    rows: model.trainRows,
    seed: Number.parseInt(model.id.slice(0, 8), 16),
    result: "identical",
  };
}

async function promote(
  db: Database,
  id: string,
  { actor, now, reason }: Context & { reason: string },
): Promise<void> {
  await loadModel(db, id);
  await setState(db, id, { state: "active", actor, reason, now });
}

async function rollBack(db: Database, context: Context): Promise<void> {
  const models = await listModels(db);
  const [row] = await db.query<{ model_id: string }>(
    sql`
SELECT model_id FROM model_states
WHERE state = 'active' AND model_id NOT IN ${
      models.filter(({ state }) => state === "active").map(({ model_id }) =>
        model_id
      )
    } AND model_id IN (SELECT model_id FROM models WHERE body != '')
ORDER BY rev DESC LIMIT 1`,
  );
  if (row === undefined) {
    throw new FatalError("noInput", "No model was in force before this one");
  }
  await promote(db, row.model_id, {
    ...context,
    reason: "rolled back by hand",
  });
}

function drift(db: Database): Promise<object[]> {
  return db.query(
    sql`
SELECT toString(d.day) AS day, feature, round(psi, 3) AS psi, round(ks, 3) AS ks,
  multiIf(psi < 0.1, 'quiet', psi < 0.25, 'worth a look', 'moved') AS says, windows, model_id
FROM (SELECT * FROM model_drift FINAL) AS d
WHERE d.day > today() - 14 ORDER BY day DESC, d.psi DESC LIMIT 1000`,
  );
}

function preview(db: Database, now: UnixMicros): Promise<object[]> {
  const to = typed(Math.floor(now / 1e6) + 60, "UInt32");
  return db.query(
    sql`
SELECT * FROM threshold_preview(from = toDateTime(${to}, 'UTC') - INTERVAL 1 DAY, to = toDateTime(${to}, 'UTC'))`,
    { settings: { output_format_json_quote_64bit_integers: 0 } },
  );
}

async function set(
  db: Database,
  [name = "", value = ""]: readonly string[],
  context: Context,
): Promise<void> {
  const number = Number(value);
  const rule = name.startsWith("rule:") &&
    RULE_NAMES.includes(name.slice(5)) &&
    ["on", "off", "simulate"].includes(value);
  const good = rule ||
    (name === "alarm_rate" && number > 0 && number <= ALARM_RATE_MAX) ||
    (name === "alerts_per_day" && Number.isInteger(number) && number >= 1);
  if (!good) {
    throw new FatalError(
      "usage",
      `Cannot set "${name}" to "${value}"\nTry --help`,
    );
  }
  await write(db, name, { ...context, value });
}

async function write(
  db: Database,
  name: string,
  { actor, now, value = "", deleted = false }: Context & {
    value?: string;
    deleted?: boolean;
  },
): Promise<void> {
  await db.insertRows("detector_settings", [{
    name,
    value,
    actor,
    deleted: deleted ? 1 : 0,
    rev: now,
  }]);
}

/** Rows as a table or as JSON lines. */
function show(rows: readonly object[], { json }: Context): void {
  for (const row of rows) {
    const line = json ? JSON.stringify(row) : Object.entries(row)
      .map(([name, value]) => `${name}=${textOf(name, value)}`).join("  ");
    Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  }
}

const TIMES = new Set(["since", "trained_at", "train_from", "train_to"]);

function textOf(name: string, value: unknown): string {
  return TIMES.has(name) && typeof value === "number"
    ? new Date(value / 1000).toISOString().slice(0, 19)
    : String(value);
}

if (import.meta.main) await main(program);
