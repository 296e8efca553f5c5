import assert from "node:assert/strict";
import { LineError, parseEvent } from "./event_input.ts";

const LEAST = { ts: 1_790_000_000_000_000, src_ip: "198.51.100.7" };

function parsed(fields: object): Record<string, unknown> {
  return { ...parseEvent(JSON.stringify({ ...LEAST, ...fields })) };
}

Deno.test("parseEvent() makes do with a time and an address", () => {
  const { event_id, ...event } = parsed({});
  assert.match(String(event_id), /^[\da-f-]{36}$/);
  assert.deepEqual(event, {
    ...LEAST,
    event_type: "correlated",
    dest_ip: "::",
    match: "none",
    http_host: "",
    http_version: undefined,
    header_names: [],
    headers: {},
  });
});

Deno.test("parseEvent() puts facts into their usual form and leaves out what it does not know", () => {
  const event = parsed({
    src_ip: "2001:DB8:0:0::7",
    ja4: "t13d1516h2_8daaf6152771_806a8c22fdea",
    http_host: "WWW.Example.com",
    http_version: "HTTP/2.0",
    headers: { "User-Agent": "curl/8", Cookie: { len: 3 } },
    sni: null,
    colour: "blue",
    event_id: "no-uuid-17",
  });
  assert.equal(event["src_ip"], "2001:db8::7");
  assert.equal(event["match"], "conn");
  assert.equal(parsed({ ja4: "t13d1516h2_0_0" })["match"], "tls_only");
  assert.equal(event["http_host"], "www.example.com");
  assert.equal(event["http_version"], "2");
  assert.deepEqual(event["headers"], {
    "user-agent": "curl/8",
    cookie: { len: 3 },
  });
  assert.ok(!("sni" in event) && !("colour" in event));
  assert.equal(
    event["event_id"],
    parsed({ event_id: "no-uuid-17" })["event_id"],
  );
  assert.equal(parsed({ src_ip: "::ffff:192.0.2.1" })["src_ip"], "192.0.2.1");
});

for (
  const [what, json, message] of [
    ["no JSON", "{", "it is not JSON"],
    ["no object", "[1]", "it is not a JSON object"],
    ["no time", '{"src_ip":"192.0.2.1"}', "ts is missing"],
    [
      "seconds",
      '{"ts":1790000000,"src_ip":"192.0.2.1"}',
      "ts: expected microseconds since 1970",
    ],
    [
      "no address",
      '{"ts":1790000000000000,"src_ip":"192.0.2.256"}',
      "src_ip: expected an IPv4 or IPv6 address",
    ],
    [
      "another event",
      JSON.stringify({ ...LEAST, event_type: "handshake" }),
      'event_type: expected "correlated"',
    ],
    [
      "a status that is a text",
      JSON.stringify({ ...LEAST, status_code: "200" }),
      "status_code: expected a number",
    ],
  ] as const
) {
  Deno.test(`parseEvent() refuses ${what} and says where`, () => {
    assert.throws(
      () => parseEvent(json),
      (thrown) => thrown instanceof LineError && thrown.message === message,
    );
  });
}
