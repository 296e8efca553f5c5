/**
 * Which interface a route leads over: the kernel's routing tables as texts in, a name out.
 *
 * Pure; `/proc/net/route` and `/proc/net/ipv6_route` are read by the caller.
 *
 * @module
 */
import type { IpAddress } from "../lib/events.ts";
import { ipBytes, isIpv4 } from "../lib/ip.ts";

/** The tables of the main routing table, as /proc shows them; absent where a family is off. */
export interface RouteTables {
  /** `/proc/net/route` */
  readonly v4?: string | undefined;
  /** `/proc/net/ipv6_route` */
  readonly v6?: string | undefined;
}

interface Route {
  readonly interface: string;
  /** 4 or 16 bytes. */
  readonly destination: Uint8Array;
  /** Bits of its prefix. */
  readonly bits: number;
  readonly metric: number;
}

/** RTF_UP; RTF_REJECT routes lead nowhere. */
const UP = 0x1;
const REJECT = 0x200;

/**
 * The interface of the most specific route to `address`, of equal ones that with the smallest
 * metric; without an address that of the default route, IPv4 first. Undefined if there is none.
 */
export function interfaceByRoute(
  { v4 = "", v6 = "" }: RouteTables,
  address: IpAddress | undefined,
): string | undefined {
  if (address === undefined) {
    const isDefault = ({ bits }: Route): boolean => bits === 0;
    return best(routesV4(v4).filter(isDefault)) ??
      best(routesV6(v6).filter(isDefault));
  }
  const bytes = ipBytes(address);
  return isIpv4(address)
    ? best(routesV4(v4).filter((route) => isIn(bytes.subarray(12), route)))
    : best(routesV6(v6).filter((route) => isIn(bytes, route)));
}

function best(routes: readonly Route[]): string | undefined {
  return routes.toSorted((a, b) => b.bits - a.bits || a.metric - b.metric)[0]
    ?.interface;
}

function isIn(address: Uint8Array, { destination, bits }: Route): boolean {
  for (let bit = 0; bit < bits; bit++) {
    const mask = 0x80 >> (bit & 7);
    const difference = (address[bit >> 3] ?? 0) ^ (destination[bit >> 3] ?? 0);
    if ((difference & mask) !== 0) return false;
  }
  return true;
}

/** Interface, destination, gateway, flags, use counts, metric, mask; numbers are in host order. */
function routesV4(text: string): Route[] {
  return text.split("\n").slice(1).flatMap((line) => {
    const [name, destination, , flags, , , metric, mask] = line.trim()
      .split(/\s+/);
    if (name === undefined || mask === undefined) return [];
    if (!isUsable(Number.parseInt(flags ?? "0", 16))) return [];
    return [{
      interface: name,
      destination: hexBytes(destination ?? "").toReversed(),
      bits: ones(hexBytes(mask)),
      metric: Number(metric),
    }];
  });
}

/** Destination, its bits, source, its bits, gateway, metric, use counts, flags, interface. */
function routesV6(text: string): Route[] {
  return text.split("\n").flatMap((line) => {
    const [destination = "", bits = "", , , , metric = "", , , flags, name] =
      line.trim().split(/\s+/);
    // The loopback interface holds the addresses of this host and all that is rejected.
    if (name === undefined || name === "lo") return [];
    if (!isUsable(Number.parseInt(flags ?? "0", 16))) return [];
    return [{
      interface: name,
      destination: hexBytes(destination),
      bits: Number.parseInt(bits, 16),
      metric: Number.parseInt(metric, 16),
    }];
  });
}

function isUsable(flags: number): boolean {
  return (flags & UP) !== 0 && (flags & REJECT) === 0;
}

function hexBytes(text: string): Uint8Array {
  return Uint8Array.from(
    text.match(/../g) ?? [],
    (pair) => Number.parseInt(pair, 16),
  );
}

function ones(bytes: Uint8Array): number {
  return bytes.reduce(
    (sum, byte) => sum + byte.toString(2).replaceAll("0", "").length,
    0,
  );
}
