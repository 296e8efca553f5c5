import { ok, strictEqual, throws } from "node:assert/strict";
import { interfaceNames } from "../ffi/libc.ts";
import { checkFilter } from "../ffi/pcap.ts";
import { type FilterOptions, kernelFilter, TUNNELS } from "./kernel_filter.ts";

const plain: FilterOptions = {
  ports: [443],
  addresses: [],
  exclude: [],
  vlan: false,
  tunnels: [],
  measureRtt: false,
  filter: "",
};

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
  {
    name: "addresses of both families",
    options: { ...plain, addresses: ["192.0.2.1", "2001:db8::1"] },
  },
  { name: "VLAN tags", options: { ...plain, vlan: true } },
  { name: "all tunnels", options: { ...plain, tunnels: TUNNELS } },
  { name: "round trips", options: { ...plain, measureRtt: true } },
  {
    name: "all of it and 64 ports",
    options: {
      ...plain,
      ports: Array.from({ length: 64 }, (_, index) => 443 + 2 * index),
      addresses: ["192.0.2.1", "2001:db8::1"],
      exclude: ["10.0.0.0/8", "2001:db8::/32"],
      vlan: true,
      tunnels: TUNNELS,
      measureRtt: true,
      filter: "not port 22",
    },
  },
])("kernelFilter() with $name compiles for all link layers", ({ options }) => {
  // Ethernet, Linux cooked 1 and 2, raw IP.
  for (const linkType of [1, 113, 276, 12]) {
    checkFilter(kernelFilter(options, linkType), linkType);
  }
});

Deno.test("kernelFilter() keeps the filter on top apart", () => {
  const filter = kernelFilter({ ...plain, filter: "arp or icmp" }, 1);
  ok(filter.endsWith(" and (arp or icmp)"));
  strictEqual(filter.indexOf("arp"), filter.lastIndexOf("arp"));
});

Deno.test("checkFilter() says what it does not understand", () => {
  throws(() => checkFilter("foo bar", 1), /Cannot use the filter "foo bar": /);
});
