import assert from "node:assert/strict";
import { NetworkSet } from "../lib/ip_filter.ts";
import { clientAddress, isDirectLocal } from "./client_address.ts";

function infoOf(hostname: string): Deno.ServeHandlerInfo {
  return {
    remoteAddr: { transport: "tcp", hostname, port: 40_000 },
    completed: Promise.resolve(),
  };
}

const PROXIES = new NetworkSet(["127.0.0.0/8", "10.0.0.0/8"]);

Deno.test.each([
  { peer: "192.0.2.9", forwarded: "203.0.113.5", want: "192.0.2.9" },
  { peer: "127.0.0.1", forwarded: "203.0.113.5", want: "203.0.113.5" },
  { peer: "::ffff:127.0.0.1", forwarded: "203.0.113.5", want: "203.0.113.5" },
  // The client may have written what stands first; only what our own proxies added counts.
  {
    peer: "127.0.0.1",
    forwarded: "1.1.1.1, 203.0.113.5, 10.1.2.3",
    want: "203.0.113.5",
  },
  { peer: "127.0.0.1", forwarded: "10.9.9.9", want: "10.9.9.9" },
  { peer: "127.0.0.1", forwarded: "nonsense", want: "127.0.0.1" },
  { peer: "127.0.0.1", forwarded: undefined, want: "127.0.0.1" },
  { peer: "127.0.0.1", forwarded: "2001:DB8:0::1", want: "2001:db8::1" },
])("clientAddress() from $peer with $forwarded is $want", (row) => {
  const headers = new Headers();
  if (row.forwarded !== undefined) {
    headers.set("x-forwarded-for", row.forwarded);
  }
  assert.equal(clientAddress(infoOf(row.peer), headers, PROXIES), row.want);
});

Deno.test.each([
  { peer: "127.0.0.1", forwarded: undefined, want: true },
  { peer: "::1", forwarded: undefined, want: true },
  { peer: "::ffff:127.0.0.1", forwarded: undefined, want: true },
  { peer: "127.0.0.1", forwarded: "203.0.113.5", want: false },
  { peer: "192.0.2.9", forwarded: undefined, want: false },
])("isDirectLocal() from $peer with $forwarded is $want", (row) => {
  const headers = new Headers();
  if (row.forwarded !== undefined) {
    headers.set("x-forwarded-for", row.forwarded);
  }
  assert.equal(isDirectLocal(infoOf(row.peer), headers), row.want);
});
