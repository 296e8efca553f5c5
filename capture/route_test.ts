import { strictEqual } from "node:assert/strict";
import { parseIp } from "../lib/ip.ts";
import { interfaceByRoute } from "./route.ts";

/** `ip route`: default over eth0 (metric 100) and wlan0 (600), two networks, one route rejected. */
const v4 =
  `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	0000000A	00000000	0001	0	0	0	000000FF	0	0	0
*	0064000A	00000000	0201	0	0	0	00FFFFFF	0	0	0
down0	00FE000A	00000000	0000	0	0	0	00FFFFFF	0	0	0
`;
const v6 =
  `fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fd000000000000010000000000000000 30 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     tun0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth1
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000004 00000000 80200001       lo
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;

Deno.test.each([
  { name: "the default route", to: undefined, tables: { v4, v6 }, is: "eth0" },
  {
    name: "the default route of IPv6 alone",
    to: undefined,
    tables: { v6 },
    is: "eth1",
  },
  { name: "no default route", to: undefined, tables: {}, is: undefined },
  { name: "a connected network", to: "192.0.2.9", is: "eth0" },
  { name: "another network", to: "10.1.2.3", is: "tun0" },
  { name: "a network that is rejected or down", to: "10.254.0.1", is: "tun0" },
  { name: "the rest of IPv4", to: "198.51.100.1", is: "eth0" },
  { name: "a network of IPv6", to: "fd00::5", is: "eth0" },
  { name: "the rest of IPv6", to: "2001:db8::1", is: "eth1" },
  { name: "a family without routes", to: "::1", tables: { v4 }, is: undefined },
])("interfaceByRoute() finds $name", ({ to, tables, is }) => {
  const address = to === undefined ? undefined : parseIp(to);
  strictEqual(interfaceByRoute(tables ?? { v4, v6 }, address), is);
});
