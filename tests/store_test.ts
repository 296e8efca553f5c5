// The embedded server as a program: what it answers, whom it lets do what, and how it ends.
import assert from "node:assert/strict";
import {
  type Column,
  type Database,
  DatabaseError,
} from "../lib/clickhouse.ts";
import { eventually, freePort, temporaryFolder } from "../lib/testing.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { FatalError } from "../lib/errors.ts";
import { loadLibrary } from "../store/library.ts";
import { APP_TABLES, SECRET_TABLES } from "../store/server_config.ts";
import { startStore } from "./support/store.ts";

const ROOT = new URL("..", import.meta.url);

/** Whether `statement` is refused for want of rights; any other failure fails the test. */
async function denied(database: Database, statement: Sql): Promise<boolean> {
  try {
    await database.command(statement);
    return false;
  } catch (thrown) {
    assert(thrown instanceof DatabaseError, String(thrown));
    assert.equal(thrown.code, 497, thrown.message);
    return true;
  }
}

Deno.test("each user may do what it is for, and nothing else", async () => {
  await using store = await startStore();
  await using ja4 = await store.database("ja4");
  await using web = await store.database("web");
  await using app = await store.database("app");
  const all = [ja4, web, app];
  const tables = (await ja4.query<{ name: string }>(
    sql`SELECT name FROM system.tables WHERE database = 'ja4' AND engine LIKE '%MergeTree'`,
  )).map(({ name }) => name);
  assert(tables.length > 15);
  for (const name of tables) {
    const table = sql.trusted(`ja4.${name}`);
    const secret = SECRET_TABLES.some((known) => known === name);
    const writable = APP_TABLES.some((known) => known === name);
    assert.equal(
      await denied(web, sql`SELECT * FROM ${table} LIMIT 0`),
      secret,
      name,
    );
    assert(!await denied(app, sql`SELECT * FROM ${table} LIMIT 0`), name);
    const insert = sql`INSERT INTO ${table} SELECT * FROM ${table} LIMIT 0`;
    assert.equal(await denied(app, insert), !writable, name);
    assert(await denied(web, insert), name);
    assert(!await denied(ja4, insert), name);
    for (const user of [web, app]) {
      assert(await denied(user, sql`TRUNCATE TABLE ${table}`), name);
      assert(await denied(user, sql`DROP TABLE ${table}`), name);
      assert(
        await denied(user, sql`ALTER TABLE ${table} DELETE WHERE 1`),
        name,
      );
    }
  }
  for (const user of all) {
    // A file of this host, another host, and the engine itself are out of reach.
    assert(
      await denied(
        user,
        sql`SELECT * FROM file('/etc/passwd', 'LineAsString')`,
      ),
    );
    assert(
      await denied(
        user,
        sql`SELECT * FROM url('http://127.0.0.1:1', 'LineAsString')`,
      ),
    );
    assert(await denied(user, sql`CREATE DATABASE other`));
    assert(await denied(user, sql`CREATE USER u`));
    assert(await denied(user, sql`SYSTEM SHUTDOWN`));
    assert(await denied(user, sql`SYSTEM STOP LISTEN HTTP`));
  }
  const [definition] = await ja4.query<{ text: string }>(
    sql`SELECT create_table_query AS text FROM system.tables WHERE name = 'dict_ja4'`,
  );
  assert.match(definition?.text ?? "", /PASSWORD \\?'\[HIDDEN\]/);
  await assert.rejects(
    app.command(sql`SELECT 1 SETTINGS readonly = 2`).then(() =>
      web.command(sql`SET readonly = 0`)
    ),
    (thrown) => thrown instanceof DatabaseError && thrown.code === 164,
  );
});

Deno.test("nobody gets in without a password", async () => {
  await using store = await startStore({ migrate: false });
  for (const user of ["ja4", "web", "app", "default", "console", ""]) {
    const headers = { "x-clickhouse-user": user, "x-clickhouse-key": "" };
    for (
      const url of [
        `${store.url}/?query=SELECT+1`,
        `${store.url}/?user=${user}&query=SELECT+1`,
      ]
    ) {
      const init = url.includes("user=") ? {} : { headers };
      const response = await fetch(url, init);
      await response.body?.cancel();
      assert(!response.ok, `${user} at ${url}`);
    }
  }
});

Deno.test("what a client sends comes back as it was", async () => {
  await using store = await startStore({ migrate: false });
  await using database = await store.database("ja4", "system");
  const hostile = [
    "'; DROP TABLE x; --",
    "{p0:String}",
    "tab\t nul\0 newline\n return\r backslash\\ quote' double\" \u202e",
    "é€😀",
    "x".repeat(100_000),
  ];
  for (const text of hostile) {
    const [row] = await database.query<{ a: string; b: string[] }>(
      sql`SELECT ${text} AS a, ${[text, "y"]} AS b`,
    );
    assert.deepEqual(row, { a: text, b: [text, "y"] });
  }
  const date = new Date("2026-11-23T10:00:00.123Z");
  const [row] = await database.query(sql`
    SELECT ${
    2 ** 53 - 1
  } AS big, ${-1.5} AS float, ${true} AS bool, ${date} = '2026-11-23 10:00:00.123' AS date,
      ${typed("::ffff:1.2.3.4", "IPv6")} AS ip, ${[]} AS nothing, ${[
    1,
    2.5,
  ]} AS numbers`);
  assert.deepEqual(row, {
    big: String(2 ** 53 - 1),
    float: -1.5,
    bool: true,
    date: 1,
    ip: "::ffff:1.2.3.4",
    nothing: [],
    numbers: [1, 2.5],
  });
});

Deno.test("Native blocks arrive as they were sent", async () => {
  await using store = await startStore({ migrate: false });
  await using database = await store.database("ja4", "system");
  const ip = Uint8Array.from([
    ...Array(10).fill(0),
    255,
    255,
    1,
    2,
    3,
    4,
    ...Array(16).fill(255),
  ]);
  const uuid = Uint8Array.from({ length: 32 }, (_, i) => i);
  const columns: (Column & { want: unknown[] })[] = [
    { name: "a", type: "String", data: ["", "é\0'\n"], want: ["", "é\0'\n"] },
    {
      name: "b",
      type: "LowCardinality(String)",
      data: ["x", "x"],
      want: ["x", "x"],
    },
    { name: "c", type: "UInt8", data: [0, 255], want: [0, 255] },
    { name: "d", type: "Int16", data: [-32768, 32767], want: [-32768, 32767] },
    {
      name: "e",
      type: "UInt32",
      data: [0, 2 ** 32 - 1],
      want: [0, 2 ** 32 - 1],
    },
    {
      name: "f",
      type: "Int64",
      data: [-(2 ** 53) + 1, 2 ** 53 - 1],
      want: [`${-(2 ** 53) + 1}`, `${2 ** 53 - 1}`],
    },
    { name: "g", type: "Float32", data: [0.5, -1], want: [0.5, -1] },
    { name: "h", type: "Float64", data: [0.1, 1e300], want: [0.1, 1e300] },
    { name: "i", type: "Bool", data: [0, 1], want: [false, true] },
    {
      name: "j",
      type: "Enum8('x' = 1, 'y' = 2)",
      data: [1, 2],
      want: ["x", "y"],
    },
    {
      name: "k",
      type: "DateTime('UTC')",
      data: [0, 1_795_428_000],
      want: ["1970-01-01 00:00:00", "2026-11-23 10:00:00"],
    },
    {
      name: "l",
      type: "DateTime64(6, 'UTC')",
      data: [1, 1_795_428_000_123_456],
      want: ["1970-01-01 00:00:00.000001", "2026-11-23 10:00:00.123456"],
    },
    {
      name: "m",
      type: "IPv6",
      data: ip,
      want: ["::ffff:1.2.3.4", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
    },
    {
      name: "n",
      type: "UUID",
      data: uuid,
      want: [
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "10111213-1415-1617-1819-1a1b1c1d1e1f",
      ],
    },
    {
      name: "o",
      type: "Array(LowCardinality(String))",
      data: { ends: [0, 2], values: ["p", "q"] },
      want: [[], ["p", "q"]],
    },
    {
      name: "p",
      type: "Map(LowCardinality(String), Float64)",
      data: { ends: [1, 1], keys: ["k"], values: [2] },
      want: [{ k: 2 }, {}],
    },
  ];
  await database.command(sql`CREATE DATABASE ja4`);
  await database.command(sql.trusted(
    `CREATE TABLE ja4.t (${
      columns.map(({ name, type }) => `${name} ${type}`).join(", ")
    }) ENGINE = MergeTree ORDER BY c`,
  ));
  await database.insert("ja4.t", columns, 2);
  const rows = await database.query<Record<string, unknown>>(
    sql`SELECT * FROM ja4.t ORDER BY c`,
  );
  for (const { name, type, want } of columns) {
    assert.deepEqual(rows.map((row) => row[name]), want, type);
  }
});

Deno.test("texts of low cardinality arrive, however many there are", async () => {
  await using store = await startStore({ migrate: false });
  await using database = await store.database("ja4", "system");
  await database.command(sql`CREATE DATABASE ja4`);
  await database.command(sql.trusted(
    "CREATE TABLE ja4.t (n UInt32, a LowCardinality(String), b LowCardinality(String), c String) ENGINE = MergeTree ORDER BY n",
  ));
  const rows = 70_000;
  const texts = (distinct: number): string[] =>
    Array.from(
      { length: rows },
      (_, i) => i % distinct === 0 ? "" : `é${i % distinct}`,
    );
  const columns: Column[] = [
    {
      name: "n",
      type: "UInt32",
      data: Uint32Array.from({ length: rows }, (_, i) => i),
    },
    // Indexes of 16 and 32 bits; and what the encoder takes for one, stored as a plain text.
    { name: "a", type: "LowCardinality(String)", data: texts(300) },
    { name: "b", type: "LowCardinality(String)", data: texts(rows) },
    { name: "c", type: "LowCardinality(String)", data: texts(3) },
  ];
  await database.insert("ja4.t", columns, rows);
  await database.insert(
    "ja4.t",
    columns.map((column) => ({ ...column, data: [] })),
    0,
  );
  const [wrong] = await database.query<{ rows: number; wrong: number }>(sql`
    SELECT toUInt32(count()) AS rows, toUInt32(countIf(
      a != if(n % 300 = 0, '', concat('é', toString(n % 300))) OR b != if(n = 0, '', concat('é', toString(n)))
      OR c != if(n % 3 = 0, '', concat('é', toString(n % 3))))) AS wrong FROM ja4.t`);
  assert.deepEqual(wrong, { rows, wrong: 0 });
});

Deno.test("a time filter reads only its part of a day", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  // One day, 1,000,000 rows over 500 addresses.
  await database.command(sql`
    INSERT INTO http_events (ts, src_ip, http_host)
    SELECT toDateTime64('2026-11-02 00:00:00', 6, 'UTC') + toIntervalMicrosecond(number * 86400),
      toIPv6(concat('2001:db8::', toString(number % 500))), 'example.com'
    FROM numbers(1000000)`);
  await database.command(sql`OPTIMIZE TABLE http_events FINAL`);
  const granules = async (
    from: string,
    to: string,
  ): Promise<[number, number]> => {
    const rows = await database.query<{ explain: string }>(sql`
      SELECT explain FROM (EXPLAIN indexes = 1 SELECT count(url_path) FROM http_events
        WHERE ts BETWEEN ${typed(from, "DateTime64(6, 'UTC')")} AND ${
      typed(to, "DateTime64(6, 'UTC')")
    })`);
    const lines = rows.map(({ explain }) => explain.trim());
    const [, read, all] =
      lines.findLast((line) => line.startsWith("Granules:"))?.match(
        /(\d+)\/(\d+)/,
      ) ?? [];
    return [Number(read), Number(all)];
  };
  const [hour, all] = await granules(
    "2026-11-02 10:00:00",
    "2026-11-02 10:59:59.999999",
  );
  assert(all > 100, `${all} granules`);
  // An hour is a 24th of the day; a granule at each end is shared with the neighbours.
  assert(hour <= all / 24 + 3, `${hour} of ${all} granules for an hour`);
});

/** Runs the program until it ends; returns exit code and stderr without the engine's own lines. */
async function run(
  env: Record<string, string>,
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=store", "store/main.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("the server says in one line why it cannot start", async () => {
  await using store = await startStore({ migrate: false });
  await using folder = await temporaryFolder();
  const file = `${folder.path}/file`;
  await Deno.writeTextFile(file, "");
  const newer = `${folder.path}/newer`;
  await Deno.mkdir(newer);
  await Deno.writeTextFile(`${newer}/version.json`, '{"engine":"99.1.1"}');
  const dir = `${folder.path}/fresh`;
  const listen = `127.0.0.1:${freePort()}`;
  const cases = [
    {
      env: { DIR: dir, LISTEN: `127.0.0.1:${store.port}` },
      code: 69,
      want: /Cannot listen on 127\.0\.0\.1:\d+: .*in use/,
    },
    {
      env: { DIR: store.dir, LISTEN: listen },
      code: 69,
      want: new RegExp(`process ${store.pid} is using it`),
    },
    {
      env: { DIR: newer, LISTEN: listen },
      code: 78,
      want: /ClickHouse 99\.1\.1 wrote it/,
    },
    {
      env: { DIR: `${file}/x`, LISTEN: listen },
      code: 78,
      want: /Cannot use the store/,
    },
    {
      env: { DIR: dir, LISTEN: "[::1]:1" },
      code: 78,
      want: /expected an IPv4 address/,
    },
    {
      env: { DIR: dir, LISTEN: listen, MEMORY_MB: "1" },
      code: 78,
      want: /expected a whole number from 512/,
    },
  ];
  for (const { env, code, want } of cases) {
    const names = Object.entries(env).map((
      [key, value],
    ) => [`JA4_STORE__${key}`, value]);
    const ended = await run(Object.fromEntries(names));
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, want);
    assert.equal(ended.stderr.trimEnd().split("\n").length, 1, ended.stderr);
  }
  const secret = `${folder.path}/secret`;
  await Deno.writeTextFile(secret, "short");
  const cluster = {
    JA4_STORE__DIR: dir,
    JA4_STORE__LISTEN: listen,
    JA4_CLUSTER__SHARDS: '["127.0.0.1:1", "127.0.0.1:2"]',
    JA4_CLUSTER__SECRET_FILE: secret,
  };
  const weak = await run(cluster);
  assert.equal(weak.code, 66, weak.stderr);
  assert.match(
    weak.stderr,
    /secret of the cluster in ".*": it has less than 16 characters/,
  );
  await Deno.writeTextFile(secret, crypto.randomUUID());
  const elsewhere = await run({
    ...cluster,
    JA4_CLUSTER__LISTEN: "127.0.0.2:9000",
  });
  assert.equal(elsewhere.code, 78, elsewhere.stderr);
  assert.match(
    elsewhere.stderr,
    /must have the address of \[store\] listen, 127\.0\.0\.1/,
  );
  const cold = await run({
    JA4_STORE__DIR: dir,
    JA4_STORE__LISTEN: listen,
    JA4_STORE__COLD_DIR: `${file}/cold`,
  });
  assert.equal(cold.code, 78, cold.stderr);
  assert.match(cold.stderr, /Cannot use ".*cold" for old rows/);
});

Deno.test("the server says what is wrong with the library, or that there is none for the platform", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/libchdb.so`;
  const start = (): ReturnType<typeof run> =>
    run({
      JA4_LIBCHDB: file,
      JA4_STORE__DIR: `${folder.path}/store`,
      JA4_STORE__LISTEN: `127.0.0.1:${freePort()}`,
    });
  const missing = await start();
  assert.equal(missing.code, 69, missing.stderr);
  assert.match(
    missing.stderr,
    /^ja4-store: Cannot load the embedded database ".*libchdb\.so": .*\nRun "deno install"/,
  );
  await Deno.writeTextFile(file, "not a library");
  const damaged = await start();
  assert.equal(damaged.code, 69, damaged.stderr);
  assert.match(
    damaged.stderr,
    /Cannot load the embedded database .*\nRun "deno install"/,
  );
  for (
    const { source, want } of [
      {
        source: "int other(void) { return 0; }",
        want: /Cannot load the embedded database .*chdb_\w+/,
      },
      {
        source:
          'const char *chdb_version(void) { return "25.8.1.1"; } void chdb_query_cmdline(void) {} void chdb_result_error(void) {} void chdb_destroy_query_result(void) {}',
        want: /it is ClickHouse "25\.8\.1\.1", and 26\.7 or newer is needed/,
      },
    ]
  ) {
    await Deno.writeTextFile(`${folder.path}/l.c`, source);
    const { success } = await new Deno.Command("cc", {
      args: ["-shared", "-fPIC", "-o", file, `${folder.path}/l.c`],
    }).output();
    assert(success, "a library is compiled");
    const ended = await start();
    assert.equal(ended.code, 69, ended.stderr);
    assert.match(ended.stderr, want);
  }
  assert.throws(
    () => loadLibrary("aarch64-apple-darwin"),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "unavailable" &&
      /is packaged for x86_64-unknown-linux-gnu, and this is aarch64-apple-darwin: name a libchdb\.so/
        .test(thrown.message),
  );
});

Deno.test("a disk that is too full refuses rows, and the rest goes on", async () => {
  await using folder = await temporaryFolder();
  const dir = folder.path;
  {
    await using store = await startStore({ dir });
    await using database = await store.database("ja4");
    await database.insertRows("triage_events", [{ detection_id: "D-0" }]);
  }
  // As if there were room for nothing more: the server keeps a tebibyte free.
  const env = { JA4_STORE__KEEP_FREE_MB: "1048576" };
  await using store = await startStore({ dir, migrate: false, env });
  await using database = await store.database("ja4");
  await assert.rejects(
    database.insertRows("triage_events", [{ detection_id: "D-1" }]),
    (thrown) =>
      thrown instanceof DatabaseError && thrown.code === 243 &&
      thrown.retry === "in_doubt",
  );
  assert.deepEqual(
    await database.query(sql`SELECT detection_id FROM triage_events`),
    [{ detection_id: "D-0" }],
  );
});

Deno.test("the memory of one query and of all is bounded", async () => {
  await using store = await startStore({
    migrate: false,
    env: { JA4_STORE__QUERY_MEMORY_MB: "128" },
  });
  await using database = await store.database("ja4", "system");
  await assert.rejects(
    database.query(sql`SELECT uniqExact(number) AS n FROM numbers(20000000)`),
    (thrown) => thrown instanceof DatabaseError && thrown.code === 241,
  );
  const rows = await database.query<{ value: string }>(
    sql`SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'`,
  );
  assert.deepEqual(rows, [{ value: String(3072 * 2 ** 20) }]);
  assert(await database.ping());
});

Deno.test("a query that is aborted ends on the server too", async () => {
  await using store = await startStore({ migrate: false });
  await using admin = await store.database("ja4", "system");
  const running = async (): Promise<number> =>
    (await admin.query(
      sql`SELECT 1 FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'`,
    )).length;
  for (const user of ["ja4", "web", "app"] as const) {
    await using database = await store.database(user, "system");
    const controller = new AbortController();
    const query = database.query(
      sql`SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1`,
      { signal: controller.signal },
    ).then(() => "finished", () => "aborted");
    await eventually("the query to run", async () => await running() === 1);
    controller.abort();
    assert.equal(await query, "aborted");
    await eventually(
      "the query to end",
      async () => await running() === 0,
      3000,
    );
  }
});

Deno.test("the server stops within three seconds while clients are connected, and keeps its data", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  await using others = new AsyncDisposableStack();
  for (let i = 0; i < 20; i++) {
    const idle = others.use(await store.database("ja4"));
    assert(await idle.ping());
  }
  await database.insertRows("triage_events", [{
    detection_id: "D-1",
    state: "open",
  }]);
  // A query under way must not hold up the stop either.
  const slow = database.query(
    sql`SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1`,
  ).then(() => "finished", () => "cut off");
  await using admin = await store.database("ja4");
  await eventually(
    "the query to run",
    async () =>
      (await admin.query(
        sql`SELECT 1 FROM system.processes WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%'`,
      )).length > 0,
  );
  const started = performance.now();
  assert.equal(await store.stop(), 0);
  const stopMs = performance.now() - started;
  assert(stopMs < 3000, `stopped in ${Math.round(stopMs)} ms`);
  assert.equal(await slow, "cut off");
  const passwords = { ...store.passwords };
  await store.restart();
  assert.equal(
    (await Deno.readTextFile(store.passwordFile("ja4"))).trim(),
    passwords.ja4,
  );
  const rows = await database.query(
    sql`SELECT detection_id, state FROM triage_current`,
  );
  assert.deepEqual(rows, [{ detection_id: "D-1", state: "open" }]);
});
