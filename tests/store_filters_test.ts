// Hostile values, each bound by lib/sql.ts in every kind of filter that the programs use: the server finds the rows
// that JavaScript finds, and never has an error to tell. JA4_TEST_VALUES sets how many; "deno task test:store" takes 10,000.
import assert from "node:assert/strict";
import type { Database } from "../lib/clickhouse.ts";
import { ipFromBytes } from "../lib/ip.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { startStore } from "./support/store.ts";

const VALUES = Number(Deno.env.get("JA4_TEST_VALUES") ?? 500);
/** Values asked in one statement, in all filters. */
const AT_ONCE = 10;
const ROWS = 150;

/** What text is made of: what SQL, URLs, TSV, LIKE, the binding itself and terminals read as their own. */
const PIECES = [
  ..."'\"`\\;%_*?(){}[]<>&=+-/#$@!|^~,. ",
  "\0",
  "\t",
  "\n",
  "\r",
  "\b",
  "\x1b[31m",
  "\x7f",
  "\u0085",
  "\u2028",
  "\u202e",
  "\ufeff",
  "\ufffd",
  "--",
  "/*",
  "*/",
  "''",
  "\\'",
  "\\\\",
  "\\N",
  "\\x00",
  "%27",
  "%00",
  "%",
  "{p0:String}",
  "{p1:UInt8}",
  "$$",
  "{{db}}",
  "NULL",
  "nan",
  "inf",
  "true",
  "' OR 1=1 --",
  "'; DROP TABLE ja4.t; --",
  "SELECT",
  "UNION ALL",
  "FORMAT JSON",
  "\n\nDROP",
  "é",
  "ß",
  "İ",
  "Ω",
  "中",
  "😀",
  "a\u0301",
  "\ud800",
  "\udc00",
  "a",
  "A",
  "b",
  "0",
  "1",
  "x".repeat(50),
];

/** Mulberry32: small, seeded, good enough to choose with. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

const next = random(7);
function pick<T>(from: readonly T[]): T {
  return from[Math.floor(next() * from.length)] as T;
}

/** Empty to a dozen pieces; one in a thousand is longer than a URL may be. */
function hostileText(): string {
  const length = next() < 0.001 ? 20_000 : Math.floor(next() ** 2 * 12);
  let text = "";
  for (let i = 0; i < length; i++) text += pick(PIECES);
  return text;
}

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  -0.5,
  1e-300,
  1e300,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  Infinity,
  -Infinity,
  NaN,
];
function hostileNumber(): number {
  return next() < 0.3
    ? pick(NUMBERS)
    : next() < 0.5
    ? Math.floor((next() - 0.5) * 2000)
    : (next() - 0.5) * 10 ** Math.floor(next() * 30);
}

/** Milliseconds since the epoch, from 1900 to 2299: what DateTime64 holds. */
function hostileTime(): number {
  return next() < 0.2
    ? pick([0, 1, -1, -2208988800000, 10413791999999])
    : Math.floor((next() - 0.2) * 10 ** 13);
}

function hostileIp(): Uint8Array {
  const bytes = Uint8Array.from({ length: 16 }, () => Math.floor(next() * 256));
  if (next() < 0.5) bytes.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]);
  if (next() < 0.1) bytes.fill(pick([0, 255]));
  return bytes;
}

interface Row {
  readonly id: number;
  readonly text: string;
  readonly list: readonly string[];
  readonly number: number;
  readonly time: number;
  readonly ip: Uint8Array;
}

interface Value extends Omit<Row, "id"> {
  readonly texts: readonly string[];
}

/** A kind of filter: as SQL, and as what it means. */
interface Filter {
  readonly name: string;
  sql(value: Value): Sql;
  holds(row: Row, value: Value): boolean;
}

/** `LIKE` with nothing special in it but our two ends, as the Explorer's compiler writes patterns. */
function pattern(text: string): string {
  return `%${text.replaceAll(/[%_\\]/g, "\\$&")}%`;
}

/** What arrives of a text: halves of characters cannot be sent. */
function sent(text: string): string {
  return text.toWellFormed();
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < 16; i++) {
    if (a[i] !== b[i]) return (a[i] ?? 0) - (b[i] ?? 0);
  }
  return 0;
}

const FILTERS: readonly Filter[] = [
  {
    name: "=",
    sql: ({ text }) => sql`text = ${text}`,
    holds: (row, { text }) => row.text === sent(text),
  },
  {
    name: "low cardinality =",
    sql: ({ text }) => sql`lc = ${text}`,
    holds: (row, { text }) => row.text === sent(text),
  },
  {
    name: "!=",
    sql: ({ text }) => sql`text != ${text}`,
    holds: (row, { text }) => row.text !== sent(text),
  },
  {
    name: "IN",
    sql: ({ texts }) => sql`text IN ${texts}`,
    holds: (row, { texts }) => texts.some((text) => sent(text) === row.text),
  },
  {
    name: "NOT IN",
    sql: ({ texts }) => sql`lc NOT IN ${texts}`,
    holds: (row, { texts }) => !texts.some((text) => sent(text) === row.text),
  },
  {
    name: "startsWith",
    sql: ({ text }) => sql`startsWith(text, ${text})`,
    holds: (row, { text }) => row.text.startsWith(sent(text)),
  },
  {
    name: "endsWith",
    sql: ({ text }) => sql`endsWith(text, ${text})`,
    holds: (row, { text }) => row.text.endsWith(sent(text)),
  },
  {
    name: "contains",
    sql: ({ text }) => sql`position(text, ${text}) > 0`,
    holds: (row, { text }) => row.text.includes(sent(text)),
  },
  {
    name: "LIKE",
    sql: ({ text }) => sql`text LIKE ${pattern(text)}`,
    holds: (row, { text }) => row.text.includes(sent(text)),
  },
  {
    name: "contains, any case",
    // Which letters are one beyond ASCII is a matter of tables; that nothing fails is checked for all.
    sql: ({ text }) =>
      sql`isValidASCII(text) AND ${
        isAscii(text)
      } AND positionCaseInsensitiveUTF8(text, ${text}) > 0`,
    holds: (row, { text }) =>
      isAscii(row.text) && isAscii(text) &&
      row.text.toLowerCase().includes(text.toLowerCase()),
  },
  {
    name: "has",
    sql: ({ text }) => sql`has(list, ${text})`,
    holds: (row, { text }) => row.list.includes(sent(text)),
  },
  {
    name: "hasAny",
    sql: ({ texts }) => sql`hasAny(list, ${texts})`,
    holds: (row, { texts }) =>
      texts.some((text) => row.list.includes(sent(text))),
  },
  {
    name: ">=",
    sql: ({ number }) => sql`number >= ${number}`,
    holds: (row, { number }) => row.number >= number,
  },
  {
    name: "number =",
    sql: ({ number }) => sql`number = ${number}`,
    holds: (row, { number }) => row.number === number,
  },
  {
    name: "number IN",
    sql: ({ number }) => sql`number IN ${[number, 1, 2.5]}`,
    // A set knows numbers by their bits: no number is itself in it, and -0 is not 0, which is how -0 is sent.
    holds: (row, { number }) =>
      [number === 0 ? 0 : number, 1, 2.5].some((one) =>
        Object.is(one, row.number)
      ),
  },
  {
    name: "time <",
    sql: ({ time }) => sql`time < ${new Date(time)}`,
    holds: (row, { time }) => row.time < time,
  },
  {
    name: "time =",
    sql: ({ time }) => sql`time = ${new Date(time)}`,
    holds: (row, { time }) => row.time === time,
  },
  {
    name: "address =",
    sql: ({ ip }) => sql`ip = ${typed(ipFromBytes(ip), "IPv6")}`,
    holds: (row, { ip }) => compareBytes(row.ip, ip) === 0,
  },
  {
    name: "address BETWEEN",
    sql: ({ ip }) =>
      sql`ip BETWEEN ${typed(ipFromBytes(ip), "IPv6")} AND ${
        typed("ffff::", "IPv6")
      }`,
    holds: (row, { ip }) =>
      compareBytes(row.ip, ip) >= 0 &&
      compareBytes(row.ip, Uint8Array.of(255, 255, ...Array(14).fill(0))) <= 0,
  },
  {
    name: "boolean",
    sql: ({ text }) => sql`empty(text) = ${text === ""}`,
    holds: (row, { text }) => (row.text === "") === (text === ""),
  },
];

async function store(database: Database, rows: readonly Row[]): Promise<void> {
  await database.command(
    sql.trusted(
      `CREATE TABLE ja4.t (id UInt32, text String, lc LowCardinality(String),
    list Array(String), number Float64, time DateTime64(6, 'UTC'), ip IPv6) ENGINE = Memory`,
    ),
  );
  const ends: number[] = [];
  for (const { list } of rows) ends.push((ends.at(-1) ?? 0) + list.length);
  await database.insert("ja4.t", [
    { name: "id", type: "UInt32", data: rows.map(({ id }) => id) },
    { name: "text", type: "String", data: rows.map(({ text }) => text) },
    {
      name: "lc",
      type: "LowCardinality(String)",
      data: rows.map(({ text }) => text),
    },
    {
      name: "list",
      type: "Array(String)",
      data: { ends, values: rows.flatMap(({ list }) => list) },
    },
    { name: "number", type: "Float64", data: rows.map(({ number }) => number) },
    {
      name: "time",
      type: "DateTime64(6, 'UTC')",
      data: rows.map(({ time }) => time * 1000),
    },
    {
      name: "ip",
      type: "IPv6",
      data: Uint8Array.from(rows.flatMap(({ ip }) => [...ip])),
    },
  ], rows.length);
}

Deno.test(`${VALUES} hostile values in every filter find what they should`, async () => {
  await using server = await startStore({ migrate: false });
  await using database = await server.database("ja4", "system");
  await database.command(sql`CREATE DATABASE ja4`);
  const rows: Row[] = Array.from({ length: ROWS }, (_, id) => ({
    id: 2 ** (id % 20) + id,
    text: sent(hostileText()),
    list: Array.from(
      { length: Math.floor(next() * 3) },
      () => sent(hostileText()),
    ),
    number: hostileNumber(),
    time: hostileTime(),
    ip: hostileIp(),
  }));
  await store(database, rows);
  /** Half of the values are those of some row, whole or in part, so that filters find something. */
  const near = (): Value => {
    const row = pick(rows);
    const text = next() < 0.5
      ? hostileText()
      : next() < 0.5
      ? row.text
      : [...row.text].slice(Math.floor(next() * 3)).join("");
    return {
      text,
      texts: [text, pick(rows).text, hostileText()].slice(
        0,
        Math.floor(next() * 4),
      ),
      list: [],
      number: next() < 0.5 ? hostileNumber() : row.number,
      time: next() < 0.5 ? hostileTime() : row.time,
      ip: next() < 0.5 ? hostileIp() : row.ip,
    };
  };
  const found = new Map(FILTERS.map(({ name }) => [name, 0]));
  for (let done = 0; done < VALUES; done += AT_ONCE) {
    const values = Array.from({ length: AT_ONCE }, near);
    const sums = values.flatMap((value) =>
      FILTERS.map((filter) => sql`sumIf(id, ${filter.sql(value)})`)
    );
    const [answer] = await database.query<{ sums: number[] }>(
      sql`SELECT arrayMap(x -> toFloat64(x), [${
        sql.join(sums, ", ")
      }]) AS sums FROM ja4.t`,
      {
        settings: {
          max_query_size: 10_000_000,
          max_expanded_ast_elements: 5_000_000,
          max_ast_elements: 5_000_000,
          http_max_field_value_size: 10_000_000,
          max_threads: 1,
        },
      },
    );
    for (const [index, sum] of (answer?.sums ?? []).entries()) {
      const value = values[Math.floor(index / FILTERS.length)];
      const filter = FILTERS[index % FILTERS.length];
      if (value === undefined || filter === undefined) continue;
      const wanted = rows.reduce(
        (total, row) => filter.holds(row, value) ? total + row.id : total,
        0,
      );
      assert.equal(sum, wanted, `${filter.name} of ${JSON.stringify(value)}`);
      if (wanted > 0) found.set(filter.name, (found.get(filter.name) ?? 0) + 1);
    }
    assert.equal(answer?.sums.length, AT_ONCE * FILTERS.length);
  }
  for (const [name, times] of found) {
    assert(times > VALUES / 100, `${name} found something ${times} times only`);
  }
});
