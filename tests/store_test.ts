// The embedded server at work: whom it lets do what, what bounds it, and how it ends.
import assert from "node:assert/strict";
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { APP_TABLES, SECRET_TABLES } from "../store/server_config.ts";
import { startStore } from "./support/store.ts";

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
