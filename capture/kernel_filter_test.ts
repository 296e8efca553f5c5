import { ok, strictEqual, throws } from "node:assert/strict";
import { interfaceNames } from "../ffi/libc.ts";
import { checkFilter } from "../ffi/pcap.ts";
import { kernelFilter } from "./kernel_filter.ts";

const plain = { ports: [443], exclude: [], filter: "" };

// Libraries stay open for the life of the process: opened here, no test is blamed for them.
checkFilter("", 1);
interfaceNames();

Deno.test.each([
  { name: "one port", options: plain },
  { name: "two ports", options: { ...plain, ports: [443, 8443] } },
  {
    name: "networks left out",
    options: { ...plain, exclude: ["10.0.0.0/8", "2001:db8::/32"] },
  },
  {
    name: "a filter on top",
    options: { ...plain, filter: "not port 22 or udp" },
  },
])("kernelFilter() with $name compiles for all link layers", ({ options }) => {
  for (const linkType of [1, 113, 276]) {
    checkFilter(kernelFilter(options), linkType);
  }
});

Deno.test("kernelFilter() keeps the filter on top apart", () => {
  const filter = kernelFilter({ ...plain, filter: "arp or icmp" });
  ok(filter.endsWith(" and (arp or icmp)"));
  strictEqual(filter.indexOf("arp"), filter.lastIndexOf("arp"));
});

Deno.test("checkFilter() says what it does not understand", () => {
  throws(() => checkFilter("foo bar", 1), /Cannot use the filter "foo bar": /);
});
