// What the schema promises to those who read it and to older programs.
import assert from "node:assert/strict";
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { sql } from "../lib/sql.ts";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import { type Migration, readMigrations } from "../store/migration_files.ts";
import { Migrator } from "../store/migrator.ts";
import { correlatedEvents } from "./support/store_events.ts";
import { migratorOptions, startStore } from "./support/store.ts";

interface ColumnFacts {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly comment: string;
  readonly codec: string;
}

/** The columns of all tables; those of views and dictionaries are their definitions'. */
function columnsOf(database: Database): Promise<ColumnFacts[]> {
  return database.query<ColumnFacts>(sql`
    SELECT c.table AS table, c.name AS name, c.type AS type, c.comment AS comment, c.compression_codec AS codec
    FROM system.columns AS c
    INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database = 'ja4' AND t.engine LIKE '%MergeTree'`);
}

Deno.test("every table and every column says what it holds, and none is of a method under another licence", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  const columns = await columnsOf(database);
  assert(columns.length > 200, `${columns.length} columns`);
  const silent = columns.filter(({ comment }) => comment.length < 4);
  assert.deepEqual(silent.map(({ table, name }) => `${table}.${name}`), []);
  const tables = await database.query<{ name: string }>(sql`
    SELECT name FROM system.tables
    WHERE database = 'ja4' AND engine LIKE '%MergeTree' AND comment = ''`);
  assert.deepEqual(tables, []);
  // JA4 (the TLS client) is BSD-3-Clause. JA4S, JA4H, JA4L, JA4X, JA4T, JA4TS, JA4SSH, JA4D and their
  // raw forms are not, and neither name nor value of them may be here.
  const foreign = /^ja4(s|h|l|ls|x|t|ts|tscan|ssh|d|d6|e)(_.*)?$/i;
  assert.deepEqual(columns.filter(({ name }) => foreign.test(name)), []);
});

Deno.test("every column of http_events has a codec of its own, and texts that repeat are of low cardinality", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  const columns = (await columnsOf(database)).filter(({ table }) =>
    table === "http_events"
  );
  assert.deepEqual(columns.filter(({ codec }) => codec === ""), []);
  const plain = columns.filter(({ type }) => type === "String");
  // What a client makes up anew with each request gains nothing from a dictionary.
  assert.deepEqual(plain.map(({ name }) => name).sort(), [
    "community_id",
    "url_path",
    "url_query",
  ]);
  const indexes = await database.query<{ name: string; type: string }>(sql`
    SELECT name, type_full AS type FROM system.data_skipping_indices
    WHERE database = 'ja4' AND table = 'http_events' ORDER BY name`);
  assert.deepEqual(indexes, [
    { name: "ix_ja4", type: "set(256)" },
    { name: "ix_src_ip", type: "bloom_filter(0.01)" },
    { name: "ix_status_code", type: "set(32)" },
    { name: "ix_url_path", type: "ngrambf_v1(4, 16384, 2, 0)" },
  ]);
});

Deno.test("a token is remembered for ten thousand inserts, in the rows and in every aggregate", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  const windows = await database.query<{ name: string }>(sql`
    SELECT name FROM system.tables
    WHERE database = 'ja4' AND engine_full LIKE '%non_replicated_deduplication_window = 10000%' ORDER BY name`);
  assert.deepEqual(windows.map(({ name }) => name), [
    "clients_1h",
    "entity_5m",
    "http_events",
    "requests_1m",
  ]);
  // Nowhere is a second insert with the same token counted.
  const events = await correlatedEvents(200);
  for (let sent = 0; sent < 2; sent++) {
    await database.insert(
      "http_events",
      httpEventColumns(events),
      events.length,
      { token: "same" },
    );
  }
  const [sums] = await database.query<Record<string, number>>(sql`
    SELECT toUInt32((SELECT count() FROM http_events)) AS rows,
      toUInt32((SELECT sum(events) FROM requests_1m)) AS minutes,
      toUInt32((SELECT sum(events) FROM clients_1h)) AS hours`);
  const n = events.length;
  assert.deepEqual(sums, { rows: n, minutes: n, hours: n });
});

Deno.test("old rows go to the second volume first, where there is one", async () => {
  await using folder = await temporaryFolder();
  await using store = await startStore({
    migrate: false,
    env: { JA4_STORE__COLD_DIR: `${folder.path}/cold` },
  });
  await using system = await store.database("ja4", "system");
  const options = await migratorOptions(store.options("ja4"));
  const placeholders = { ...options.placeholders, hotDays: 7 };
  await new Migrator(system, { ...options, placeholders }).up();
  await using database = await openDatabase(store.options("ja4"));
  const definitions = await database.query<{ name: string; text: string }>(sql`
    SELECT name, create_table_query AS text FROM system.tables
    WHERE database = 'ja4' AND storage_policy = 'tiered' ORDER BY name`);
  assert.deepEqual(definitions.map(({ name }) => name), [
    "http_events",
    "scores",
  ]);
  for (const { text } of definitions) {
    assert.match(
      text,
      /toIntervalDay\(7\) TO VOLUME 'cold', .*toIntervalDay\(30\)/,
    );
  }
  // Ten days old: stored in one part, which the server moves in the background.
  await database.command(sql`
    INSERT INTO http_events (ts, http_host) SELECT now() - INTERVAL 10 DAY, 'old' FROM numbers(1000)`);
  await eventually("the rows to move", async () => {
    const [part] = await database.query<{ disk: string }>(sql`
      SELECT disk_name AS disk FROM system.parts
      WHERE database = 'ja4' AND table = 'http_events' AND active`);
    return part?.disk === "cold";
  }, 30_000);
});

Deno.test("an older program works on a schema that has grown", async () => {
  await using store = await startStore();
  await using system = await store.database("ja4", "system");
  await using database = await store.database("ja4");
  const options = await migratorOptions(store.options("ja4"));
  const before = await readMigrations();
  // What the rule of docs/store.md lets a release do: add tables, and columns with a default at the end.
  const expansion: Migration = {
    version: before.length + 1,
    name: "expansion",
    up:
      `ALTER TABLE {{db}}.http_events ADD COLUMN IF NOT EXISTS added UInt32 DEFAULT 7 COMMENT 'New';
      ALTER TABLE {{db}}.detections ADD COLUMN IF NOT EXISTS added String DEFAULT 'x' COMMENT 'New';
      CREATE TABLE IF NOT EXISTS {{db}}.added (a UInt8) ENGINE = MergeTree ORDER BY a`,
    down: `DROP TABLE IF EXISTS {{db}}.added;
      ALTER TABLE {{db}}.detections DROP COLUMN IF EXISTS added;
      ALTER TABLE {{db}}.http_events DROP COLUMN IF EXISTS added`,
    verify: "SELECT added FROM {{db}}.http_events LIMIT 0",
    checksum: "b".repeat(64),
  };
  await new Migrator(system, {
    ...options,
    migrations: [...before, expansion],
  }).up();

  // The writer of now, which knows nothing of the new columns.
  const events = await correlatedEvents(500);
  await database.insert("http_events", httpEventColumns(events), events.length);
  const [stored] = await database.query<{ n: number; added: number }>(sql`
    SELECT toUInt32(count()) AS n, toUInt32(sum(added)) AS added FROM http_events`);
  assert.deepEqual(stored, { n: events.length, added: 7 * events.length });
  const [counted] = await database.query<{ n: number }>(
    sql`SELECT toUInt32(sum(events)) AS n FROM requests_1m`,
  );
  assert.equal(counted?.n, events.length);
  await database.query(sql`SELECT * FROM detections_current LIMIT 1`);
  const windows = await database.query(sql`
    SELECT src_ip FROM window_facts(win = 3600, from = '2026-11-01 00:00:00', to = '2026-11-03 00:00:00', cold = 20, every = 1)`);
  assert(windows.length > 0);
  // But it does not touch a schema that it does not know.
  await assert.rejects(
    new Migrator(system, options).up(),
    /was applied and is not among the migrations/,
  );
});
