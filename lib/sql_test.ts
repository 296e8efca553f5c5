import assert from "node:assert/strict";
import { InvariantError } from "./invariant.ts";
import { identifier, type Sql, sql, typed } from "./sql.ts";

function check(
  statement: Sql,
  text: string,
  params: Record<string, unknown>,
): void {
  assert.equal(statement.text, text);
  assert.deepEqual(statement.params, params);
}

Deno.test("sql binds each value with its type", () => {
  const day = new Date(0);
  check(
    sql`a = ${"x"} b = ${1} c = ${1.5} d = ${true} e = ${day} f = ${2n}`,
    "a = {p0:String} b = {p1:Int64} c = {p2:Float64} d = {p3:Bool} e = {p4:DateTime64(6, 'UTC')} f = {p5:Int64}",
    {
      p0: "x",
      p1: 1,
      p2: 1.5,
      p3: true,
      p4: "1970-01-01 00:00:00.000",
      p5: 2n,
    },
  );
});

Deno.test.each([
  { name: "strings", value: ["a"], type: "Array(String)" },
  { name: "integers", value: [1, 2], type: "Array(Int64)" },
  { name: "numbers of both kinds", value: [1, 2.5], type: "Array(Float64)" },
  { name: "nothing", value: [], type: "Array(String)" },
  { name: "arrays", value: [["a"], ["b"]], type: "Array(Array(String))" },
])("sql binds an array of $name", ({ value, type }) => {
  check(sql`x IN ${value}`, `x IN {p0:${type}}`, { p0: value });
});

Deno.test("sql nests fragments and numbers their values anew", () => {
  const where = sql.join([sql`a = ${1}`, sql`b = ${2}`], " AND ");
  check(
    sql`SELECT ${0} WHERE ${where} LIMIT ${3}`,
    "SELECT {p0:Int64} WHERE a = {p1:Int64} AND b = {p2:Int64} LIMIT {p3:Int64}",
    { p0: 0, p1: 1, p2: 2, p3: 3 },
  );
  check(sql.join([], ", "), "", {});
});

Deno.test("sql never puts a value into the text", () => {
  const hostile = "'; DROP TABLE http_events; --{p0:String}";
  assert.equal(sql`x = ${hostile}`.text, "x = {p0:String}");
});

Deno.test("typed() takes types and nothing else", () => {
  check(sql`${typed("::1", "IPv6")}`, "{p0:IPv6}", { p0: "::1" });
  check(
    sql`${typed(["a"], "Array(LowCardinality(String))")}`,
    "{p0:Array(LowCardinality(String))}",
    { p0: ["a"] },
  );
  for (const type of ["IPv6} OR {x:String", "", "String;", "a b"]) {
    assert.throws(() => typed("x", type), InvariantError);
  }
});

Deno.test("identifier() takes what is allowed and nothing else", () => {
  check(sql`ORDER BY ${identifier("ts", ["ts", "score"])}`, "ORDER BY ts", {});
  assert.throws(() => identifier("ts DESC", ["ts"]), InvariantError);
  assert.throws(() => identifier("a-b", ["a-b"]), InvariantError);
});

Deno.test("sql refuses what has no type", () => {
  assert.throws(() => sql`${["a", 1]}`, InvariantError);
  assert.throws(() => sql`${undefined as unknown as string}`, InvariantError);
});
