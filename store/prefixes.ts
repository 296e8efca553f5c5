/**
 * Networks as the reference tables hold them: canonical text of a prefix. From an address, a CIDR
 * with or without bits behind the prefix, 16 bytes, or a range of addresses.
 *
 * @module
 */
import type { IpAddress } from "../lib/events.ts";
import { parseNetwork } from "../lib/ip_filter.ts";
import { ipBytes, ipFromBytes, isIpv4, maskIp, parseIp } from "../lib/ip.ts";

/** IPv4 addresses stand behind these bits of an IPv6 one. */
const V4_BITS = 96;

/** `192.0.2.0/24` for `192.0.2.7/24` and the like; undefined if it is no network. */
export function prefixOf(text: string): string | undefined {
  const slash = text.indexOf("/");
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const v4 = isIpv4(ip);
  const most = v4 ? 32 : 128;
  const length = slash < 0 ? String(most) : text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return undefined;
  const bits = Number(length);
  return `${maskIp(ip, { v4: bits, v6: bits })}/${bits}`;
}

/** The prefix of 16 bytes, of which `bits` count (IPv4 as `::ffff:a.b.c.d`). */
export function prefixOfBytes(bytes: Uint8Array, bits: number): string {
  const ip = ipFromBytes(bytes);
  return `${ip}/${isIpv4(ip) ? bits - V4_BITS : bits}`;
}

/** How many bits of the address a prefix names, IPv4 counted from 0 to 32. */
export function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf("/") + 1));
}

/** Whether a prefix is of IPv4. */
export function isV4(prefix: string): boolean {
  return parseNetwork(prefix)?.v4 === true;
}

/** The prefixes that make up the addresses from `first` to `last`; undefined if these are none. */
export function prefixesOfRange(
  first: string,
  last: string,
): string[] | undefined {
  const from = parseIp(first);
  const to = parseIp(last);
  if (from === undefined || to === undefined || isIpv4(from) !== isIpv4(to)) {
    return undefined;
  }
  return isIpv4(from) ? rangeV4(from, to) : rangeV6(from, to);
}

function rangeV4(first: IpAddress, last: IpAddress): string[] | undefined {
  let at = numberOf(first);
  const end = numberOf(last);
  if (at > end) return undefined;
  const prefixes: string[] = [];
  while (at <= end) {
    // The largest block that begins here and does not reach past the end.
    let bits = 32;
    while (
      bits > 0 && at % 2 ** (33 - bits) === 0 &&
      at + 2 ** (33 - bits) - 1 <= end
    ) bits--;
    prefixes.push(
      `${at >>> 24}.${at >>> 16 & 255}.${at >>> 8 & 255}.${at & 255}/${bits}`,
    );
    at += 2 ** (32 - bits);
  }
  return prefixes;
}

function rangeV6(first: IpAddress, last: IpAddress): string[] | undefined {
  let at = bigOf(first);
  const end = bigOf(last);
  if (at > end) return undefined;
  const prefixes: string[] = [];
  while (at <= end) {
    let size = 0n;
    while (
      size < 128n && (at & ((1n << (size + 1n)) - 1n)) === 0n &&
      at + (1n << (size + 1n)) - 1n <= end
    ) size++;
    prefixes.push(`${ipFromBytes(bytesOf(at))}/${128n - size}`);
    at += 1n << size;
  }
  return prefixes;
}

/** An IPv4 address as a number, 0 to 2^32 - 1. */
function numberOf(ip: IpAddress): number {
  const bytes = ipBytes(ip);
  return new DataView(bytes.buffer).getUint32(12);
}

function bigOf(ip: IpAddress): bigint {
  return BigInt(`0x${ipBytes(ip).toHex()}`);
}

function bytesOf(value: bigint): Uint8Array {
  return Uint8Array.fromHex(value.toString(16).padStart(32, "0"));
}
