// Two embedded servers that share the rows by address: real servers, real Distributed tables, the
// pipeline's own inserts, the detector and the queries of its readers, held against one server with the same rows.
import assert from "node:assert/strict";
import { join } from "node:path";
import * as v from "valibot";
import { detectorOptions, schema } from "../detect/config.ts";
import { Detector } from "../detect/detector.ts";
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { httpEventColumns, ja4CatalogColumns } from "../lib/http_events.ts";
import { type Sql, sql } from "../lib/sql.ts";
import { freePort, temporaryFolder } from "../lib/testing.ts";
import { Migrator } from "../store/migrator.ts";
import { loadReference } from "../store/reference.ts";
import { correlatedEvents, EVENTS_DAY } from "./support/store_events.ts";
import { migratorOptions, startStore, type Store } from "./support/store.ts";
import { startWeb } from "./support/web.ts";

/** Rows that both sides are given. */
const EVENTS = 6000;
const SHARDED = ["http_events", "entity_5m", "requests_1m", "clients_1h"];

/** Two servers, each with the schema for shards; what is asked of the first is answered by both. */
async function startShards(): Promise<
  { stores: [Store, Store] } & AsyncDisposable
> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const secret = join(folder.path, "secret");
  await Deno.writeTextFile(secret, crypto.randomUUID());
  const addresses = [0, 1].map(() => `127.0.0.1:${freePort()}`);
  const start = async (listen: string): Promise<Store> => {
    const store = stack.use(
      await startStore({
        migrate: false,
        env: {
          JA4_CLUSTER__LISTEN: listen,
          JA4_CLUSTER__SHARDS: JSON.stringify(addresses),
          JA4_CLUSTER__SECRET_FILE: secret,
        },
      }),
    );
    const options = await migratorOptions(store.options("ja4"));
    await using system = await store.database("ja4", "system");
    await new Migrator(system, {
      ...options,
      placeholders: {
        ...options.placeholders,
        cluster: "ja4",
        replicated: false,
      },
    }).up();
    await using database = await store.database("ja4");
    await loadReference(database);
    return store;
  };
  const stores: [Store, Store] = [
    await start(addresses[0] ?? ""),
    await start(addresses[1] ?? ""),
  ];
  const started = stack.move();
  return { stores, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** What the pipeline stores of these events, batch by batch with its tokens. */
async function storeEvents(database: Database, count: number): Promise<void> {
  const events = await correlatedEvents(count);
  const batch = 1000;
  for (let from = 0; from < events.length; from += batch) {
    const part = events.slice(from, from + batch);
    const columns = httpEventColumns(part);
    const token = `test:1:${from}`;
    await database.insert("http_events", columns, part.length, { token });
    // In doubt it is sent again.
    await database.insert("http_events", columns, part.length, { token });
  }
  const known = new Map(
    events.flatMap((event) =>
      "ja4" in event && event.ja4 !== undefined ? [[event.ja4, event]] : []
    ),
  );
  const catalog = [...known.values()];
  await database.insert(
    "ja4_catalog",
    ja4CatalogColumns(catalog),
    catalog.length,
  );
  // Otherwise each server would look at the new lists in its own time.
  await database.command(sql`SYSTEM RELOAD DICTIONARY dict_folds`);
}

/** What detector and dashboard ask. */
const QUERIES: Readonly<Record<string, Sql>> = {
  "all rows":
    sql`SELECT count() AS n, uniqExact(event_id) AS ids, sum(response_bytes) AS bytes,
      countIf(country != '') AS located, countIf(ja4_client != '') AS known, countIf(ua_family != '') AS named,
      countIf(network_kind != '') AS kinds FROM http_events`,
  "an address":
    sql`SELECT toString(ts) AS at, url_path, status_code FROM http_events
      WHERE src_ip = (SELECT src_ip FROM http_events GROUP BY src_ip ORDER BY count() DESC, src_ip LIMIT 1)
      ORDER BY ts, event_id LIMIT 200`,
  "top addresses":
    sql`SELECT toString(src_ip) AS ip, sum(requests) AS n, sum(entity_5m.handshakes) AS hellos, sum(status_4xx) AS faults
      FROM entity_5m GROUP BY src_ip ORDER BY n DESC, ip LIMIT 20`,
  "requests a minute":
    sql`SELECT toString(minute) AS at, status_class, sum(events) AS n
      FROM requests_1m GROUP BY minute, status_class ORDER BY minute, status_class`,
  "clients of a JA4":
    sql`SELECT toString(ja4) AS ja4, user_agent, sum(events) AS n,
        toString(min(first_seen)) AS first FROM clients_1h GROUP BY ja4, user_agent ORDER BY n DESC, ja4, user_agent LIMIT 50`,
  "facts of a window":
    sql`SELECT toString(src_ip) AS ip, toString(ja4) AS ja4, http_host, toString(requests) AS n, documents, assets, probes_hit
      FROM window_facts(win = 3600, from = ${`${EVENTS_DAY} 00:00:00`}, to = ${`${EVENTS_DAY} 23:59:59`}, cold = 20, every = 1)
      ORDER BY window_start, ip, ja4, http_host`,
  "catalogue": sql`SELECT count() AS n FROM ja4_catalog FINAL`,
  "name of a JA4":
    sql`SELECT toString(ja4) AS ja4, dictGet('dict_ja4', 'label', tuple(toString(ja4))) AS label, count() AS n
      FROM http_events GROUP BY ja4 ORDER BY n DESC, ja4 LIMIT 20`,
};

Deno.test("two shards store and answer what one server does", async (t) => {
  await using shards = await startShards();
  await using single = await startStore();
  await using one = await openDatabase(single.options("ja4"));
  const [first, second] = shards.stores;
  await using both = await first.database("ja4");
  await using other = await second.database("ja4");
  await using asWeb = await first.database("web");
  await storeEvents(one, EVENTS);
  await storeEvents(both, EVENTS);

  await t.step("each has rows of each table, an address whole", async () => {
    for (const table of SHARDED) {
      const counts = await Promise.all(
        [both, other].map((database) =>
          count(database, sql`${sql.trusted(`${table}_local`)}`)
        ),
      );
      assert(Math.min(...counts) > 0, `${table}: ${counts.join(" and ")} rows`);
    }
    const split = sql`(SELECT src_ip FROM http_events GROUP BY src_ip
      HAVING uniqExact(_shard_num) > 1)`;
    assert.equal(await count(both, split), 0);
  });

  for (const [name, query] of Object.entries(QUERIES)) {
    await t.step(`${name}: the same answer`, async () => {
      const wanted = await one.query(query);
      assert(wanted.length > 0);
      assert.deepEqual(await both.query(query), wanted);
      // The reader's rights reach every shard.
      assert.deepEqual(await asWeb.query(query), wanted);
      // Any shard answers for all rows; what exists once is on the first.
      if (/ja4_catalog|window_facts/.test(query.text)) return;
      assert.deepEqual(await other.query(query), wanted);
    });
  }

  await t.step("the detector finds the same", async () => {
    const [last] = await one.query<{ us: number }>(
      sql`SELECT toFloat64(toUnixTimestamp64Micro(max(ts))) AS us FROM http_events`,
    );
    const now = last?.us as UnixMicros;
    const findings = (database: Database): Promise<unknown[]> =>
      database.query(sql`
        SELECT toString(src_ip) AS ip, toString(ja4) AS ja4, http_host, severity, title
        FROM detections FINAL ORDER BY ALL`);
    const scored = [];
    for (const database of [one, both]) {
      const options = detectorOptions(v.parse(schema, {}));
      const { windows } = await new Detector(database, options).cycle(now);
      scored.push({ windows, found: await findings(database) });
    }
    assert((scored[0]?.windows ?? 0) > 0);
    assert((scored[0]?.found.length ?? 0) > 0);
    assert.deepEqual(scored[1], scored[0]);
  });

  await t.step(
    "what the reader may not see, it may not see there",
    async () => {
      await assert.rejects(
        asWeb.query(sql`SELECT password_hash FROM app_users`),
        /privileges/,
      );
    },
  );

  await t.step("the pages of the dashboard are drawn", async () => {
    await using web = await startWeb(first);
    const [address] = await both.query<{ ip: string; ja4: string }>(
      sql`SELECT toString(src_ip) AS ip, toString(ja4) AS ja4 FROM http_events WHERE http_events.ja4 != '' LIMIT 1`,
    );
    const range = `from=${EVENTS_DAY}T00:00:00Z&to=${EVENTS_DAY}T23:59:59Z`;
    for (
      const path of [
        "/",
        "/detections",
        "/health",
        `/ip/${address?.ip.replace("::ffff:", "")}`,
        `/ja4/${address?.ja4}`,
      ]
    ) {
      const { status, html } = await web.page(`${path}?${range}`, "viewer");
      assert.equal(status, 200, path);
      assert.doesNotMatch(html, /panel-error/, path);
    }
  });

  await t.step(
    "a shard that is away is an error, never half an answer",
    async () => {
      await second.kill();
      await assert.rejects(count(both, sql`http_events`));
      const events = (await correlatedEvents(2 * EVENTS)).slice(-1000);
      const columns = httpEventColumns(events);
      const send = (): Promise<void> =>
        both.insert("http_events", columns, events.length, { token: "again" });
      await assert.rejects(send());
      await second.restart();
      // In doubt it is sent again with its token: the shard that had its part stores nothing twice.
      await send();
      const ids = sql`(SELECT DISTINCT event_id FROM http_events)`;
      assert.equal(
        await count(both, sql`http_events`),
        await count(one, sql`http_events`) + events.length,
      );
      assert.equal(await count(both, ids), await count(both, sql`http_events`));
    },
  );
});

async function count(database: Database, from: Sql): Promise<number> {
  const [row] = await database.query<{ n: number }>(
    sql`SELECT toUInt32(count()) AS n FROM ${from}`,
  );
  return row?.n ?? 0;
}
