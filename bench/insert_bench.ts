/**
 * Storing correlated events, 20,000 at a time: CPU time, client and server together. As Native blocks beside
 * JSONEachRow, into the bare table and with all materialized views; what each view adds alone; and
 * the bytes a row takes on disk, against those of its JSON.
 *
 * Three kinds of block: `live` has the events of one second, as a full batch of the correlator, `small`
 * 200 of them, as a quiet second, and `spread` those of twenty hours, as a backlog of a small site. Each side begins with what its
 * encoder takes, columns here and objects there. All arms take turns in one run; figures are
 * medians, and ratios are medians of the ratios of the same round.
 *
 * A part is a folder of a dozen files, and each view writes one. So what a new file costs here is a
 * figure too: ext4 without a journal looks for an inode that was not freed within the last minutes,
 * and where many were, that takes ten times as long. TMPDIR names a folder on another file system.
 *
 *     deno run -A bench/insert_bench.ts
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import type { Database } from "../lib/clickhouse.ts";
import type { CorrelatedEvent, UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { invariant } from "../lib/invariant.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { sql } from "../lib/sql.ts";
import { readMigrations, statementsOf } from "../store/migration_files.ts";
import { migratorOptions, startStore } from "../tests/support/store.ts";
import { correlatedEvents } from "../tests/support/store_events.ts";
import { cpuUs, median, report } from "./store_meter.ts";

const ROUNDS = 5;
/** Inserts that are measured together: the kernel counts in hundredths of a second. */
const INSERTS = { native: 5, json: 1 } as const;
const NEW_FILES = 500;
const COMMAND = "deno run -A bench/insert_bench.ts";
const TABLES = ["http_events", "entity_5m", "requests_1m", "clients_1h"];

/** A materialized view of the migrations. */
interface View {
  readonly name: string;
  readonly statement: string;
}

/** A way to store the events. */
interface Arm {
  readonly name: string;
  readonly format: keyof typeof INSERTS;
  readonly views: readonly View[];
}

/** The same events within one second. */
function withinASecond(events: readonly CorrelatedEvent[]): CorrelatedEvent[] {
  const begin = events[0]?.ts ?? 0;
  return events.map((event, i) => ({
    ...event,
    ts: begin + Math.floor(i * 1e6 / events.length) as UnixMicros,
  }));
}

/** The events as objects for JSONEachRow, read back from the table itself. */
async function asObjects(
  database: Database,
  events: readonly CorrelatedEvent[],
): Promise<Record<string, unknown>[]> {
  await truncate(database);
  const columns = httpEventColumns(events);
  await database.insert("http_events", columns, events.length);
  const names = sql.trusted(columns.map(({ name }) => name).join(", "));
  const objects = await database.query<Record<string, unknown>>(
    sql`SELECT ${names} FROM http_events`,
  );
  invariant(objects.length === events.length, "both sides have the same rows");
  return objects;
}

async function truncate(database: Database): Promise<void> {
  for (const table of TABLES) {
    await database.command(sql.trusted(`TRUNCATE TABLE ${table}`));
  }
}

async function dropViews(
  database: Database,
  views: readonly View[],
): Promise<void> {
  for (const { name } of views) {
    await database.command(sql.trusted(`DROP VIEW IF EXISTS ${name} SYNC`));
  }
}

/** Microseconds of CPU an event, of each arm in each round. */
async function compare(
  { database, pid, events, arms }: {
    database: Database;
    pid: number;
    events: readonly CorrelatedEvent[];
    arms: readonly Arm[];
  },
): Promise<Record<string, number>[]> {
  const columns = httpEventColumns(events);
  const objects = await asObjects(database, events);
  const store = async (
    format: Arm["format"],
    token: string,
  ): Promise<void> => {
    if (format === "json") {
      await database.insertRows("http_events", objects, { token });
    } else {
      await database.insert("http_events", columns, events.length, { token });
    }
  };
  const rounds: Record<string, number>[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const spent: Record<string, number> = {};
    for (const { name, format, views } of arms) {
      await truncate(database);
      for (const { statement } of views) {
        await database.command(sql.trusted(statement));
      }
      await store(format, `${name} ${round} first`);
      const before = cpuUs(pid);
      for (let n = 0; n < INSERTS[format]; n++) {
        await store(format, `${name} ${round} ${n}`);
      }
      spent[name] = (cpuUs(pid) - before) / INSERTS[format] / events.length;
      await dropViews(database, views);
    }
    // The first round warms up.
    if (round > 0) rounds.push(spent);
  }
  return rounds;
}

/** Bytes on disk of the table, merged into one part, and of the same rows as JSON. */
async function measureDisk(
  database: Database,
  events: readonly CorrelatedEvent[],
): Promise<{ disk: number; json: number }> {
  const objects = await asObjects(database, events);
  await database.command(sql`OPTIMIZE TABLE http_events FINAL`);
  const [row] = await database.query<{ bytes: number }>(sql`
    SELECT toFloat64(sum(bytes_on_disk)) AS bytes FROM system.parts
    WHERE database = 'ja4' AND table = 'http_events' AND active`);
  const json = objects.reduce(
    (sum, object) => sum + JSON.stringify(object).length + 1,
    0,
  );
  return { disk: row?.bytes ?? NaN, json };
}

/** Microseconds of CPU to make a file in a folder below `parent`, by default where the store is. */
async function newFileUs(parent?: string): Promise<number> {
  const folder = await Deno.makeTempDir(
    parent === undefined ? {} : { dir: parent },
  );
  const before = process.cpuUsage();
  for (let n = 0; n < NEW_FILES; n++) {
    await Deno.writeFile(join(folder, String(n)), new Uint8Array(100));
  }
  const { user, system } = process.cpuUsage(before);
  await Deno.remove(folder, { recursive: true });
  return (user + system) / NEW_FILES;
}

async function main(): Promise<void> {
  report({
    name: "new_file",
    value: await newFileUs(),
    unit: "us",
    // In memory.
    baseline: await newFileUs("/dev/shm"),
  }, COMMAND);
  await using store = await startStore();
  await using database = await store.database("ja4");
  const { placeholders } = await migratorOptions(store.options("ja4"));
  const views = (await readMigrations())
    .flatMap(({ up }) => statementsOf(up, placeholders))
    .filter((statement) => statement.startsWith("CREATE MATERIALIZED VIEW"))
    .map((statement) => ({
      statement,
      name: /\.(mv_\w+)/.exec(statement)?.[1] ?? "",
    }));
  await dropViews(database, views);

  // One day, so that a block is one part.
  const spread = await correlatedEvents(insertRowsMax);
  const { disk, json } = await measureDisk(database, spread);
  const bare: Arm = { name: "bare", format: "native", views: [] };
  const arms: readonly Arm[] = [
    bare,
    ...views.map((view) => ({ ...bare, name: view.name, views: [view] })),
    { ...bare, name: "all_views", views },
    { ...bare, name: "bare_json", format: "json" },
    { name: "all_views_json", format: "json", views },
  ];
  for (
    const [kind, events] of Object.entries({
      live: withinASecond(spread),
      small: withinASecond(spread).slice(0, 200),
      spread,
    })
  ) {
    const rounds = await compare({ database, pid: store.pid, events, arms });
    const of = (name: string): number =>
      median(rounds.map((spent) => spent[name] ?? NaN));
    for (const { name } of arms) {
      // What is stored as JSON is the measure of the same as Native.
      const base = name.endsWith("_json") ? name.slice(0, -5) : "bare";
      report({
        name: `insert_${kind}_${name}`,
        value: of(name),
        unit: "us/row",
        baseline: of(base),
        detail: { insert_ms: Math.round(of(name) * events.length / 100) / 10 },
        ratio: median(
          rounds.map((spent) => (spent[name] ?? NaN) / (spent[base] ?? NaN)),
        ),
      }, COMMAND);
    }
  }
  report({
    name: "disk_bytes_per_row",
    value: disk / spread.length,
    unit: "bytes",
    baseline: json / spread.length,
  }, COMMAND);
}

if (import.meta.main) await main();
