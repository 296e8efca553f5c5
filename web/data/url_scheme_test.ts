/**
 * The URL scheme, version 1: links lie in tickets and bookmarks for years, so what stands here only grows.
 * A line that has to change is a new version, not an edit.
 */
import assert from "node:assert/strict";
import { FIELDS, STATES } from "../query/fields.ts";
import { formatQuery } from "../query/format.ts";
import { parseQuery } from "../query/parse.ts";
import { PERMISSIONS } from "../auth/permissions.ts";
import { pathOf } from "./paths.ts";
import { parseRange, withParams, withRange } from "./range.ts";
import { destinationOf } from "./search.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");

/** Pages that links lead to. */
const PAGES = [
  "/",
  "/asn/:n",
  "/audit",
  "/country/:cc",
  "/detections",
  "/detections/:id",
  "/explore",
  "/health",
  "/help",
  "/hosts/:host",
  "/ip/:ip",
  "/ja4/:ja4",
  "/lists",
  "/live",
  "/login",
  "/net/:prefix*",
  "/rules",
  "/search",
  "/settings",
  "/settings/tokens",
  "/ua/:hash",
  "/users",
  "/views",
];

Deno.test("every page of the URL scheme is there", () => {
  const missing = PAGES.filter((page) => !(page in PERMISSIONS));
  assert.deepEqual(missing, []);
});

Deno.test.each([
  { field: "ip", value: "2001:DB8::1", want: "/ip/2001:db8::1" },
  { field: "net", value: "192.0.2.9/24", want: "/net/192.0.2.0/24" },
  { field: "asn", value: "64501", want: "/asn/64501" },
  { field: "country", value: "NL", want: "/country/NL" },
  { field: "host", value: "shop.example.com", want: "/hosts/shop.example.com" },
  { field: "ua", value: "curl/8.5.0", want: "/ua/07d1d539047ef019" },
  {
    field: "ja4",
    value: "t13d1516h2_8daaf6152771_b186095e22b6",
    want: "/ja4/t13d1516h2_8daaf6152771_b186095e22b6",
  },
])("the page of $field $value stays where it is", ({ field, value, want }) => {
  assert.equal(pathOf(field, value), want);
});

Deno.test("every field and state of the query language keeps its name", () => {
  const names = FIELDS.map((field) => field.name);
  const first =
    "ip asn country host path method status ua ua.family ja4 ja4.a ja4.b ja4.c ja4.client alpn tls corr score class severity state verdict assignee campaign list model sensor bytes dur time query referrer sni http bot ua.os detection"
      .split(" ");
  assert.deepEqual(first.filter((name) => !names.includes(name)), []);
  const states =
    "human verified likely anomalous open acknowledged escalated archived uncorrelated"
      .split(" ");
  assert.deepEqual(states.filter((name) => !(name in STATES)), []);
});

Deno.test.each([
  "ip:10.0.0.0/8",
  "status:4xx",
  "ja4.b:c7886603b240",
  "score>=0.62",
  "status!=200",
  "bytes>1k bytes<=2M dur<1s",
  "dur:200ms..2s",
  "path:/login* -ua:*bot*",
  "path:(/login or /wp-login.php)",
  "path~^/api/v[0-9]+/",
  "(host:a.example or host:b.example) not status:200",
  "is:anomalous has:ja4 -is:archived",
  'ua:"exactly this * text"',
  "wp-login",
])("the query %s is read, and written so that it is read alike", (text) => {
  const parsed = parseQuery(text);
  assert(parsed.ok, text);
  const again = parseQuery(formatQuery(parsed.query));
  assert(again.ok);
  assert.deepEqual(again.query, parsed.query);
});

Deno.test("a link keeps parameters that this version does not know", () => {
  const url = new URL("http://dashboard.test/explore?q=a&from=-1h&newer=1");
  assert.equal(
    withParams(url, { to: "now" }),
    "/explore?q=a&from=-1h&newer=1&to=now",
  );
  assert.equal(withRange("/ip/192.0.2.1", url), "/ip/192.0.2.1?from=-1h");
});

Deno.test("a copied link holds the instants, a followed one stays relative", () => {
  const url = new URL("http://dashboard.test/?from=-1h&q=a");
  const parsed = parseRange(url, NOW);
  assert(parsed.ok);
  const { from, to } = parsed.range;
  const copied = new URL(
    withParams(url, { from: from.toISOString(), to: to.toISOString() }),
    url,
  );
  const later = parseRange(copied, NOW + 86_400_000);
  assert(later.ok);
  assert.deepEqual([later.range.from, later.range.to], [from, to]);
  assert.equal(withRange("/live", url), "/live?from=-1h");
});

Deno.test("what is typed into the search box leads to the same pages", () => {
  assert.equal(destinationOf("D-7F3K2QAB"), "/detections/D-7F3K2QAB");
  assert.equal(destinationOf("AS64501"), "/asn/64501");
  assert.equal(
    destinationOf("status:401"),
    "/explore?q=status%3A401",
  );
});
