import assert from "node:assert/strict";
import type { CorrelatedEvent, IpAddress } from "../lib/events.ts";
import { toCorrelated } from "./correlated.ts";
import { AddressPrivacy } from "./privacy.ts";
import { handshake, request } from "./testing.ts";

const KEY = new TextEncoder().encode("sixteen bytes or more");

function event(src_ip: string): CorrelatedEvent {
  return toCorrelated({
    match: "conn",
    request: request({
      src_ip,
      client_ip: "203.0.113.77",
      headers: { "x-forwarded-for": "203.0.113.77", "user-agent": "curl/8" },
    }),
    handshake: handshake({ src_ip, proxy_src_ip: "203.0.113.78" }),
  }, "00000000-0000-0000-0000-000000000001");
}

Deno.test.each(
  [
    { mode: "full", src: "192.0.2.77", want: "192.0.2.77" },
    { mode: "truncate", src: "192.0.2.77", want: "192.0.2.0" },
    { mode: "truncate", src: "2001:db8:1:2:3::4", want: "2001:db8:1::" },
    { mode: "drop", src: "192.0.2.77", want: "::" },
  ] as const,
)("AddressPrivacy $mode of $src", ({ mode, src, want }) => {
  assert.equal(new AddressPrivacy(mode, KEY).apply(event(src)).src_ip, want);
});

Deno.test("AddressPrivacy hmac is the same for the same address and key alone", () => {
  const privacy = new AddressPrivacy("hmac", KEY);
  const first = privacy.hide("192.0.2.77" as IpAddress);
  assert.ok(first.startsWith("fd"));
  assert.equal(privacy.hide("192.0.2.77" as IpAddress), first);
  assert.notEqual(privacy.hide("192.0.2.78" as IpAddress), first);
  const other = new AddressPrivacy("hmac", new Uint8Array(16));
  assert.notEqual(other.hide("192.0.2.77" as IpAddress), first);
});

Deno.test.each(
  [{ mode: "truncate" }, { mode: "hmac" }, { mode: "drop" }] as const,
)(
  "no output of mode $mode holds a client's address",
  ({ mode }) => {
    const text = JSON.stringify(
      new AddressPrivacy(mode, KEY).apply(event("192.0.2.77")),
    );
    assert.ok(
      !/192\.0\.2\.77|203\.0\.113\.7[78]|community_id/.test(text),
      text,
    );
    assert.ok(text.includes("curl/8") && text.includes("198.51.100.1"));
  },
);
