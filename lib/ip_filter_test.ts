import assert from "node:assert/strict";
import { BlockList } from "node:net";
import fc from "fast-check";
import type { IpAddress } from "./events.ts";
import { ipFromBytes, maskIp, parseIp } from "./ip.ts";
import { NetworkSet, parseNetwork } from "./ip_filter.ts";

Deno.test.each([
  ...[
    "",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.1/8",
  ],
  ...[
    "2001:db8::/129",
    "::ffff:10.0.0.0/64",
    "fe80::1%eth0/64",
    "10.0.0.0/8/8",
  ],
  ...["example.com", "10.0.0/8"],
])("parseNetwork() refuses %j", (text) => {
  assert.equal(parseNetwork(text), undefined);
});

Deno.test.each([
  { network: "10.0.0.0/8", ip: "::ffff:10.1.2.3", want: true },
  { network: "::ffff:10.0.0.0/104", ip: "10.1.2.3", want: true },
  { network: "2001:db8::/32", ip: "2001:DB8::1", want: true },
  { network: "192.0.2.7", ip: "192.0.2.7", want: true },
  { network: "192.0.2.7", ip: "192.0.2.8", want: false },
  { network: "0.0.0.0/0", ip: "203.0.113.9", want: true },
  { network: "0.0.0.0/0", ip: "2001:db8::1", want: false },
  { network: "::/0", ip: "2001:db8::1", want: true },
  { network: "::/0", ip: "203.0.113.9", want: false },
  // Two words that are equal when they are rounded to one 53-bit number.
  { network: "8000:0:8000:1::/64", ip: "8000:0:8000:0::1", want: false },
])("NetworkSet of $network has $ip: $want", ({ network, ip, want }) => {
  assert.equal(new NetworkSet([network]).has(parseIp(ip) as IpAddress), want);
});

Deno.test("NetworkSet agrees with node:net's BlockList", () => {
  // Few distinct bytes, so that addresses fall into networks often.
  const byte = fc.constantFrom(0, 1, 10, 127, 128, 255);
  const v4 = fc.array(byte, { minLength: 4, maxLength: 4 }).map((quad) =>
    ipFromBytes(
      Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...quad]),
    )
  );
  const v6 = fc.array(byte, { minLength: 16, maxLength: 16 }).map((bytes) =>
    ipFromBytes(Uint8Array.from(bytes))
  );
  const ip = fc.oneof(v4, v6);
  const network = fc.record({ ip, bits: fc.integer({ min: 0, max: 128 }) });
  fc.assert(
    fc.property(
      fc.array(network, { maxLength: 20 }),
      fc.array(ip, { minLength: 1, maxLength: 50 }),
      (networks, ips) => {
        const oracle = new BlockList();
        const texts = networks.map(({ ip, bits }) => {
          const family = ip.includes(":") ? "ipv6" : "ipv4";
          const length = family === "ipv4" ? bits >> 2 : bits;
          oracle.addSubnet(ip, length, family);
          const masked = maskIp(ip, { v4: length, v6: length });
          // A masked IPv4-mapped address with fewer than 96 bits does not arise: families are apart.
          return `${masked}/${length}`;
        });
        const set = new NetworkSet(texts);
        for (const ip of ips) {
          const family = ip.includes(":") ? "ipv6" : "ipv4";
          assert.equal(
            set.has(ip),
            oracle.check(ip, family),
            `${ip} in ${texts}`,
          );
        }
      },
    ),
  );
});
