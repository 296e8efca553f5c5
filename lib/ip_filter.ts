/**
 * Sets of networks: a list of CIDR texts in, "is this address in one of them" out.
 *
 * All networks lie in one open-addressing table keyed by the masked address and its prefix length;
 * a look-up costs one probe per distinct length in use. `node:net`'s BlockList took 24 us for a
 * thousand networks and is the oracle of the tests; this takes about 0.2 us. IPv4 and IPv6 are
 * kept apart: `::/0` holds no IPv4 address, although IPv4 is stored as `::ffff:a.b.c.d`.
 *
 * @module
 */
import * as v from "valibot";
import type { IpAddress } from "./events.ts";
import { invariant } from "./invariant.ts";
import { readIp, wordMask } from "./ip.ts";

/** A network: four words, masked, IPv4 as `::ffff:a.b.c.d`, and its prefix length 0..128. */
export interface Network {
  readonly words: Uint32Array;
  readonly bits: number;
  readonly v4: boolean;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or an address alone; undefined if it is neither, or if bits
 * behind the prefix are set, which is a slip more often than not.
 */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const words = new Uint32Array(4);
  if (address.includes("%") || !readIp(address, words, 0)) return undefined;
  const v4 = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  const dotted = !address.includes(":");
  let bits = 128;
  if (slash >= 0) {
    const length = text.slice(slash + 1);
    if (!/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
    bits = Number(length) + (dotted ? 96 : 0);
    if (bits > 128 || (v4 && bits < 96)) return undefined;
  }
  for (let word = 0; word < 4; word++) {
    const value = words[word] ?? 0;
    if ((value & wordMask(bits, word)) >>> 0 !== value) return undefined;
  }
  return { words, bits, v4 };
}

/** A list of networks in a configuration, checked entry by entry. */
export function networkList(): v.GenericSchema<string[], string[]> {
  return v.array(
    v.pipe(
      v.string('expected networks such as "10.0.0.0/8"'),
      v.check(
        (text) => parseNetwork(text) !== undefined,
        'expected a network such as "10.0.0.0/8" or "2001:db8::/32"',
      ),
    ),
    'expected a list of networks such as ["10.0.0.0/8"]',
  );
}

/** An immutable set of networks. */
export class NetworkSet {
  /** How many distinct networks it holds. */
  readonly size: number;
  readonly #lengthsV4: readonly number[];
  readonly #lengthsV6: readonly number[];
  /** Five words an entry: the masked address, then prefix length + 1; 0 there marks a free entry. */
  readonly #table: Uint32Array;
  readonly #mask: number;
  readonly #words = new Uint32Array(4);

  /** Texts must be readable by {@linkcode parseNetwork}; a configuration has been checked for that. */
  constructor(texts: readonly string[]) {
    const networks = texts.map((text) => {
      const network = parseNetwork(text);
      invariant(network !== undefined, `"${text}" is not a network`);
      return network;
    });
    let entries = 8;
    while (entries < networks.length * 2) entries *= 2;
    this.#mask = entries - 1;
    this.#table = new Uint32Array(entries * 5);
    let size = 0;
    for (const { words, bits } of networks) {
      const [a = 0, b = 0, c = 0, d = 0] = words;
      const at = this.#probe(a, b, c, d, bits + 1);
      if (this.#table[at + 4] === 0) size++;
      this.#table.set([a, b, c, d, bits + 1], at);
    }
    this.size = size;
    this.#lengthsV4 = distinctLengths(networks.filter(({ v4 }) => v4));
    this.#lengthsV6 = distinctLengths(networks.filter(({ v4 }) => !v4));
  }

  /** Whether one of the networks holds the address. */
  has(ip: IpAddress): boolean {
    if (this.size === 0) return false;
    const words = this.#words;
    invariant(readIp(ip, words, 0), "an IpAddress was made without parseIp()");
    const a = words[0] ?? 0;
    const b = words[1] ?? 0;
    const c = words[2] ?? 0;
    const d = words[3] ?? 0;
    const v4 = a === 0 && b === 0 && c === 0xffff;
    for (const bits of v4 ? this.#lengthsV4 : this.#lengthsV6) {
      const at = this.#probe(
        (a & wordMask(bits, 0)) >>> 0,
        (b & wordMask(bits, 1)) >>> 0,
        (c & wordMask(bits, 2)) >>> 0,
        (d & wordMask(bits, 3)) >>> 0,
        bits + 1,
      );
      if (this.#table[at + 4] !== 0) return true;
    }
    return false;
  }

  /** Offset of the entry, or of the free one where it would be. */
  #probe(a: number, b: number, c: number, d: number, tag: number): number {
    const table = this.#table;
    let hash = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ hash >>> 15 ^ c, 0xc2b2ae35);
    hash = Math.imul(hash ^ hash >>> 13 ^ d ^ tag << 20, 0x27d4eb2f);
    let entry = (hash ^ hash >>> 16) & this.#mask;
    while (true) {
      const at = entry * 5;
      if (table[at + 4] === 0) return at;
      if (
        table[at] === a && table[at + 1] === b && table[at + 2] === c &&
        table[at + 3] === d && table[at + 4] === tag
      ) return at;
      entry = (entry + 1) & this.#mask;
    }
  }
}

/** Most specific first. */
function distinctLengths(networks: readonly Network[]): readonly number[] {
  return [...new Set(networks.map(({ bits }) => bits))].sort((x, y) => y - x);
}
