import assert from "node:assert/strict";
import {
  COLUMNS_MAX,
  parseRange,
  shifted,
  withParams,
  withRange,
} from "./range.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const HOUR = 3_600_000;

function url(query: string): URL {
  return new URL(`http://dashboard.test/detections${query}`);
}

Deno.test.each([
  {
    name: "relative",
    query: "?from=-1h",
    from: NOW - HOUR,
    to: NOW,
    label: "Last hour",
  },
  {
    name: "relative on both sides",
    query: "?from=-2h&to=-1h",
    from: NOW - 2 * HOUR,
    to: NOW - HOUR,
    label: "2026-11-23 10:00 to 2026-11-23 11:00 UTC",
  },
  {
    name: "instants",
    query: "?from=2026-11-22T00:00:00Z&to=2026-11-22T12:00:00%2B02:00",
    from: Date.parse("2026-11-22T00:00:00Z"),
    to: Date.parse("2026-11-22T10:00:00Z"),
    label: "2026-11-22 00:00 to 2026-11-22 10:00 UTC",
  },
  {
    name: "nothing",
    query: "",
    from: NOW - 24 * HOUR,
    to: NOW,
    label: "Last 24 hours",
  },
])("parseRange() reads $name", ({ query, from, to, label }) => {
  const parsed = parseRange(url(query), NOW);
  assert(parsed.ok);
  assert.equal(parsed.range.from.getTime(), from);
  assert.equal(parsed.range.to.getTime(), to);
  assert.equal(parsed.range.label, label);
  assert(((to - from) / 1000) / parsed.range.stepS <= COLUMNS_MAX);
});

Deno.test.each([
  { name: "ten minutes", ageMs: 10 * 60_000, label: "Last 15 minutes" },
  { name: "two hours", ageMs: 2 * HOUR, label: "Last 6 hours" },
  { name: "a day", ageMs: 24 * HOUR, label: "Last 24 hours" },
])("parseRange() covers data of $name by itself", ({ ageMs, label }) => {
  const parsed = parseRange(url(""), NOW, NOW - ageMs);
  assert(parsed.ok);
  assert.equal(parsed.range.label, label);
  assert.equal(parsed.range.explicit, false);
});

Deno.test.each([
  {
    name: "a word",
    query: "?from=yesterday",
    want: /Cannot read "from".*found "yesterday"/,
  },
  {
    name: "an impossible day",
    query: "?from=2026-13-45T00:00:00Z",
    want: /Cannot read "from"/,
  },
  {
    name: "an end before its beginning",
    query: "?from=-1h&to=-2h",
    want: /must begin/,
  },
  { name: "a range of years", query: "?from=-9999d", want: /at most 400 days/ },
  { name: "markup", query: "?to=%3Cscript%3E", want: /Cannot read "to"/ },
])("parseRange() refuses $name", ({ query, want }) => {
  const parsed = parseRange(url(query), NOW);
  assert(!parsed.ok);
  assert.match(parsed.message, want);
});

Deno.test("withRange() carries range and zone, and nothing else", () => {
  assert.equal(
    withRange("/ip/192.0.2.1", url("?from=-1h&tz=local&view=archived")),
    "/ip/192.0.2.1?from=-1h&tz=local",
  );
});

Deno.test.each([
  { path: "/hosts/a%20b.example.com", want: "/hosts/a%20b.example.com" },
  { path: "/net/2001:db8::/32", want: "/net/2001:db8::/32" },
  { path: "/hosts/..", want: "/" },
  { path: "/explore?q=ip:192.0.2.1", want: "/explore?q=ip%3A192.0.2.1" },
  { path: "/hosts/a b", want: "/hosts/a%20b" },
])("withRange() writes $path as a browser would", ({ path, want }) => {
  const [plain = "", search = ""] = want.split("?");
  assert.equal(
    withRange(path, url("?tz=local")),
    `${plain}?${search === "" ? "" : `${search}&`}tz=local`,
  );
  assert.equal(withRange(plain, url("")), plain);
});

Deno.test("withParams() keeps what it does not change, and removes what is empty", () => {
  assert.equal(
    withParams(url("?view=archived&after=x&q=1"), { after: "", sort: "score" }),
    "/detections?view=archived&q=1&sort=score",
  );
});

Deno.test("shifted() moves a range by its own length", () => {
  const parsed = parseRange(url("?from=-2h&to=-1h"), NOW);
  assert(parsed.ok);
  assert.deepEqual(shifted(parsed.range, -1), {
    from: "2026-11-23T09:00:00Z",
    to: "2026-11-23T10:00:00Z",
  });
});
