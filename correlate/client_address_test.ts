import assert from "node:assert/strict";
import { NetworkSet } from "../lib/ip_filter.ts";
import { forwardedClient } from "./client_address.ts";
import { request } from "./testing.ts";

const trusted = new NetworkSet(["10.0.0.0/8", "2001:db8::/32"]);

Deno.test.each([
  { peer: "10.0.0.1", header: "203.0.113.7", want: "203.0.113.7" },
  {
    peer: "10.0.0.1",
    header: "1.2.3.4, 203.0.113.7, 10.9.9.9",
    want: "203.0.113.7",
  },
  { peer: "10.0.0.1", header: "203.0.113.7:4711", want: "203.0.113.7" },
  { peer: "10.0.0.1", header: "[2001:db9::1]:4711", want: "2001:db9::1" },
  { peer: "10.0.0.1", header: "10.1.1.1, 10.2.2.2", want: "10.1.1.1" }, // all trusted: the first
  { peer: "10.0.0.1", header: "203.0.113.7, unknown", want: undefined },
  { peer: "10.0.0.1", header: "203.0.113.7,", want: undefined },
  { peer: "10.0.0.1", header: "", want: undefined },
  { peer: "203.0.113.9", header: "198.51.100.1", want: undefined }, // the client's own invention
])("forwardedClient() of $peer with $header", ({ peer, header, want }) => {
  const event = request({
    src_ip: peer,
    headers: { "x-forwarded-for": header },
  });
  assert.equal(forwardedClient(event, trusted), want);
});

Deno.test("forwardedClient() needs a header that was not redacted", () => {
  assert.equal(
    forwardedClient(request({ src_ip: "10.0.0.1" }), trusted),
    undefined,
  );
  const redacted = request({
    src_ip: "10.0.0.1",
    headers: { "x-forwarded-for": { len: 9 } },
  });
  assert.equal(forwardedClient(redacted, trusted), undefined);
});
