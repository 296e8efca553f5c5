/**
 * Storing 20,000 correlated events: rows a second of CPU time, client and server together, as
 * Native blocks and, for comparison, as JSONEachRow; once into the bare table and once with all
 * materialized views. And the bytes a row takes on disk, against those of its JSON.
 *
 * Each side begins with what its encoder takes: columns here, objects there. Both in turns, in one
 * run, medians.
 *
 *     deno run -A bench/insert_bench.ts
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { sql } from "../lib/sql.ts";
import { Migrator } from "../store/migrator.ts";
import { cpuUs, median, report } from "./store_meter.ts";
import { migratorOptions, startStore } from "../tests/support/store.ts";
import { correlatedEvents } from "../tests/support/store_events.ts";

const ROUNDS = 7;
const COMMAND = "deno run -A bench/insert_bench.ts";
/** The events as objects for JSONEachRow, read back from the table itself. */
async function asObjects(
  database: Database,
  events: readonly CorrelatedEvent[],
): Promise<Record<string, unknown>[]> {
  const columns = httpEventColumns(events);
  await database.insert("http_events", columns, events.length);
  const names = sql.trusted(columns.map(({ name }) => name).join(", "));
  return await database.query(sql`SELECT ${names} FROM http_events`);
}

/** Median CPU time of one insert as Native and as JSONEachRow, microseconds. */
async function measure(
  database: Database,
  pid: number,
  events: readonly CorrelatedEvent[],
): Promise<{ native: number; json: number }> {
  const objects = await asObjects(database, events);
  const columns = httpEventColumns(events);
  const spent: { native: number[]; json: number[] } = { native: [], json: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ["native", "json"] as const) {
      await database.command(sql`TRUNCATE TABLE http_events`);
      const before = cpuUs(pid);
      if (kind === "native") {
        await database.insert("http_events", columns, events.length);
      } else await database.insertRows("http_events", objects);
      spent[kind].push(cpuUs(pid) - before);
    }
  }
  return { native: median(spent.native), json: median(spent.json) };
}

/** Bytes on disk of the table, merged into one part, and of the same rows as JSON. */
async function measureDisk(
  database: Database,
  events: readonly CorrelatedEvent[],
): Promise<{ disk: number; json: number }> {
  await database.command(sql`TRUNCATE TABLE http_events`);
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

async function main(): Promise<void> {
  // One day, so that a block is one part.
  const events = await correlatedEvents(insertRowsMax);
  const rows = events.length;
  await using store = await startStore({ migrate: false });
  await using system = await store.database("ja4", "system");
  await using database = await store.database("ja4");
  const options = await migratorOptions(store.options("ja4"));
  const bare = { ...options, migrations: options.migrations.slice(0, 3) };

  await new Migrator(system, bare).up();
  const alone = await measure(database, store.pid, events);
  const { disk, json } = await measureDisk(database, events);
  await new Migrator(system, options).up();
  const full = await measure(database, store.pid, events);

  const unit = "rows/cpu_s";
  for (
    const [name, spent] of [["insert_bare", alone], [
      "insert_with_views",
      full,
    ]] as const
  ) {
    report({
      name,
      value: rows / spent.native * 1e6,
      unit,
      baseline: rows / spent.json * 1e6,
    }, COMMAND);
  }
  report({
    name: "disk_bytes_per_1000_rows",
    value: disk / rows * 1000,
    unit: "bytes",
    baseline: json / rows * 1000,
  }, COMMAND);
}

if (import.meta.main) await main();
