/** Whom a trusted proxy says it speaks for. @module */
import type { IpAddress, RequestEvent } from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";
import type { NetworkSet } from "../lib/ip_filter.ts";

/**
 * The client behind a trusted peer: X-Forwarded-For from right to left, past trusted addresses.
 * Undefined if the peer is not trusted (then the header is the client's own invention), if there
 * is no header, or if the first address that counts is none: what stands left of it could have
 * been written by anyone.
 */
export function forwardedClient(
  request: RequestEvent,
  trusted: NetworkSet,
): IpAddress | undefined {
  if (trusted.size === 0 || !trusted.has(request.src_ip)) return undefined;
  const header = request.headers["x-forwarded-for"];
  if (typeof header !== "string") return undefined;
  const hops = header.split(",");
  for (let i = hops.length - 1; i >= 0; i--) {
    const ip = parseIp(withoutPort(hops[i]?.trim() ?? ""));
    if (ip === undefined) return undefined;
    if (!trusted.has(ip) || i === 0) return ip;
  }
  return undefined;
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1];
  if (bracketed !== undefined) return bracketed;
  return /^[\d.]+:\d+$/.test(hop) ? hop.slice(0, hop.indexOf(":")) : hop;
}
