import assert from "node:assert/strict";
import { FatalError } from "../lib/errors.ts";
import { temporaryFolder } from "../lib/testing.ts";
import {
  type Placeholders,
  readMigrations,
  statementsOf,
} from "./migration_files.ts";

const single: Placeholders = {
  database: "ja4",
  rawDays: 30,
  aggregateDays: 400,
  auditDays: 1095,
  username: "ja4",
  password: "it's \\ secret",
};

function check(text: string, want: string, values = single): void {
  assert.deepEqual(statementsOf(text, values), [want]);
}

Deno.test("statementsOf() fills in a single server", () => {
  check("DROP TABLE {{db}}.t {{on_cluster}} SYNC", "DROP TABLE ja4.t  SYNC");
  check(
    "E = {{replicated:ReplacingMergeTree(rev, deleted)}}",
    "E = ReplacingMergeTree(rev, deleted)",
  );
  check("E = {{replicated_global:MergeTree}}", "E = MergeTree");
  check("{{raw_days}} {{agg_days}} {{audit_days}}", "30 400 1095");
});

Deno.test("statementsOf() fills in a cluster", () => {
  const cluster = { ...single, cluster: "main" };
  check(
    "DROP TABLE {{db}}.t {{on_cluster}}",
    "DROP TABLE ja4.t ON CLUSTER 'main'",
    cluster,
  );
  check(
    "E = {{replicated:ReplacingMergeTree(rev, deleted)}}",
    "E = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', rev, deleted)",
    cluster,
  );
  check(
    "E = {{replicated_global:MergeTree}}",
    "E = ReplicatedMergeTree('/clickhouse/tables/global/{database}/{table}', '{replica}')",
    cluster,
  );
});

Deno.test("statementsOf() quotes the password of dictionaries", () => {
  check(
    "S({{dict_auth}})",
    String.raw`S( USER 'ja4' PASSWORD 'it\'s \\ secret')`,
  );
});

Deno.test("statementsOf() refuses a placeholder it does not know", () => {
  assert.throws(
    () => statementsOf("SELECT {{datbase}}", single),
    (thrown) =>
      thrown instanceof FatalError && /{{datbase}}/.test(thrown.message),
  );
});

Deno.test("readMigrations() reads all of this project, numbered without a gap", async () => {
  const migrations = await readMigrations();
  assert.equal(migrations.at(-1)?.version, migrations.length);
  for (const { name, up, down, verify, checksum } of migrations) {
    for (const text of [up, down, verify]) {
      assert(
        statementsOf(text, single).length > 0,
        `${name} has an empty file`,
      );
    }
    assert.match(checksum, /^[0-9a-f]{64}$/);
  }
});

async function folderOf(
  ...names: string[]
): Promise<{ url: URL } & AsyncDisposable> {
  const folder = await temporaryFolder();
  for (const name of names) {
    await Deno.mkdir(`${folder.path}/${name}`);
    for (const part of ["up", "down", "verify"]) {
      await Deno.writeTextFile(`${folder.path}/${name}/${part}.sql`, part);
    }
  }
  return {
    url: new URL(`file://${folder.path}/`),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

Deno.test("readMigrations() refuses a gap and a folder without a file", async () => {
  await using gap = await folderOf("0001_a", "0003_c");
  await assert.rejects(readMigrations(gap.url), /expected number 2, found 3/);
  await using lacking = await folderOf("0001_a");
  await Deno.remove(new URL("0001_a/verify.sql", lacking.url));
  await assert.rejects(
    readMigrations(lacking.url),
    (thrown) => thrown instanceof FatalError && thrown.exit === "noInput",
  );
});

Deno.test("readMigrations() tells any change by the checksum", async () => {
  await using folder = await folderOf("0001_a");
  const [before] = await readMigrations(folder.url);
  for (const part of ["up", "down", "verify"]) {
    const file = new URL(`0001_a/${part}.sql`, folder.url);
    await Deno.writeTextFile(file, `${part} `);
    const [after] = await readMigrations(folder.url);
    assert.notEqual(after?.checksum, before?.checksum);
    await Deno.writeTextFile(file, part);
  }
});
