import assert from "node:assert/strict";
import fc from "fast-check";
import { parseHttpEvent, parseNetworkEvent } from "./parse.ts";
import { connectionEnd, handshake, request, stats } from "./testing.ts";

Deno.test("parseNetworkEvent() reads what a sensor writes", () => {
  for (const event of [handshake(), stats()]) {
    assert.deepEqual(parseNetworkEvent(JSON.stringify(event)), {
      ok: true,
      event,
      plain: true,
    });
  }
});

Deno.test("parseHttpEvent() reads what a web server writes", () => {
  for (
    const event of [
      request(),
      request({ headers: { cookie: { len: 9 } } }),
      connectionEnd(),
    ]
  ) {
    assert.deepEqual(parseHttpEvent(JSON.stringify(event)), {
      ok: true,
      event,
      plain: true,
    });
  }
});

Deno.test("parseHttpEvent() makes addresses canonical", () => {
  const parsed = parseHttpEvent(JSON.stringify(request({
    src_ip: "::ffff:192.0.2.1",
    dest_ip: "2001:DB8::0:1",
    client_ip: "fe80::1%eth0",
  })));
  assert.ok(parsed.ok && parsed.event.event_type === "request");
  assert.equal(parsed.event.src_ip, "192.0.2.1");
  assert.equal(parsed.event.dest_ip, "2001:db8::1");
  assert.equal(parsed.event.client_ip, "fe80::1");
});

Deno.test.each([
  { text: "", reason: "not_json" },
  { text: "{", reason: "not_json" },
  { text: "null", reason: "not_json" },
  { text: "[]", reason: "not_json" },
  { text: "{}", reason: "unknown_type" },
  { text: '{"event_type":"handshake"}', reason: "unknown_type" },
  { text: '{"event_type":"request"}', reason: "bad_field" },
])("parseHttpEvent($text) gives $reason", ({ text, reason }) => {
  assert.deepEqual(parseHttpEvent(text), { ok: false, reason });
});

/** Any JSON value, and undefined for a missing key. */
const anything = fc.oneof(
  fc.jsonValue(),
  fc.constant(undefined),
  fc.constantFrom(-1, 1.5, 2 ** 53, 1e300, 65_536, "999.1.1.1", [null], {
    len: "x",
  }),
);

Deno.test("an event with one field of any other value is read or refused, never thrown out", () => {
  for (
    const [parse, event] of [
      [parseNetworkEvent, handshake()],
      [parseNetworkEvent, stats()],
      [parseHttpEvent, request({ conn: 1, conn_ts: 1, pid: 1, seq: 1 })],
      [parseHttpEvent, connectionEnd()],
    ] as const
  ) {
    const keys = Object.keys(event);
    fc.assert(fc.property(fc.constantFrom(...keys), anything, (key, value) => {
      const parsed = parse(JSON.stringify({ ...event, [key]: value }));
      if (!parsed.ok) return;
      // What was let through has the type it had, or is absent where that is allowed.
      const found = (parsed.event as unknown as Record<string, unknown>)[key];
      const known = (event as unknown as Record<string, unknown>)[key];
      if (found === undefined) return;
      assert.equal(typeof found, typeof known, key);
      assert.equal(Array.isArray(found), Array.isArray(known), key);
      if (typeof found === "number") {
        assert.ok(Number.isSafeInteger(found), key);
      }
    }));
  }
});

Deno.test("any bytes are read or refused, never thrown out", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      assert.ok(!parseHttpEvent(text).ok);
      assert.ok(!parseNetworkEvent(text).ok);
    }),
  );
});
