import assert from "node:assert/strict";
import type { IpAddress } from "../lib/events.ts";
import { correlatedText, toCorrelated } from "./correlated.ts";
import { helloOf } from "./hello.ts";
import type { Joined } from "./join_options.ts";
import { type AddressMode, Privacy } from "./privacy.ts";
import { type QueryMode, QueryPrivacy, SECRET_NAMES } from "./query_privacy.ts";
import { at, handshake, request } from "./testing.ts";

const KEY = new TextEncoder().encode("sixteen bytes or more");
const ID = "00000000-0000-0000-0000-000000000001";
const DAY_MS = 86_400_000;

function privacy(addresses: AddressMode, query: QueryMode = "keep"): Privacy {
  return new Privacy({
    ...{ addresses, query },
    key: KEY,
    queryNames: SECRET_NAMES,
  });
}

/** One row of each kind; every place that can hold an address or a query holds one. */
function rows(src_ip: string): Joined[] {
  const made = request({
    ...{ src_ip, client_ip: "203.0.113.77" },
    url_query: "page=2&token=s3cret&q=tea",
    headers: {
      "x-forwarded-for": "203.0.113.77",
      "forwarded": "for=203.0.113.77",
      "x-real-ip": "203.0.113.77",
      "true-client-ip": "203.0.113.77",
      "cf-connecting-ip": "203.0.113.77",
      "x-client-ip": "203.0.113.77",
      "x-cluster-client-ip": "203.0.113.77",
      "user-agent": "curl/8",
      "referer": "https://www.example.com/a?token=s3cret&page=1",
    },
  });
  const hello = helloOf(handshake({ src_ip, proxy_src_ip: "203.0.113.78" }));
  return [
    { match: "conn", request: made, handshake: hello },
    { match: "none", request: made, reason: "no_hello" },
    { match: "tls_only", handshake: hello },
  ];
}

Deno.test.each(
  [
    { mode: "full", src: "192.0.2.77", want: "192.0.2.77" },
    { mode: "truncate", src: "192.0.2.77", want: "192.0.2.0" },
    { mode: "truncate", src: "2001:db8:1:2:3::4", want: "2001:db8:1::" },
    { mode: "drop", src: "192.0.2.77", want: "::" },
    { mode: "drop", src: "2001:db8:1:2:3::4", want: "::" },
  ] as const,
)("Privacy $mode of $src", ({ mode, src, want }) => {
  for (const row of rows(src)) {
    assert.equal(toCorrelated(privacy(mode).apply(row), ID).src_ip, want);
  }
});

Deno.test("Privacy hmac is the same for one address, key and day, and for nothing else", () => {
  const ip = "192.0.2.77" as IpAddress;
  const other = "192.0.2.78" as IpAddress;
  const made = privacy("hmac");
  const first = made.hide(ip, at(0));
  assert.ok(first.startsWith("fd"));
  assert.equal(made.hide(ip, at(1)), first);
  assert.equal(privacy("hmac").hide(ip, at(0)), first, "after a restart too");
  assert.notEqual(made.hide(other, at(0)), first);
  const nextDay = made.hide(ip, at(DAY_MS));
  assert.notEqual(nextDay, first, "days cannot be linked");
  // Events around midnight come in any order.
  assert.equal(made.hide(ip, at(2)), first);
  for (let day = 2; day < 9; day++) made.hide(ip, at(day * DAY_MS));
  assert.equal(made.hide(ip, at(DAY_MS)), nextDay);
  const otherKey = new Privacy({
    ...{ addresses: "hmac", key: new Uint8Array(16) },
    ...{ query: "keep", queryNames: [] },
  });
  assert.notEqual(otherKey.hide(ip, at(0)), first);
});

Deno.test("Privacy hmac gives request and handshake of a connection one pseudonym", () => {
  const [joined] = rows("192.0.2.77");
  assert.ok(joined?.match === "conn");
  const shown = privacy("hmac").apply(joined);
  assert.ok(shown.match === "conn");
  assert.equal(shown.request.src_ip, shown.handshake.src_ip);
});

Deno.test.each(
  [{ mode: "truncate" }, { mode: "hmac" }, { mode: "drop" }] as const,
)(
  "no output of mode $mode holds a client's address",
  ({ mode }) => {
    for (const row of rows("192.0.2.77")) {
      const text = correlatedText(privacy(mode).apply(row), ID);
      assert.ok(
        !/192\.0\.2\.77|203\.0\.113\.7[78]|community_id/.test(text),
        text,
      );
      assert.ok(text.includes("198.51.100.1"), "the server's own stays");
      assert.ok(row.match === "tls_only" || text.includes("curl/8"));
      assert.ok(row.match === "none" || text.includes("proxy_src_ip"));
    }
  },
);

Deno.test("Privacy full keeps the row, and with it the text that a producer wrote", () => {
  for (const row of rows("192.0.2.77")) {
    assert.equal(privacy("full").apply(row), row);
  }
});

Deno.test.each<{ mode: QueryMode; want: string | undefined; referer: string }>([
  {
    mode: "keep",
    want: "page=2&token=s3cret&q=tea",
    referer: "https://www.example.com/a?token=s3cret&page=1",
  },
  {
    mode: "redact",
    want: "page=2&token=*&q=tea",
    referer: "https://www.example.com/a?token=*&page=1",
  },
  {
    mode: "drop",
    want: undefined,
    referer: "https://www.example.com/a",
  },
])(
  "Privacy query = $mode, in the Referer header too",
  ({ mode, want, referer }) => {
    const [conn] = rows("192.0.2.77");
    assert.ok(conn);
    // What the producer wrote must not slip through.
    const text = {
      connection: '"src_ip":"192.0.2.1"',
      facts: '"url_query":"token=s3cret"',
    };
    const joined = { ...conn, text } as Joined;
    const shown = privacy("full", mode).apply(joined);
    const event = toCorrelated({ ...shown, text: undefined } as Joined, ID);
    assert.ok(event.match === "conn");
    assert.equal(event.url_query, want);
    assert.equal(event.headers["referer"], referer);
    assert.equal(
      correlatedText(shown, ID).includes("s3cret"),
      mode === "keep",
    );
  },
);

Deno.test.each([
  { query: "", want: "" },
  { query: "a", want: "a" },
  { query: "token", want: "token" },
  { query: "token=", want: "token=*" },
  { query: "token=a=b", want: "token=*" },
  { query: "TOKEN=x&Token=y", want: "TOKEN=*&Token=*" },
  { query: "a=1;token=x;b=2", want: "a=1;token=*;b=2" },
  { query: "%74oken=x", want: "%74oken=*" },
  {
    query: "token[]=x&token[0][id]=y",
    want: "token[]=*&token[0][id]=*",
  },
  { query: "%zztoken=x", want: "%zztoken=x" },
  { query: "=x&&token=y&", want: "=x&&token=*&" },
  { query: "nottoken=x&tokens=y", want: "nottoken=x&tokens=y" },
])("QueryPrivacy redacts $query", ({ query, want }) => {
  assert.equal(new QueryPrivacy("redact", ["Token"]).query(query), want);
});
