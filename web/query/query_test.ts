import assert from "node:assert/strict";
import fc from "fast-check";
import { group, negate, type Query, type Term, type Value } from "./ast.ts";
import { compileQuery } from "./compile.ts";
import { FIELDS, opsOf } from "./fields.ts";
import { formatQuery } from "./format.ts";
import { literalSql } from "./literal.ts";
import { parseQuery } from "./parse.ts";

const RANGE = {
  from: new Date("2026-11-23T00:00:00Z"),
  to: new Date("2026-11-24T00:00:00Z"),
};
const NOW = { range: RANGE, nowMs: RANGE.to.getTime() };
const RUNS = Number(Deno.env.get("JA4_TEST_QUERIES") ?? 3000);

function parsed(text: string): Query {
  const result = parseQuery(text);
  assert.ok(result.ok, result.ok ? "" : `${text}: ${result.fault.message}`);
  return result.query;
}

Deno.test.each([
  { text: "", want: "" },
  { text: "  ip:192.0.2.1  ", want: "ip:192.0.2.1" },
  { text: "status=404 and method=GET", want: "status:404 method:GET" },
  { text: "NOT a.b OR c", want: "-a.b or c" },
  { text: "path!=/x", want: "-path:/x" },
  {
    text: "-(host:a or host:b) ua:*bot*",
    want: "-(host:a or host:b) ua:*bot*",
  },
  { text: "((status:4xx))", want: "status:4xx" },
  { text: "a and (b and c)", want: "a b c" },
  { text: "a b or c d", want: "a b or c d" },
  { text: "a (b or c)", want: "a (b or c)" },
  { text: "not not a", want: "a" },
  {
    text: "ip:(192.0.2.1 or 198.51.100.0/24)",
    want: "ip:(192.0.2.1 or 198.51.100.0/24)",
  },
  { text: "192.0.2.0/24", want: "ip:192.0.2.0/24" },
  { text: "fe80::1", want: "ip:fe80::1" },
  { text: "2001:DB8::1", want: "ip:2001:db8::1" },
  {
    text: "t13d1516h2_8daaf6152771_b186095e22b6",
    want: "ja4:t13d1516h2_8daaf6152771_b186095e22b6",
  },
  { text: "AS64501", want: "asn:AS64501" },
  { text: "bytes:10k..1.5M", want: "bytes:10k..1.5M" },
  { text: "time:-15m..now", want: "time:-15m..now" },
  { text: 'ua:"a \\"b\\" \\\\ *"', want: 'ua:"a \\"b\\" \\\\ *"' },
  { text: "path=/a*", want: 'path:"/a*"' },
  { text: "path:/a\\*b*", want: "path:/a\\*b*" },
  { text: "is:anomalous has:ja4", want: "is:anomalous has:ja4" },
  { text: "IP:192.0.2.1", want: "ip:192.0.2.1" },
  { text: '"and"', want: '"and"' },
  { text: "orange android notable", want: "orange android notable" },
])("parseQuery() of $text is $want", ({ text, want }) => {
  const query = parsed(text);
  assert.equal(formatQuery(query), want);
  assert.deepEqual(parsed(formatQuery(query)), query);
});

Deno.test.each([
  { text: "hots:a", at: 0, length: 4, says: /no field "hots"/, hint: "host" },
  { text: "a satus>=400", at: 2, length: 5, says: /satus/, hint: "status" },
  { text: "ip:1.2.3", at: 3, length: 5, says: /Expected an address/ },
  { text: "status:abc", at: 7, length: 3, says: /Expected a status/ },
  { text: "status:", at: 7, length: 1, says: /missing after "status"/ },
  { text: "(a or b", at: 0, length: 1, says: /not closed/ },
  { text: "a)", at: 1, length: 1, says: /closes nothing/ },
  { text: "a or", at: 4, length: 1, says: /missing/ },
  { text: "or a", at: 0, length: 2, says: /both sides/ },
  { text: "a and or b", at: 6, length: 2, says: /both sides/ },
  { text: "not", at: 0, length: 3, says: /behind it/ },
  { text: 'ua:"abc', at: 3, length: 4, says: /quote is not closed/ },
  {
    text: "class:humen",
    at: 6,
    length: 5,
    says: /one of human/,
    hint: "human",
  },
  { text: "is:opne", at: 3, length: 4, says: /"is" knows/, hint: "open" },
  { text: "has:status", at: 4, length: 6, says: /can be absent/ },
  { text: "host>a", at: 5, length: 1, says: /cannot be compared/ },
  { text: "ua~(?=a)", at: 3, length: 0, says: /belongs in quotes/ },
  { text: 'ua~"(?=a)"', at: 3, length: 7, says: /look-around/ },
  { text: "status:500..400", at: 7, length: 8, says: /before it begins/ },
  { text: ":x", at: 0, length: 1, says: /field is missing/ },
  { text: "()", at: 1, length: 1, says: /missing before/ },
])(
  "parseQuery() of $text points at $at",
  ({ text, at, length, says, hint }) => {
    const result = parseQuery(text);
    assert.ok(!result.ok);
    assert.match(result.fault.message, says);
    assert.equal(result.fault.at, at);
    if (length > 0) assert.ok(result.fault.length <= Math.max(1, length));
    assert.equal(result.fault.suggestion, hint);
  },
);

Deno.test("parseQuery() bounds length, comparisons and nesting", () => {
  for (
    const text of [
      "a ".repeat(3000),
      "a ".repeat(101),
      "(".repeat(30) + "a" + ")".repeat(30),
      `ip:(${Array(101).fill("1.1.1.1").join(" or ")})`,
      "-".repeat(40) + "a",
    ]
  ) assert.ok(!parseQuery(text).ok, text.slice(0, 20));
});

/** Values that a field of each kind takes. */
function valueOf(kind: string, op: string): fc.Arbitrary<Value> {
  const text = (of: fc.Arbitrary<string>): fc.Arbitrary<Value> =>
    of.map((one) => ({ kind: "text", text: one }));
  const range = (of: fc.Arbitrary<string>): fc.Arbitrary<Value> =>
    fc.tuple(of, of).map(([a, b]) => {
      const [from, to] = [a, b].toSorted((x, y) =>
        parseFloat(x) - parseFloat(y)
      );
      return { kind: "range", from: from ?? "", to: to ?? "" };
    });
  const number = fc.nat(599).map(String);
  switch (kind) {
    case "ip":
      return fc.oneof(
        text(fc.ipV4()),
        text(fc.ipV6()),
        text(fc.tuple(fc.ipV4(), fc.nat(32)).map((one) => one.join("/"))),
        fc.tuple(fc.ipV4(), fc.ipV4()).map(([from, to]): Value => ({
          kind: "range",
          from,
          to,
        })),
      );
    case "asn":
      return text(number);
    case "time":
      return text(fc.constantFrom("now", "-15m", "2026-01-31T09:00:00Z"));
    case "choice":
      return fc.constant({ kind: "text", text: "" });
    case "text":
      return op === "~"
        ? text(fc.constantFrom("^/a[0-9]+$", "(?i)bot|spider", "a b"))
        : fc.oneof(
          text(fc.string({ unit: "binary", maxLength: 20 })),
          fc.string({ maxLength: 8 }).map((one): Value => ({
            kind: "glob",
            pattern: `*${one.replaceAll(/[\s()"\\*]/g, "\\$&")}*`,
          })),
        );
    default:
      return op === ":" ? fc.oneof(text(number), range(number)) : text(number);
  }
}

const TERM: fc.Arbitrary<Term> = fc.constantFrom(...FIELDS).chain((field) =>
  fc.constantFrom(...opsOf(field)).chain((op) =>
    fc.array(
      field.choices === undefined
        ? valueOf(field.kind, op)
        : fc.constantFrom(...field.choices).map((text): Value => ({
          kind: "text",
          text,
        })),
      { minLength: 1, maxLength: op === ":" ? 3 : 1 },
    ).map((values): Term => ({ kind: "term", field: field.name, op, values }))
  )
);
const WORD: fc.Arbitrary<Term> = fc.string({ minLength: 1, maxLength: 12 })
  .map((text) => ({
    kind: "term",
    field: "",
    op: ":",
    values: [{ kind: "text", text }],
  }));
const QUERY: fc.Arbitrary<Query> = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4, depthIdentifier: "query" },
    TERM,
    WORD,
    fc.tuple(
      fc.constantFrom("and" as const, "or" as const),
      fc.array(tie("query"), {
        minLength: 2,
        maxLength: 3,
        depthIdentifier: "query",
      }),
    ).map(([kind, of]) => group(kind, of)),
    tie("query").map(negate),
  ),
})).query;

Deno.test("formatQuery() gives text that parseQuery() reads as the same query", () => {
  fc.assert(
    fc.property(QUERY, (query) => {
      const text = formatQuery(query);
      const result = parseQuery(text);
      if (!result.ok && /at most/.test(result.fault.message)) return;
      assert.ok(
        result.ok,
        result.ok ? "" : `${text}: ${result.fault.message}`,
      );
      assert.deepEqual(result.query, query, text);
    }),
    { numRuns: RUNS },
  );
});

/** Text that looks like queries, with faults. */
const NOISE = fc.array(
  fc.oneof(
    fc.constantFrom(...'()-"\\:~<>=!*. ', "or", " and ", "not ", "..", "is:"),
    fc.constantFrom(...FIELDS.map((field) => field.name)),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.ipV6(),
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

Deno.test("parseQuery() never throws; what it accepts compiles with every word bound", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(NOISE, QUERY.map(formatQuery)), (text) => {
      const result = parseQuery(text);
      if (!result.ok) {
        const { at, length } = result.fault;
        assert.ok(at >= 0 && length >= 1 && at <= text.length);
        return;
      }
      accepted++;
      assert.equal(
        formatQuery(parsed(formatQuery(result.query))),
        formatQuery(result.query),
      );
      const { text: statement, params } = compileQuery(
        result.query,
        "requests",
        NOW,
      );
      // What is typed is in the parameters alone: the statement is made of our own words.
      const words = statement.replaceAll(/\{p\d+:[\w(), ']+\}/g, "?");
      assert.doesNotMatch(words, /[\\"`;#]|--|\/\*|[^\x20-\x7e\n]/);
      const quoted = words.match(/'[^']*'/g) ?? [];
      for (const one of quoted) assert.match(one, OWN_STRINGS);
      assert.equal(
        Object.keys(params).length,
        statement.match(/\{p\d+:/g)?.length ?? 0,
      );
    }),
    { numRuns: RUNS },
  );
  assert.ok(accepted > RUNS / 4, `${accepted} accepted`);
});

/** The strings that compile.ts itself writes. */
const OWN_STRINGS =
  /^'(?:_|,|\/|:|\/128|\/32|::ffff:||ja4|http_host|ip|network)'$/;

Deno.test("literalSql() writes values as they cannot end their string", () => {
  const query = parsed(`ua:"it's \\\\ \u202e\u0000 é" ip:192.0.2.0/24`);
  assert.equal(
    literalSql(compileQuery(query, "requests", NOW)),
    "(http_events.user_agent = 'it\\'s \\\\ \\xe2\\x80\\xae\\x00 \\xc3\\xa9' AND " +
      "http_events.src_ip BETWEEN CAST('192.0.2.0', 'IPv6') AND CAST('192.0.2.255', 'IPv6'))",
  );
});
