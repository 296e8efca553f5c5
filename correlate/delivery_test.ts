import assert from "node:assert/strict";
import { DatabaseError } from "../lib/clickhouse.ts";
import type { Logger } from "../lib/log.ts";
import type { Column } from "../lib/native_format.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { toCorrelated } from "./correlated.ts";
import { DeadLetters } from "./dead_letter.ts";
import { Delivery } from "./delivery.ts";
import { EventIds } from "./event_id.ts";
import { helloOf } from "./hello.ts";
import { openSpool, type Spool } from "./spool.ts";
import { at, handshake, request } from "./testing.ts";

const POISON = "/poison";
const silent = { warn() {}, error() {}, info() {} } as unknown as Logger;

/** What the database does with one insert into http_events; `store` by default. */
type Answer =
  | "store"
  | "refuse"
  | "lose_answer"
  | "token_without_rows"
  | "schema";

/** Stands in for ClickHouse: keeps rows by token, refuses what the script says. */
class FakeDatabase {
  readonly ids: string[] = [];
  readonly tokens = new Set<string>();
  readonly inserts: { table: string; token: string; rows: number }[] = [];
  readonly script: Answer[] = [];
  rowsMax = Infinity;

  insert(
    table: string,
    columns: readonly Column[],
    rows: number,
    { token = "" }: { token?: string } = {},
  ): Promise<void> {
    this.inserts.push({ table, token, rows });
    if (table !== "http_events") return Promise.resolve();
    const answer = this.script.shift() ?? "store";
    if (answer === "refuse") return fail("retry", undefined);
    if (answer === "schema") return fail("reject", 16);
    if (rows > this.rowsMax) return fail("reject", 241);
    const paths = columnOf(columns, "url_path") as string[];
    if (paths.includes(POISON)) return fail("reject", 117);
    if (!this.tokens.has(token)) {
      this.tokens.add(token);
      if (answer !== "token_without_rows") {
        this.ids.push(...idsOf(columns, rows));
      }
    }
    return answer === "store" ? Promise.resolve() : fail("in_doubt", undefined);
  }

  insertRows(): Promise<void> {
    return Promise.resolve();
  }

  query<Row>(): Promise<Row[]> {
    return Promise.resolve(this.ids.map((id) => ({ id }) as Row));
  }
}

function fail(
  retry: "retry" | "reject" | "in_doubt",
  code: number | undefined,
): Promise<never> {
  return Promise.reject(new DatabaseError("scripted", code, retry));
}

function columnOf(columns: readonly Column[], name: string): unknown {
  return columns.find((column) => column.name === name)?.data;
}

function idsOf(columns: readonly Column[], rows: number): string[] {
  const bytes = columnOf(columns, "event_id") as Uint8Array;
  return Array.from({ length: rows }, (_, row) => {
    const hex = bytes.subarray(row * 16, row * 16 + 16).toHex();
    return [0, 8, 12, 16, 20, 32].slice(1).map((end, i) =>
      hex.slice([0, 8, 12, 16, 20][i], end)
    ).join("-");
  });
}

/** Fills a spool with one batch of these paths, delivers it, and returns what is where. */
async function deliver(
  paths: readonly string[],
  script: readonly Answer[],
  tsOf: (index: number) => number = (index) => at(index),
  rowsMax = Infinity,
): Promise<
  {
    database: FakeDatabase;
    delivery: Delivery;
    dead: string[];
    wanted: string[];
  }
> {
  await using folder = await temporaryFolder();
  using spool: Spool = openSpool({
    dir: folder.path,
    segmentBytes: 2 ** 20,
    bytesMax: 2 ** 26,
    whenFull: "drop_oldest",
    memoryBytesMax: 2 ** 20,
    nowS: 1000,
  });
  const ids = new EventIds(1, spool.epoch);
  const wanted: string[] = [];
  for (const [index, url_path] of paths.entries()) {
    const id = ids.of(spool.nextSeq);
    wanted.push(id);
    const event = toCorrelated({
      match: "conn",
      request: request({ url_path, ts: tsOf(index) }),
      handshake: helloOf(handshake()),
    }, id);
    spool.append(JSON.stringify(event));
    if (index % 1000 === 999) spool.flush();
  }
  spool.flush();
  spool.seal();
  const database = new FakeDatabase();
  database.script.push(...script);
  database.rowsMax = rowsMax;
  const controller = new AbortController();
  const delivery = new Delivery({
    spool,
    database: database as unknown as ConstructorParameters<
      typeof Delivery
    >[0]["database"],
    deadLetters: new DeadLetters(folder.path, {
      bytesMax: 2 ** 20,
      now: () => at(0),
    }),
    log: silent,
    instance: "test",
    inFlight: 2,
    retryMaxMs: 2,
    retryMinMs: 1,
    random: () => 0.5,
  });
  const running = delivery.run(controller.signal);
  while (spool.hasBatch) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort();
  await running;
  const dead = await Deno.readTextFile(`${folder.path}/dead-letter.ndjson`)
    .then((text) => text.trim().split("\n"), () => []);
  return { database, delivery, dead, wanted };
}

const FIVE = ["/1", "/2", "/3", "/4", "/5"];

Deno.test.each<{ name: string; script: Answer[]; inserts: number }>([
  { name: "at once", script: [], inserts: 1 },
  {
    name: "after refusals",
    script: ["refuse", "refuse", "refuse"],
    inserts: 4,
  },
  { name: "after a lost answer", script: ["lose_answer"], inserts: 2 },
  {
    name: "after two lost answers and a refusal",
    script: ["lose_answer", "refuse", "lose_answer"],
    inserts: 4,
  },
  {
    name: "when the token was kept and the rows were not",
    script: ["token_without_rows"],
    inserts: 3,
  },
  {
    name: "after a migration that was missing",
    script: ["schema", "schema"],
    inserts: 3,
  },
])("Delivery stores each row once: $name", async ({ script, inserts }) => {
  const { database, delivery, dead, wanted } = await deliver(FIVE, script);
  assert.deepEqual(database.ids, wanted);
  assert.equal(
    database.inserts.filter(({ table }) => table === "http_events").length,
    inserts,
  );
  assert.equal(delivery.counts.rows, 5);
  assert.equal(delivery.fault, undefined);
  assert.deepEqual(dead, []);
});

Deno.test.each<{ rows: number; poison: number[] }>([
  { rows: 1, poison: [0] },
  { rows: 2, poison: [0] },
  { rows: 2, poison: [1] },
  { rows: 2, poison: [0, 1] },
  { rows: 5, poison: [4, 0] },
  { rows: 1000, poison: [700] },
  { rows: 1000, poison: [0, 499, 500, 999] },
  { rows: 10_000, poison: [0] },
  { rows: 10_000, poison: [6_283] },
  { rows: 10_000, poison: [9_999] },
])(
  "Delivery sets $poison of $rows rows aside and stores their neighbours",
  async ({ rows, poison }) => {
    const paths = Array.from(
      { length: rows },
      (_, n) => poison.includes(n) ? POISON : `/${n}`,
    );
    const { database, delivery, dead, wanted } = await deliver(
      paths,
      [],
      () => at(0),
    );
    assert.deepEqual(
      database.ids.toSorted(),
      wanted.filter((_, n) => !poison.includes(n)),
    );
    assert.equal(delivery.counts.dead, poison.length);
    assert.equal(dead.length, poison.length);
    assert.ok(dead.every((line) => line.includes(POISON)));
    const inserts = database.inserts.filter(({ table }) =>
      table === "http_events"
    );
    const most = (Math.ceil(Math.log2(rows)) + 3) * poison.length;
    assert.ok(inserts.length <= most, `${inserts.length} inserts`);
    const tokens = inserts.map(({ token }) => token);
    assert.equal(
      new Set(tokens).size,
      tokens.length,
      "no token means two sets of rows",
    );
  },
);

Deno.test("Delivery keeps rows that are refused together and taken alone", async () => {
  // As by a limit of the server on the size of an insert.
  const paths = Array.from({ length: 64 }, (_, n) => `/${n}`);
  const { database, dead, wanted } = await deliver(paths, [], (n) => at(n), 16);
  assert.deepEqual(database.ids.toSorted(), wanted);
  assert.deepEqual(dead, []);
});

Deno.test("Delivery inserts the rows of each day by themselves", async () => {
  const { database } = await deliver(FIVE, [], (n) => at(n * 12 * 3_600_000));
  const events = database.inserts.filter(({ table }) =>
    table === "http_events"
  );
  assert.equal(events.reduce((sum, { rows }) => sum + rows, 0), 5);
  assert.equal(new Set(events.map(({ token }) => token)).size, 3);
});

Deno.test("Delivery writes the lists of a JA4 once", async () => {
  const { database } = await deliver(FIVE, []);
  const catalogue = database.inserts.filter(({ table }) =>
    table === "ja4_catalog"
  );
  assert.deepEqual(catalogue.map(({ rows }) => rows), [1]);
});
