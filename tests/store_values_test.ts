// Values on their way to the embedded server and back: bound parameters, and blocks of the Native format.
import assert from "node:assert/strict";
import type { Column } from "../lib/clickhouse.ts";
import { sql, typed } from "../lib/sql.ts";
import { startStore } from "./support/store.ts";

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
