import type { IpAddress } from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";
import type { NetworkSet } from "../lib/ip_filter.ts";

/** Address of a request that came over no network, as in tests that call the handler. */
const NONE = "127.0.0.1" as IpAddress;

/**
 * Who asks: the peer or, behind trusted proxies, the last address of X-Forwarded-For that none of
 * them wrote. A header from any other peer is not looked at.
 */
export function clientAddress(
  info: Deno.ServeHandlerInfo,
  headers: Headers,
  trusted: NetworkSet,
): IpAddress {
  const peer = peerAddress(info) ?? NONE;
  if (!trusted.has(peer)) return peer;
  const claimed = (headers.get("x-forwarded-for") ?? "").split(",").reverse();
  let client = peer;
  for (const text of claimed) {
    const hop = parseIp(text.trim());
    if (hop === undefined) break;
    client = hop;
    if (!trusted.has(hop)) break;
  }
  return client;
}

/** The other end of the connection; undefined if the request came over no network. */
export function peerAddress(
  info: Deno.ServeHandlerInfo,
): IpAddress | undefined {
  const { remoteAddr } = info;
  return "hostname" in remoteAddr ? parseIp(remoteAddr.hostname) : undefined;
}

/** Whether the request came from this very host and through no proxy. */
export function isDirectLocal(
  info: Deno.ServeHandlerInfo,
  headers: Headers,
): boolean {
  const peer = peerAddress(info);
  const local = peer !== undefined &&
    (peer.startsWith("127.") || peer === "::1");
  return local && !headers.has("x-forwarded-for") && !headers.has("forwarded");
}
