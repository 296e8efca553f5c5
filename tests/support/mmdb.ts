/**
 * Writes small MaxMind DB files for tests: networks and their records in, bytes of the file out.
 *
 * @module
 */
import { parseNetwork } from "../../lib/ip_filter.ts";
import type { MmdbValue } from "../../store/mmdb.ts";

/** Options of {@linkcode writeMmdb}. */
export interface MmdbOptions {
  readonly recordSize?: 24 | 28 | 32;
  readonly ipVersion?: 4 | 6;
  readonly databaseType?: string;
  /** Repeats the IPv4 networks in 2002::/16, as MaxMind's own files do. */
  readonly aliases?: boolean;
}

type Node = [Child, Child];
type Child = Node | { readonly value: MmdbValue } | undefined;

/** A file with these networks; a later one lies within an earlier one or beside it. */
export function writeMmdb(
  networks: readonly (readonly [string, MmdbValue])[],
  options: MmdbOptions = {},
): Uint8Array<ArrayBuffer> {
  const {
    recordSize = 24,
    ipVersion = 6,
    databaseType = "Test",
    aliases = false,
  } = options;
  const root: Node = [undefined, undefined];
  for (const [text, value] of networks) {
    insert(root, pathOf(text, ipVersion), { value });
  }
  if (aliases) {
    const v4 = at(root, "0".repeat(96));
    insert(root, bitsOf(0x2002, 16), v4);
  }
  const nodes: Node[] = [];
  const number = new Map<Node, number>();
  const visit = (node: Node): void => {
    if (number.has(node)) return;
    number.set(node, nodes.length);
    nodes.push(node);
    for (const child of node) if (Array.isArray(child)) visit(child);
  };
  visit(root);

  const data: number[] = [];
  const offsets = new Map<string, number>();
  const record = (child: Child): number => {
    if (child === undefined) return nodes.length;
    if (Array.isArray(child)) return number.get(child) ?? 0;
    const key = JSON.stringify(
      child.value,
      (_, value) => typeof value === "bigint" ? `${value}n` : value,
    );
    let offset = offsets.get(key);
    if (offset === undefined) {
      offset = data.length;
      offsets.set(key, offset);
      data.push(...encode(child.value));
    }
    return nodes.length + 16 + offset;
  };
  const tree = nodes.flatMap(([left, right]) =>
    pair(record(left), record(right), recordSize)
  );
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_795_000_000n,
    database_type: databaseType,
    description: { en: "for tests" },
    ip_version: ipVersion,
    languages: ["en"],
    node_count: nodes.length,
    record_size: recordSize,
  });
  return Uint8Array.from([
    ...tree,
    ...Array(16).fill(0),
    ...data,
    0xab,
    0xcd,
    0xef,
    ...new TextEncoder().encode("MaxMind.com"),
    ...metadata,
  ]);
}

function pathOf(text: string, ipVersion: 4 | 6): string {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`"${text}" is no network`);
  const all = [...network.words].map((word) => bitsOf(word, 32)).join("");
  if (!network.v4) return all.slice(0, network.bits);
  const v4 = all.slice(96, network.bits);
  return ipVersion === 4 ? v4 : "0".repeat(96) + v4;
}

function bitsOf(value: number, width: number): string {
  return value.toString(2).padStart(width, "0");
}

function at(root: Node, path: string): Child {
  let node: Child = root;
  for (const bit of path) {
    node = Array.isArray(node) ? node[Number(bit)] : undefined;
  }
  return node;
}

function insert(root: Node, path: string, value: Child): void {
  let node = root;
  for (const [index, bit] of [...path].entries()) {
    const side = Number(bit) as 0 | 1;
    if (index === path.length - 1) {
      node[side] = value;
      return;
    }
    const next = node[side];
    // A record in the way covers both halves of the new node.
    node = node[side] = Array.isArray(next) ? next : [next, next];
  }
}

function pair(left: number, right: number, recordSize: 24 | 28 | 32): number[] {
  const bytes = (value: number, count: number): number[] =>
    Array.from(
      { length: count },
      (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256,
    );
  if (recordSize !== 28) {
    return [...bytes(left, recordSize / 8), ...bytes(right, recordSize / 8)];
  }
  const high = Math.floor(left / 2 ** 24) << 4 | Math.floor(right / 2 ** 24);
  return [...bytes(left % 2 ** 24, 3), high, ...bytes(right % 2 ** 24, 3)];
}

function encode(value: MmdbValue): number[] {
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    return [...control(2, bytes.length), ...bytes];
  }
  if (typeof value === "boolean") return control(14, Number(value));
  if (typeof value === "number") {
    const bytes = [24, 16, 8, 0].map((shift) => value >>> shift & 255);
    const used = bytes.slice(bytes.findIndex((byte) => byte !== 0));
    return value === 0 ? control(6, 0) : [...control(6, used.length), ...used];
  }
  if (typeof value === "bigint") {
    const bytes = [...Uint8Array.fromHex(value.toString(16).padStart(16, "0"))];
    return [...control(9, 8), ...bytes];
  }
  if (value instanceof Uint8Array) {
    return [...control(4, value.length), ...value];
  }
  if (Array.isArray(value)) {
    return [...control(11, value.length), ...value.flatMap(encode)];
  }
  const entries = Object.entries(value);
  return [
    ...control(7, entries.length),
    ...entries.flatMap(([key, inner]) => [...encode(key), ...encode(inner)]),
  ];
}

function control(type: number, size: number): number[] {
  const [small, more] = size < 29
    ? [size, []]
    : size < 285
    ? [29, [size - 29]]
    : [30, [size - 285 >> 8, size - 285 & 255]];
  return type < 8 ? [type << 5 | small, ...more] : [small, type - 7, ...more];
}
