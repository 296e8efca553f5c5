import assert from "node:assert/strict";
import { type Database, DatabaseError, type Retry } from "../lib/clickhouse.ts";
import { eventually } from "../lib/testing.ts";
import { Journal, journalEntriesMax, type JournalEntry } from "./journal.ts";

/** A database that fails as told, then takes what it is given. */
class FakeDatabase {
  readonly failures: Retry[] = [];
  readonly tries: { rows: readonly JournalEntry[]; token: string }[] = [];
  insertRows(
    table: string,
    rows: readonly JournalEntry[],
    { token }: { token: string },
  ): Promise<void> {
    assert.equal(table, "pipeline_events");
    this.tries.push({ rows, token });
    const failure = this.failures.shift();
    return failure === undefined
      ? Promise.resolve()
      : Promise.reject(new DatabaseError("no", undefined, failure));
  }
  as(): Database {
    return this as unknown as Database;
  }
}

Deno.test("Journal keeps entries until there is a database", async () => {
  await using journal = new Journal();
  journal.add("store", "started", "Process 1");
  journal.add("store", "ready", "After 0.1 s");
  assert.equal(journal.waiting, 2);
  const database = new FakeDatabase();
  journal.connect(database.as());
  await eventually("the rows", () => journal.waiting === 0);
  assert.deepEqual(
    database.tries[0]?.rows.map(({ event, detail }) => [event, detail]),
    [["started", "Process 1"], ["ready", "After 0.1 s"]],
  );
});

Deno.test("Journal repeats a write in doubt with the same rows and token, later entries apart", async () => {
  await using journal = new Journal();
  const database = new FakeDatabase();
  database.failures.push("in_doubt");
  journal.connect(database.as());
  journal.add("store", "killed", "By SIGKILL");
  await eventually("the first try", () => database.tries.length === 1);
  journal.add("store", "restarted", "Process 2");
  await eventually("all rows", () => journal.waiting === 0);
  const [first, second, third] = database.tries;
  assert.deepEqual(first, second);
  assert.equal(third?.rows[0]?.event, "restarted");
});

Deno.test("Journal drops what the database refuses for good", async () => {
  await using journal = new Journal();
  const database = new FakeDatabase();
  database.failures.push("reject");
  journal.connect(database.as());
  journal.add("store", "exited", "Exit code 1");
  await eventually("the end", () => journal.waiting === 0);
  assert.equal(database.tries.length, 1);
});

Deno.test("Journal is bounded, and says what it lost", async () => {
  await using journal = new Journal();
  for (let index = 0; index < journalEntriesMax + 3; index++) {
    journal.add("web", "exited", String(index));
  }
  const database = new FakeDatabase();
  journal.connect(database.as());
  await journal.flush(1000);
  const rows = database.tries[0]?.rows ?? [];
  assert.equal(rows.length, journalEntriesMax + 1);
  assert.match(rows[0]?.detail ?? "", /^3 earlier entries were lost/);
  assert.equal(rows[1]?.detail, "3");
});
