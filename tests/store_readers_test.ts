// What the dashboard reads of a full store: the Overview asks the counters, however many requests there are.
import assert from "node:assert/strict";
import { sql } from "../lib/sql.ts";
import { startStore } from "./support/store.ts";
import { startWeb } from "./support/web.ts";

const ROWS = 1_000_000;

Deno.test("the Overview of a million requests reads none of them", async () => {
  await using store = await startStore();
  await using database = await store.database("ja4");
  // A day that ended an hour ago: what the live numbers read, the last minute, is not in it.
  const end = new Date(Math.floor(Date.now() / 3_600_000 - 1) * 3_600_000);
  const begin = new Date(end.getTime() - 24 * 3_600_000);
  await database.command(sql`
    INSERT INTO http_events (ts, src_ip, http_host, http_method, status_code, match, ja4, user_agent)
    SELECT ${begin} + toIntervalMicrosecond(number * ${86_400_000_000 / ROWS}),
      toIPv6(concat('2001:db8::', toString(number % 100))), 'example.com', 'GET', 200, 'conn',
      't13d1516h2_8daaf6152771_b186095e22b6', 'curl/8.5'
    FROM numbers(${ROWS})
    SETTINGS max_partitions_per_insert_block = 10`);
  await using web = await startWeb(store);
  const day = `from=${begin.toISOString()}&to=${end.toISOString()}`;
  const { status, html } = await web.page(`/?${day}&wait`, "viewer");
  assert.equal(status, 200);
  assert(!html.includes("still being loaded"));
  await database.command(sql`SYSTEM FLUSH LOGS query_log`);
  const read = await database.query<
    { rows: number; requests: number; counters: number; query: string }
  >(
    sql`SELECT toFloat64(read_rows) AS rows, has(log.tables, 'ja4.http_events') AS requests,
        has(log.tables, 'ja4.entity_5m') OR has(log.tables, 'ja4.requests_1m') AS counters, query
      FROM system.query_log AS log WHERE type = 'QueryFinish' AND user = 'web' AND length(log.tables) > 0`,
  );
  assert(read.some(({ counters, rows }) => counters && rows > 1000));
  for (const { rows, requests, query } of read) {
    assert(rows <= (requests ? 0 : ROWS / 10), `${rows} rows: ${query}`);
  }
  // The parts of the table are passed over before they are opened, so more rows change nothing.
  const live = read.filter(({ requests }) => requests);
  assert(live.length > 0);
  for (const { query } of live) {
    const plan = await database.query<{ explain: string }>(
      sql`SELECT explain FROM (EXPLAIN indexes = 1 ${
        sql.trusted(query.replace(/\s+FORMAT \w+\s*$/, ""))
      })`,
    );
    const parts = plan.map(({ explain }) => explain.trim())
      .filter((line) => line.startsWith("Parts: ")).at(-1);
    assert.match(parts ?? "none", /^(none|Parts: 0\/\d+)$/, query);
  }
});
