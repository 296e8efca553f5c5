// The migrations and their runner on the real engine.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Database, DatabaseError, openDatabase } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { type Sql, sql } from "../lib/sql.ts";
import {
  type Migration,
  readMigrations,
  statementsOf,
} from "../store/migration_files.ts";
import { Migrator, type MigratorOptions } from "../store/migrator.ts";
import { loadReference } from "../store/reference.ts";
import { migratorOptions, startStore, type Store } from "./support/store.ts";

const migrations = await readMigrations();

/** An empty store, a connection to it, and Migrators for it. */
async function emptyStore(): Promise<
  {
    store: Store;
    system: Database;
    migrator(options?: Partial<MigratorOptions>, on?: Database): Migrator;
  } & AsyncDisposable
> {
  const store = await startStore({ migrate: false });
  const system = await store.database("ja4", "system");
  const base = await migratorOptions(store.options("ja4"));
  return {
    store,
    system,
    migrator: (options = {}, on = system) =>
      new Migrator(on, { ...base, ...options }),
    async [Symbol.asyncDispose](): Promise<void> {
      await system[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Everything that the migrations made, the ledger's rows apart: tables, columns, indexes. */
function schemaOf(database: Database): Promise<{ name: string }[]> {
  return database.query(sql`
    SELECT * FROM (
    SELECT name, engine, create_table_query, [''] AS indexes
    FROM system.tables WHERE database = 'ja4'
    UNION ALL
    SELECT concat(table, '.', name), concat(type, ' ', default_kind, ' ', compression_codec, ' ', comment),
      default_expression, [toString(position)]
    FROM system.columns WHERE database = 'ja4'
    UNION ALL
    SELECT concat(table, ' ', name), type_full, expr, [toString(granularity)]
    FROM system.data_skipping_indices WHERE database = 'ja4'
    ) ORDER BY name, engine`);
}

/** One number for all of {@linkcode schemaOf}. */
async function schemaHash(database: Database): Promise<string> {
  return createHash("sha256").update(JSON.stringify(await schemaOf(database)))
    .digest("hex");
}

async function refusal(call: Promise<unknown>): Promise<FatalError> {
  try {
    await call;
  } catch (thrown) {
    assert(thrown instanceof FatalError, String(thrown));
    return thrown;
  }
  assert.fail("it was not refused");
}

Deno.test("each migration goes up, verifies, comes down and goes up again the same", async () => {
  await using empty = await emptyStore();
  let before: unknown[] = [];
  for (const { version, name } of migrations) {
    const migrator = empty.migrator({
      migrations: migrations.slice(0, version),
    });
    assert.equal(await migrator.up(), 1, name);
    assert.equal(await migrator.verify(), version, name);
    const after = await schemaOf(empty.system);
    assert.equal(await migrator.down(version - 1), 1, name);
    assert.deepEqual(await schemaOf(empty.system), before, name);
    assert.equal(await migrator.up(), 1, name);
    assert.deepEqual(await schemaOf(empty.system), after, name);
    before = after;
  }
  assert.equal(await empty.migrator().down(0), migrations.length);
  assert.deepEqual(await schemaOf(empty.system), []);
});

/** A connection that dies after some definitions and ledger rows, as its process would. */
class MortalDatabase extends Database {
  #left = Infinity;
  dieAfter(operations: number): void {
    this.#left = operations;
  }
  #count(): void {
    if (this.#left-- <= 0) {
      throw new DatabaseError("killed", undefined, "retry");
    }
  }
  override async command(
    ...args: Parameters<Database["command"]>
  ): Promise<void> {
    // Verifications change nothing, and the lock alone is still given back.
    const { text } = args[0];
    if (!/^SELECT|migration_lock/.test(text)) this.#count();
    await super.command(...args);
  }
  override async insert(
    ...args: Parameters<Database["insert"]>
  ): Promise<void> {
    this.#count();
    await super.insert(...args);
  }
}

Deno.test("up() that is killed at every boundary of its statements goes on to the same schema", async () => {
  await using empty = await emptyStore();
  await empty.migrator().up();
  const wanted = await schemaHash(empty.system);
  await empty.migrator().down(0);
  const { placeholders } = await migratorOptions(empty.store.options("ja4"));
  const statements = migrations.reduce(
    (sum, { up }) => sum + statementsOf(up, placeholders).length,
    0,
  );
  // A run takes up the database, notes the start, does a statement and notes that. The first round
  // kills each run after that note, the second one statement later, before its note is written.
  for (const operations of [4, 5]) {
    await using mortal = new MortalDatabase(
      empty.store.options("ja4", "system"),
    );
    let kills = 0;
    for (let finished = false; !finished;) {
      mortal.dieAfter(operations);
      try {
        await empty.migrator({}, mortal).up();
        finished = true;
      } catch (thrown) {
        assert.match(String(thrown), /killed/);
        assert(++kills < 300, "it does not get on");
      }
    }
    assert(kills > statements - 5, `${kills} kills, ${statements} statements`);
    assert.equal(await schemaHash(empty.system), wanted);
    const status = await empty.migrator().status();
    assert(
      status.every(({ state, fault }) => state === "verified" && fault === ""),
    );
    await empty.migrator().down(0);
  }
});

Deno.test("two runs at once do each migration once", async () => {
  await using empty = await emptyStore();
  await using other = await empty.store.database("ja4", "system");
  const counts = await Promise.all([
    empty.migrator().up(),
    empty.migrator({}, other).up(),
  ]);
  assert.deepEqual(counts.sort((a, b) => a - b), [0, migrations.length]);
});

Deno.test("the lock of a killed run is void after its lease, that of a live one is not", async () => {
  await using empty = await emptyStore();
  await empty.system.command(sql`CREATE DATABASE ja4`);
  await empty.system.command(
    sql`CREATE TABLE ja4.migration_lock_7 (nothing UInt8) ENGINE = Null COMMENT 'elsewhere:42, renewal 3'`,
  );
  const { exit, message } = await refusal(
    empty.migrator({ lockWaitMs: 0 }).up(),
  );
  assert.equal(exit, "unavailable");
  assert.equal(message, "Cannot migrate: elsewhere:42, renewal 3 is migrating");
  assert.equal(await empty.migrator({ lockLeaseS: 1 }).up(), migrations.length);
  const names = (await schemaOf(empty.system)).map(({ name }) => name);
  assert(
    !names.some((name) => name.startsWith("migration_lock")),
    names.join(),
  );
});

Deno.test("up() refuses a changed, a missing and a skipped migration before it does anything", async () => {
  await using empty = await emptyStore();
  await empty.migrator({ migrations: migrations.slice(0, 4) }).up();
  const before = await schemaOf(empty.system);
  const check = async (
    options: Partial<MigratorOptions>,
    want: RegExp,
  ): Promise<void> => {
    const { exit, message } = await refusal(empty.migrator(options).up());
    assert.equal(exit, "config");
    assert.match(message, want);
    assert.deepEqual(await schemaOf(empty.system), before);
  };
  const changed = migrations.map((migration): Migration =>
    migration.version === 2
      ? { ...migration, checksum: "0".repeat(64) }
      : migration
  );
  await check(
    { migrations: changed },
    /0002_http_events is not what was applied/,
  );
  await check(
    { migrations: migrations.slice(0, 3) },
    /0004_aggregates was applied and is not among/,
  );
  await empty.system.command(sql`
    INSERT INTO ja4.schema_migrations (version, name, event, checksum, at)
    SELECT version, name, 'reverted', checksum, at + 1 FROM ja4.schema_migrations
    WHERE version = 3 ORDER BY at DESC LIMIT 1`);
  await check({}, /0003_reference was not applied, but a later one was/);
});

Deno.test("up() tells which statement failed, and goes on there once it can", async () => {
  await using empty = await emptyStore();
  const broken: Migration = {
    version: 2,
    name: "broken",
    up:
      "CREATE TABLE {{db}}.one (a UInt8) ENGINE = Null; CREATE TABLE {{db}}.two AS {{db}}.absent; CREATE TABLE {{db}}.three (a UInt8) ENGINE = Null",
    down: "DROP TABLE IF EXISTS {{db}}.one",
    verify: "SELECT 1",
    checksum: "a".repeat(64),
  };
  const migrator = empty.migrator({
    migrations: [...migrations.slice(0, 1), broken],
  });
  const { exit, message } = await refusal(migrator.up());
  assert.equal(exit, "dataFormat");
  assert.match(
    message,
    /Cannot apply 0002_broken at "CREATE TABLE ja4.two AS ja4.absent": /,
  );
  const [, status] = await migrator.status();
  assert.equal(status?.state, "failed");
  assert.match(status?.error ?? "", /absent/);
  assert.deepEqual(
    (await migrator.plan()).map(({ statements }) => statements.length),
    [2],
  );
  // "CREATE TABLE one" has no IF NOT EXISTS: run again, it would fail.
  await empty.system.command(
    sql`CREATE TABLE ja4.absent (a UInt8) ENGINE = Null`,
  );
  assert.equal(await migrator.up(), 1);
});

Deno.test("verify() finds what is not as the migrations left it", async () => {
  await using empty = await emptyStore();
  await empty.migrator().up();
  await empty.system.command(sql`DROP VIEW ja4.mv_entity_5m SYNC`);
  const { exit, message } = await refusal(empty.migrator().verify());
  assert.equal(exit, "dataFormat");
  assert.match(
    message,
    /Cannot verify 0004_aggregates at .*mv_entity_5m is missing/,
  );
});

Deno.test("loadReference() loads once, however often it runs", async () => {
  await using store = await startStore();
  await using database = await openDatabase(store.options("ja4"));
  const count = async (): Promise<unknown[]> => await database.query(countRows);
  const before = await count();
  await loadReference(database);
  assert.deepEqual(await count(), before);
  const [known] = await database.query<{ client: string }>(
    sql`SELECT dictGet('ja4.dict_ja4', 'client', tuple('t13d1516h2_8daaf6152771_02713d6af862')) AS client`,
  );
  assert.equal(known?.client, "chrome");
});

const countRows: Sql = sql`
  SELECT table, sum(rows) AS n FROM system.parts
  WHERE database = 'ja4' AND active AND table LIKE 'ref_%' GROUP BY table ORDER BY table`;

/** Runs `deno task migrate ...args`; returns exit code and output. */
async function migrate(
  store: Store,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "--no-prompt",
      "-P=migrate",
      "store/migrate.ts",
      ...args,
    ],
    cwd: new URL("..", import.meta.url),
    env: {
      JA4_CLICKHOUSE__URL: store.url,
      JA4_CLICKHOUSE__PASSWORD_FILE: store.passwordFile("ja4"),
      NO_COLOR: "1",
    },
  }).output();
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test("deno task migrate: from nothing and back, with the exit codes that scripts ask for", async () => {
  await using empty = await emptyStore();
  const { store } = empty;
  const pending = await migrate(store, "status");
  assert.equal(pending.code, 1);
  assert.match(pending.stdout, /^0001_ledger pending$/m);
  const plan = await migrate(store, "plan");
  assert.equal(plan.code, 0);
  assert.match(plan.stdout, /PASSWORD '\[hidden\]'/);
  assert(!plan.stdout.includes(store.passwords.ja4));
  const up = await migrate(store, "up");
  assert.equal(up.code, 0, up.stderr);
  assert.match(
    up.stdout,
    new RegExp(`^${migrations.length} migrations applied$`, "m"),
  );
  assert.match(
    (await migrate(store, "up")).stdout,
    /^The schema is up to date$/m,
  );
  assert.equal((await migrate(store, "status")).code, 0);
  assert.match(
    (await migrate(store, "verify")).stdout,
    new RegExp(`^${migrations.length} migrations verified$`, "m"),
  );
  assert.match(
    (await migrate(store, "down", "8")).stdout,
    new RegExp(`^${migrations.length - 8} migrations reverted$`, "m"),
  );
  for (const args of [[], ["sideways"], ["down"], ["down", "x"], ["up", "3"]]) {
    const { code, stderr } = await migrate(store, ...args);
    assert.equal(code, 64, args.join(" "));
    assert.match(
      stderr,
      /^ja4-migrate: Cannot run ".*": expected up, down VERSION/,
    );
  }
  await store.stop();
  const away = await migrate(store, "up");
  assert.equal(away.code, 69);
  assert.match(
    away.stderr,
    /^ja4-migrate: Cannot migrate at http:.*: No answer from the database: .*\n$/,
  );
});
