/**
 * Addresses: text of any spelling in, one canonical text or 16 bytes out.
 *
 * The canonical text is the join key of the whole pipeline, so that `::ffff:192.0.2.1`, which a
 * dual-stack socket reports, and `192.0.2.1`, which a packet shows, must come out equal. A zone
 * (`%eth0`) is dropped: it names an interface of this host, not the peer.
 *
 * @module
 */
import { invariant } from "./invariant.ts";
import type { IpAddress } from "./events.ts";

/** Reads any text of an address; undefined if it is none. Octets are decimal without leading zeros. */
export function parseIp(text: string): IpAddress | undefined {
  if (!readIp(text, scratch, 0)) return undefined;
  return formatWords(scratch, 0, text);
}

/** The 16 bytes of an address in network order, IPv4 as `::ffff:a.b.c.d`. */
export function ipBytes(ip: IpAddress): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  writeIpBytes(ip, bytes, 0);
  return bytes;
}

/** {@linkcode ipBytes} into `out[at..at + 16]`, without an allocation. */
export function writeIpBytes(ip: IpAddress, out: Uint8Array, at: number): void {
  invariant(readIp(ip, scratch, 0), "an IpAddress was made without parseIp()");
  for (let word = 0; word < 4; word++) {
    const value = scratch[word] ?? 0;
    out[at++] = value >>> 24;
    out[at++] = value >>> 16;
    out[at++] = value >>> 8;
    out[at++] = value;
  }
}

/** The address in `bytes[at..at + 16]`, network order. */
export function ipFromBytes(bytes: Uint8Array, at = 0): IpAddress {
  for (let word = 0; word < 4; word++) {
    scratch[word] = ((bytes[at++] ?? 0) << 24) | ((bytes[at++] ?? 0) << 16) |
      ((bytes[at++] ?? 0) << 8) | (bytes[at++] ?? 0);
  }
  return formatWords(scratch, 0);
}

/** Whether the canonical text is an IPv4 address. */
export function isIpv4(ip: IpAddress): boolean {
  return !ip.includes(":");
}

/** How many leading bits {@linkcode maskIp} keeps, by family. */
export interface PrefixLengths {
  /** 0..32 */
  readonly v4: number;
  /** 0..128 */
  readonly v6: number;
}

/** The address with everything behind the prefix set to zero. */
export function maskIp(ip: IpAddress, keep: PrefixLengths): IpAddress {
  invariant(readIp(ip, scratch, 0), "an IpAddress was made without parseIp()");
  const bits = isIpv4(ip) ? 96 + keep.v4 : keep.v6;
  for (let word = 0; word < 4; word++) {
    scratch[word] = (scratch[word] ?? 0) & wordMask(bits, word);
  }
  return formatWords(scratch, 0);
}

/** Mask of 32-bit word 0..3 for a prefix of `bits` (0..128), as a signed integer. */
export function wordMask(bits: number, word: number): number {
  const kept = bits - word * 32;
  return kept >= 32 ? -1 : kept <= 0 ? 0 : -1 << (32 - kept);
}

const scratch = new Uint32Array(4);
const COLON = 58;
const DOT = 46;
const PERCENT = 37;

/**
 * Reads an address into four words, most significant first, IPv4 as `::ffff:a.b.c.d`; false if
 * `text` is not an address (then the words hold anything). Allocates nothing.
 */
export function readIp(text: string, words: Uint32Array, at: number): boolean {
  if (text.length > 128) return false;
  for (let i = 0; i < 5 && i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === COLON) return readIpv6(text, words, at);
    if (char === DOT) break;
  }
  const v4 = readIpv4(text, 0, text.length);
  if (v4 < 0) return false;
  words[at] = 0;
  words[at + 1] = 0;
  words[at + 2] = 0xffff;
  words[at + 3] = v4;
  return true;
}

/** Dotted quad in `text[from..to]`, or -1. */
function readIpv4(text: string, from: number, to: number): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = from; i < to; i++) {
    const char = text.charCodeAt(i);
    if (char === DOT) {
      if (octet < 0) return -1;
      value = value * 256 + octet;
      octet = -1;
      dots++;
      continue;
    }
    const digit = char - 48;
    if (digit < 0 || digit > 9 || octet === 0) return -1; // 010 is octal to some, 10 to others
    octet = octet < 0 ? digit : octet * 10 + digit;
    if (octet > 255) return -1;
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

const groups = new Uint16Array(8);

/** RFC 4291, section 2.2: eight groups, one `::`, the last two groups perhaps a dotted quad. */
function readIpv6(text: string, words: Uint32Array, at: number): boolean {
  const percent = text.indexOf("%");
  const end = percent < 0 ? text.length : percent;
  if (percent >= 0 && percent === text.length - 1) return false;
  let count = 0;
  let gap = -1;
  let i = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false;
    gap = 0;
    i = 2;
  }
  while (i < end) {
    if (count === 8) return false;
    const start = i;
    let value = 0;
    for (; i < end; i++) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      value = value * 16 + digit;
      if (i - start === 4) return false;
    }
    const stop = i < end ? text.charCodeAt(i) : PERCENT;
    if (stop === DOT) {
      const v4 = readIpv4(text, start, end);
      if (v4 < 0 || count > 6) return false;
      groups[count++] = v4 >>> 16;
      groups[count++] = v4 & 0xffff;
      i = end;
      break;
    }
    if (i === start) return false;
    groups[count++] = value;
    if (stop === PERCENT) break;
    if (stop !== COLON) return false;
    i++;
    if (i === end) return false; // a single colon at the end
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  const shift = 8 - count;
  for (let group = 0; group < 8; group += 2) {
    words[at + (group >> 1)] =
      (groupAt(group, gap, shift) << 16 | groupAt(group + 1, gap, shift)) >>> 0;
  }
  return true;
}

function groupAt(index: number, gap: number, shift: number): number {
  if (gap < 0 || index < gap) return groups[index] ?? 0;
  return index < gap + shift ? 0 : groups[index - shift] ?? 0;
}

function hexDigit(char: number): number {
  if (char >= 48 && char <= 57) return char - 48;
  const lower = char | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Canonical text; returns `known` itself where it is that text, so that no second string lives. */
function formatWords(
  words: Uint32Array,
  at: number,
  known?: string,
): IpAddress {
  const a = words[at] ?? 0;
  const b = words[at + 1] ?? 0;
  const c = words[at + 2] ?? 0;
  const d = words[at + 3] ?? 0;
  if (a === 0 && b === 0 && c === 0xffff) {
    // A dotted quad that parsed has only one spelling.
    if (known !== undefined && known.indexOf(":") < 0) {
      return known as IpAddress;
    }
    return `${d >>> 24}.${d >>> 16 & 255}.${d >>> 8 & 255}.${
      d & 255
    }` as IpAddress;
  }
  return formatIpv6([
    a >>> 16,
    a & 0xffff,
    b >>> 16,
    b & 0xffff,
    c >>> 16,
    c & 0xffff,
    d >>> 16,
    d & 0xffff,
  ]);
}

/** RFC 5952, section 4: lower case, no leading zeros, the first longest run of zeros as `::`. */
function formatIpv6(values: readonly number[]): IpAddress {
  let bestAt = -1;
  let bestLength = 1;
  for (let i = 0; i < 8;) {
    let length = 0;
    while (i + length < 8 && values[i + length] === 0) length++;
    if (length > bestLength) {
      bestAt = i;
      bestLength = length;
    }
    i += length + 1;
  }
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (i === bestAt) {
      text += "::";
      i += bestLength - 1;
      continue;
    }
    if (text !== "" && !text.endsWith(":")) text += ":";
    text += (values[i] ?? 0).toString(16);
  }
  return text as IpAddress;
}
