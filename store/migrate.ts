/** `deno task migrate up|down|status|verify|plan`: the schema of the database. @module */
import * as v from "valibot";
import { DatabaseError, openDatabase } from "../lib/clickhouse.ts";
import {
  clickhouseSection,
  databaseOptions,
} from "../lib/clickhouse_config.ts";
import { about, integer } from "../lib/config.ts";
import { flag } from "../lib/config_sections.ts";
import { FatalError } from "../lib/errors.ts";
import { main, type Program } from "../lib/program.ts";
import { type Placeholders, readMigrations } from "./migration_files.ts";
import { type MigrationStatus, Migrator } from "./migrator.ts";
import { renewDictionaries } from "./dictionaries.ts";
import { loadReference } from "./reference.ts";

const BY_DEFAULT = true;

/** The `[migrate]` section: what the placeholders of the migrations stand for. */
const migrateSection = v.optional(
  v.strictObject({
    cluster: about(
      "Name of the cluster; none: a single server",
      v.optional(
        v.pipe(
          v.string("expected a name"),
          v.regex(/^[\w.-]+$/, "expected the name of a cluster"),
        ),
      ),
    ),
    replicated: about(
      "Whether tables of a cluster are replicated",
      flag(BY_DEFAULT),
    ),
    raw_days: about(
      "How long events are kept",
      v.optional(integer(1, 3650), 30),
    ),
    hot_days: about(
      "After how long events move to the slower disk; never if not given",
      v.optional(integer(1, 3650)),
    ),
    storage_policy: about(
      "Policy that has both disks",
      v.optional(
        v.pipe(
          v.string("expected a name"),
          v.regex(/^\w+$/, "expected the name of a storage policy"),
        ),
        "tiered",
      ),
    ),
    agg_days: about(
      "How long aggregates and detections are kept",
      v.optional(integer(1, 3650), 400),
    ),
    audit_days: about(
      "How long the audit log is kept",
      v.optional(integer(1, 3650), 1095),
    ),
  }),
  {},
);

/** The file migrate.toml. */
export const schema = v.strictObject({
  clickhouse: clickhouseSection("ja4"),
  migrate: migrateSection,
});

/** What the configuration makes of the placeholders, for a connection with `password`. */
export function placeholdersOf(
  config: v.InferOutput<typeof schema>,
  password: string,
): Placeholders {
  const { database, username } = config.clickhouse;
  const { migrate } = config;
  return {
    database,
    cluster: migrate.cluster,
    replicated: migrate.replicated,
    rawDays: migrate.raw_days,
    hotDays: migrate.hot_days,
    storagePolicy: migrate.storage_policy,
    aggregateDays: migrate.agg_days,
    auditDays: migrate.audit_days,
    username,
    password,
  };
}

/** The program. */
export const program: Program<typeof schema> = {
  name: "migrate",
  summary: "Brings the schema of the database up or down",
  usage: "up | down VERSION | status | verify | plan",
  help:
    `  up            apply what is pending, verify each, load the reference data
  down VERSION  revert everything newer than VERSION, with its data; 0 reverts all
  status        what was applied, one line a migration
  verify        check everything applied
  plan          print the statements that "up" would run
`,
  schema,
  positionals: true,
  run: ({ config, positionals, signal }) =>
    migrate(config, positionals, signal),
};

/** Runs one command of the program, `ja4ctl migrate` too; returns the exit code, 0 if nothing. */
export async function migrate(
  config: v.InferOutput<typeof schema>,
  positionals: readonly string[],
  signal: AbortSignal,
): Promise<number | void> {
  const { command, version } = parseCommand(positionals);
  const options = databaseOptions(config.clickhouse);
  await using system = await openDatabase({ ...options, database: "system" });
  const migrator = new Migrator(system, {
    migrations: await readMigrations(),
    placeholders: placeholdersOf(config, system.password),
    holder: `${Deno.hostname()}:${Deno.pid}`,
    onDone: ({ action, migration, statements, durationMs }) =>
      print(
        `${action} ${
          nameOf(migration)
        }: ${statements} statements, ${durationMs} ms`,
      ),
  });
  try {
    switch (command) {
      case "up": {
        const count = await migrator.up(signal);
        // They keep the password they were made with; it may be another one by now.
        await renewDictionaries(
          system,
          placeholdersOf(config, system.password),
        );
        await using database = await openDatabase(options);
        const loaded = await loadReference(database, signal);
        print(
          count === 0
            ? "The schema is up to date"
            : `${count} migrations applied`,
        );
        for (const { table, rows } of loaded) {
          print(`${table}: ${rows} reference rows`);
        }
        return;
      }
      case "down":
        print(`${await migrator.down(version, signal)} migrations reverted`);
        return;
      case "verify":
        print(`${await migrator.verify(signal)} migrations verified`);
        return;
      case "plan":
        for (const { migration, statements } of await migrator.plan()) {
          print(`-- ${nameOf(migration)}`);
          for (const statement of statements) print(`${hide(statement)};\n`);
        }
        return;
      case "status":
        return printStatus(await migrator.status());
    }
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError)) throw thrown;
    throw new FatalError(
      thrown.retry === "reject" ? "dataFormat" : "unavailable",
      `Cannot migrate at ${options.url}: ${thrown.message}`,
      { cause: thrown },
    );
  }
}

type Command = "up" | "down" | "status" | "verify" | "plan";

function parseCommand(
  positionals: readonly string[],
): { command: Command; version: number } {
  const [command, version, ...rest] = positionals;
  const known = command === "down"
    ? /^\d{1,4}$/.test(version ?? "")
    : ["up", "status", "verify", "plan"].includes(command ?? "") &&
      version === undefined;
  if (!known || rest.length > 0) {
    throw new FatalError(
      "usage",
      `Cannot run "${
        positionals.join(" ")
      }": expected up, down VERSION, status, verify or plan`,
    );
  }
  return { command: command as Command, version: Number(version ?? 0) };
}

/** Exit code 1 if anything is pending or wrong, so that scripts can ask. */
function printStatus(status: readonly MigrationStatus[]): number {
  for (const line of status) {
    const fault = line.fault === "" ? "" : ` (${line.fault})`;
    const error = line.error === "" ? "" : `: ${line.error}`;
    print(`${nameOf(line)} ${line.state}${fault} ${line.at}${error}`.trimEnd());
  }
  const done = status.every(({ state, fault }) =>
    state === "verified" && fault === ""
  );
  return done ? 0 : 1;
}

function nameOf({ version, name }: { version: number; name: string }): string {
  return `${String(version).padStart(4, "0")}_${name}`;
}

/** Dictionaries carry the password they read with; it is not for the terminal. */
function hide(statement: string): string {
  return statement.replaceAll(
    /PASSWORD '(?:[^'\\]|\\.)*'/g,
    "PASSWORD '[hidden]'",
  );
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) await main(program);
