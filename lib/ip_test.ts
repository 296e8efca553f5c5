import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { ipBytes, ipFromBytes, maskIp, parseIp } from "./ip.ts";
import { invariant } from "./invariant.ts";

Deno.test.each([
  { text: "192.0.2.1", want: "192.0.2.1" },
  { text: "::ffff:192.0.2.1", want: "192.0.2.1" },
  { text: "::FFFF:c000:0201", want: "192.0.2.1" },
  { text: "0:0:0:0:0:ffff:192.0.2.1", want: "192.0.2.1" },
  { text: "fe80::1%eth0", want: "fe80::1" },
  { text: "2001:DB8::0001", want: "2001:db8::1" },
  { text: "2001:db8:0:0:1:0:0:1", want: "2001:db8::1:0:0:1" }, // RFC 5952, section 4.2.3
  { text: "2001:0:0:1:0:0:0:1", want: "2001:0:0:1::1" },
  { text: "2001:db8:0:1:1:1:1:1", want: "2001:db8:0:1:1:1:1:1" }, // RFC 5952, section 4.2.2
  { text: "1:2:3:4:5:6:7::", want: "1:2:3:4:5:6:7:0" },
  { text: "::", want: "::" },
  { text: "::1", want: "::1" },
  { text: "1::", want: "1::" },
  { text: "64:ff9b::192.0.2.1", want: "64:ff9b::c000:201" },
  { text: "::192.0.2.1", want: "::c000:201" },
])("parseIp() reads $text", ({ text, want }) => {
  assert.equal(parseIp(text), want);
});

Deno.test.each([
  ...["", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "01.2.3.4"],
  ...["1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4%eth0"],
  ...[":", ":::", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9"],
  ...["1::2::3", "12345::", "g::1", "::1%", "::1.2.3", "::256.1.1.1"],
  ...["1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7:8::", "[::1]", "::1/64"],
  ...["1:2:3:4:5:6:7::8:", "-1.2.3.4", "0x7f.0.0.1", `::${"1".repeat(200)}`],
])("parseIp() refuses %j", (text) => {
  assert.equal(parseIp(text), undefined);
});

Deno.test("parseIp() accepts what node:net accepts, of any text", () => {
  const parts = fc.constantFrom(
    ..."0123456789abfF:.%:.".split(""),
    "::",
    "255",
  );
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 24 }), (list) => {
      const text = list.join("");
      // node:net takes any zone and an IPv4 address with leading zeros in its last group or not at all.
      if (text.includes("%")) return;
      assert.equal(parseIp(text) !== undefined, isIP(text) !== 0, text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("ipFromBytes() inverts ipBytes() for any address", () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const zeros = fc.tuple(bytes, fc.integer({ min: 0, max: 0xffff })).map(
    ([value, mask]) => value.map((byte, i) => mask >> (i >> 1) & 1 ? 0 : byte),
  );
  fc.assert(fc.property(fc.oneof(bytes, zeros), (value) => {
    const ip = ipFromBytes(value);
    assert.deepEqual(ipBytes(ip), new Uint8Array(value));
    assert.equal(parseIp(ip), ip, "the canonical text is a fixed point");
    // The system agrees that the text names these bytes.
    const list = new BlockList();
    const family = ip.includes(":") ? "ipv6" : "ipv4";
    list.addAddress(ip, family);
    assert.ok(list.check(ip, family));
  }));
});

Deno.test.each([
  { ip: "192.0.2.77", want: "192.0.2.0" },
  { ip: "2001:db8:1:2:3:4:5:6", want: "2001:db8:1::" },
  { ip: "::ffff:10.9.8.7", want: "10.9.8.0" },
])("maskIp() of $ip", ({ ip, want }) => {
  const parsed = parseIp(ip);
  invariant(parsed !== undefined, "a row of this table is wrong");
  assert.equal(maskIp(parsed, { v4: 24, v6: 48 }), want);
});
