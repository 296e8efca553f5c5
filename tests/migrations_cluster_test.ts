// The migrations as a cluster gets them: pinned word for word, and valid SQL. tests/store_shards_test.ts runs
// the sharded half of them on two servers; Keeper, which replicas need, the embedded server has not.
import assert from "node:assert/strict";
import { sql } from "../lib/sql.ts";
import { ledgerSettings } from "../store/ledger.ts";
import {
  type Placeholders,
  readMigrations,
  statementsOf,
} from "../store/migration_files.ts";
import { startStore } from "./support/store.ts";

const GOLDEN = new URL("./golden/cluster/", import.meta.url);
const UPDATE = Deno.env.get("JA4_TEST_UPDATE") === "1";
const migrations = await readMigrations();

const CLUSTER: Placeholders = {
  database: "ja4",
  cluster: "main",
  rawDays: 30,
  hotDays: 7,
  aggregateDays: 400,
  auditDays: 1095,
  username: "ja4",
  password: "a secret",
};

Deno.test.each(migrations)(
  "the statements of migration $version for a cluster are those of tests/golden/cluster",
  async ({ version, name, up, down }) => {
    const file = new URL(
      `${String(version).padStart(4, "0")}_${name}.sql`,
      GOLDEN,
    );
    const text = [up, "-- down", down].map((part) =>
      part === "-- down"
        ? part
        : statementsOf(part, CLUSTER).map((statement) => `${statement};\n`)
          .join("\n")
    ).join("\n");
    if (UPDATE) await Deno.writeTextFile(file, text);
    // JA4_TEST_UPDATE=1 writes what is said now; the commit shows what has changed.
    assert.equal(text, await Deno.readTextFile(file));
  },
);

Deno.test("on a cluster every definition goes to all servers and every table is replicated", () => {
  for (const { up, down } of migrations) {
    for (const text of [up, down]) {
      for (const statement of statementsOf(text, CLUSTER)) {
        assert.match(statement, /ON CLUSTER 'main'/, statement);
        if (!statement.startsWith("CREATE TABLE")) continue;
        assert.match(statement, /ENGINE = (Replicated|Distributed)/, statement);
      }
    }
  }
});

Deno.test("the ledger of a cluster is read and written by quorum", () => {
  const [onReplicas, alone] = [true, false].map(ledgerSettings);
  assert.deepEqual(onReplicas, {
    read: { select_sequential_consistency: 1 },
    write: { insert_quorum: "auto", insert_quorum_parallel: 0 },
  });
  assert.deepEqual(alone, { read: {}, write: {} });
});

Deno.test("the statements for a cluster are valid SQL", async () => {
  await using store = await startStore({ migrate: false });
  await using database = await store.database("ja4", "system");
  for (const { up, down } of migrations) {
    for (const text of [up, down]) {
      for (const statement of statementsOf(text, CLUSTER)) {
        await database.command(sql`EXPLAIN AST ${sql.trusted(statement)}`);
      }
    }
  }
});
