// A server killed in the middle of an insert leaves tables that disagree. The kill is played by
// deleting what such a server would not have stored; everything else is real.
import assert from "node:assert/strict";
import { AGGREGATES } from "../correlate/aggregates.ts";
import { toCorrelated } from "../correlate/correlated.ts";
import { DeadLetters } from "../correlate/dead_letter.ts";
import { Delivery } from "../correlate/delivery.ts";
import { EventIds } from "../correlate/event_id.ts";
import { helloOf } from "../correlate/hello.ts";
import { openSpool } from "../correlate/spool.ts";
import { handshake, request } from "../correlate/testing.ts";
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import type { Logger } from "../lib/log.ts";
import { type Sql, sql } from "../lib/sql.ts";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import { startStore } from "./support/store.ts";

const silent = { warn() {}, error() {}, info() {} } as unknown as Logger;
const ROWS = 60;

/** Delivers {@linkcode ROWS} rows in one batch; the first answer for them is lost, after `fault` has struck. */
async function deliver(
  db: Database,
  fault: readonly Sql[],
): Promise<Delivery> {
  await using folder = await temporaryFolder();
  using spool = openSpool({
    dir: folder.path,
    segmentBytes: 2 ** 20,
    bytesMax: 2 ** 24,
    whenFull: "drop_oldest",
    memoryBytesMax: 2 ** 20,
    nowS: Math.floor(Date.now() / 1000),
  });
  const ids = new EventIds(1, spool.epoch);
  for (let n = 0; n < ROWS; n++) {
    // Over several minutes and two windows of five.
    const ts = (Date.now() - n * 5000) * 1000;
    const event = toCorrelated({
      ...{ match: "conn", request: request({ ts, url_path: `/${n}` }) },
      handshake: helloOf(handshake({ ts })),
    }, ids.of(spool.nextSeq));
    spool.append(JSON.stringify(event));
  }
  spool.flush();
  spool.seal();
  let lost = false;
  const insert: Database["insert"] = async (table, columns, rows, options) => {
    await db.insert(table, columns, rows, options);
    if (table !== "http_events" || lost) return;
    lost = true;
    for (const statement of fault) {
      await db.command(statement, { settings: { mutations_sync: "2" } });
    }
    throw new DatabaseError("The answer was lost", undefined, "in_doubt");
  };
  const controller = new AbortController();
  const delivery = new Delivery({
    spool,
    database: {
      insert,
      insertRows: db.insertRows.bind(db),
      query: db.query.bind(db),
      command: db.command.bind(db),
    },
    deadLetters: new DeadLetters(folder.path, {
      bytesMax: 2 ** 20,
      now: () => 0,
    }),
    log: silent,
    instance: "test",
    inFlight: 2,
    retryMaxMs: 20,
    retryMinMs: 10,
    random: () => 0.5,
  });
  const running = delivery.run(controller.signal);
  await eventually("the delivery", () => !spool.hasBatch);
  controller.abort();
  await running;
  return delivery;
}

/** Rows of http_events, and the sums of each aggregate. */
async function counts(db: Database): Promise<Record<string, number>> {
  const [found] = await db.query<Record<string, number>>(
    sql`SELECT (SELECT toFloat64(count()) FROM http_events) AS rows,
      (SELECT toFloat64(uniqExact(event_id)) FROM http_events) AS ids,
      (SELECT toFloat64(sum(requests)) FROM entity_5m) AS entities,
      (SELECT toFloat64(sum(events)) FROM requests_1m) AS minutes,
      (SELECT toFloat64(sum(events)) FROM clients_1h) AS clients`,
  );
  assert.ok(found);
  return found;
}

Deno.test("correlate: aggregates agree with their rows after any insert in doubt", async (t) => {
  await using store = await startStore();
  await using db = await store.database("ja4");

  await t.step("every view of http_events is known", async () => {
    const views = await db.query<{ name: string }>(
      sql`SELECT name FROM system.tables WHERE database = currentDatabase()
        AND engine = 'MaterializedView' AND as_select LIKE '%http_events%' ORDER BY name`,
    );
    assert.deepEqual(
      views.map(({ name }) => name),
      AGGREGATES.map(({ view }) => view).toSorted(),
    );
  });

  const all = sql.trusted("ALTER TABLE http_events DELETE WHERE 1");
  const cases: { name: string; fault: Sql[]; repaired: number }[] = [
    { name: "all is stored", fault: [], repaired: 0 },
    {
      name: "the rows are missing, the aggregates have them",
      fault: [all],
      repaired: ROWS,
    },
    {
      name: "an aggregate is missing, the rows are there",
      fault: [sql.trusted("ALTER TABLE requests_1m DELETE WHERE 1")],
      repaired: 0,
    },
    {
      name: "some aggregates and the rows are missing",
      fault: [all, sql.trusted("ALTER TABLE entity_5m DELETE WHERE 1")],
      repaired: ROWS,
    },
  ];
  for (const { name, fault, repaired } of cases) {
    await t.step(name, async () => {
      for (
        const table of ["http_events", "entity_5m", "requests_1m", "clients_1h"]
      ) await db.command(sql.trusted(`TRUNCATE TABLE ${table}`));
      const delivery = await deliver(db, fault);
      assert.deepEqual(await counts(db), {
        ...{ rows: ROWS, ids: ROWS, entities: ROWS },
        ...{ minutes: ROWS, clients: ROWS },
      });
      assert.equal(delivery.counts.repaired, repaired);
      assert.equal(delivery.counts.windowsRebuilt > 0, fault.length > 0);
      assert.equal(delivery.fault, undefined);
    });
  }
});
