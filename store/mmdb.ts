/**
 * Reads MaxMind DB files (.mmdb): bytes in, networks with their records out. The format is
 * MaxMind-DB-spec 2.0: a binary search tree over the bits of an address, a data section, metadata.
 *
 * The whole file is walked once, into a table; nothing is looked up here. A damaged file, or one made
 * to harm, ends with a MmdbFault: every offset is checked, every node is visited once, and nesting
 * is bounded.
 *
 * @module
 */

/** What is wrong with a file. */
export class MmdbFault extends Error {
  override readonly name = "MmdbFault";
}

/** A decoded value: maps are objects, 64-bit and larger integers are bigint. */
export type MmdbValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly MmdbValue[]
  | { readonly [key: string]: MmdbValue };

/** A network of the file: 16 bytes of address, IPv4 as `::ffff:a.b.c.d`, and how many bits count. */
export interface MmdbNetwork {
  readonly bytes: Uint8Array;
  /** 0..128; those of IPv4 include the 96 in front. */
  readonly bits: number;
  readonly value: MmdbValue;
}

/** Metadata that matters here. */
export interface MmdbMetadata {
  readonly nodeCount: number;
  readonly recordSize: 24 | 28 | 32;
  readonly ipVersion: 4 | 6;
  readonly databaseType: string;
}

/** Marks the metadata; it is looked for in the last 128 KiB. */
const MARKER = Uint8Array.of(
  0xab,
  0xcd,
  0xef,
  ...new TextEncoder().encode("MaxMind.com"),
);
const METADATA_BYTES_MAX = 128 * 1024;
/** Zero bytes between tree and data. */
const SEPARATOR_BYTES = 16;
/** Maps and arrays within each other; real files have three or four. */
const NESTING_MAX = 16;
/** Values of one record, those behind pointers included. */
const VALUES_MAX = 10_000;

/** Whether these are the bytes of such a file. */
export function isMmdb(bytes: Uint8Array): boolean {
  return findMarker(bytes) !== undefined;
}

/** A file that has been opened. */
export class MmdbFile {
  readonly metadata: MmdbMetadata;
  readonly #tree: Uint8Array;
  readonly #data: Decoder;
  /** Records are shared by many networks; each is decoded once. */
  readonly #records = new Map<number, MmdbValue>();

  /** @throws {MmdbFault} if the bytes are no such file. */
  constructor(bytes: Uint8Array) {
    const start = findMarker(bytes);
    if (start === undefined) throw new MmdbFault("it has no metadata");
    this.metadata = readMetadata(new Decoder(bytes.subarray(start)));
    const { nodeCount, recordSize } = this.metadata;
    const treeBytes = nodeCount * recordSize / 4;
    if (treeBytes + SEPARATOR_BYTES > start - MARKER.length) {
      throw new MmdbFault("its tree is cut off");
    }
    this.#tree = bytes.subarray(0, treeBytes);
    this.#data = new Decoder(
      bytes.subarray(treeBytes + SEPARATOR_BYTES, start - MARKER.length),
    );
  }

  /**
   * All networks that have a record, in order of address. Networks that repeat the IPv4 ones in IPv6
   * (6to4, Teredo, mapped) are left out.
   */
  *networks(): Generator<MmdbNetwork> {
    const { nodeCount, ipVersion } = this.metadata;
    const seen = new Uint8Array(nodeCount);
    // Depth first, left before right: [node or record, its bits]. A path is at most 128 deep.
    const stack: { record: number; bytes: Uint8Array; bits: number }[] = [
      { record: 0, bytes: new Uint8Array(16), bits: ipVersion === 4 ? 96 : 0 },
    ];
    while (true) {
      const top = stack.pop();
      if (top === undefined) return;
      const { record, bytes, bits } = top;
      if (record === nodeCount) continue;
      if (record > nodeCount) {
        yield {
          bytes: mapped(bytes, bits),
          bits,
          value: this.#value(record - nodeCount - SEPARATOR_BYTES),
        };
        continue;
      }
      if (bits >= 128) {
        throw new MmdbFault("its tree is deeper than an address");
      }
      // A second way to the same node is an alias of the IPv4 networks, which come first.
      if (seen[record] === 1) continue;
      seen[record] = 1;
      const right = bytes.slice();
      right[bits >> 3] = (right[bits >> 3] ?? 0) | (0x80 >> (bits & 7));
      stack.push({
        record: this.#child(record, 1),
        bytes: right,
        bits: bits + 1,
      });
      stack.push({ record: this.#child(record, 0), bytes, bits: bits + 1 });
    }
  }

  #child(node: number, side: 0 | 1): number {
    const tree = this.#tree;
    const { recordSize } = this.metadata;
    const at = node * recordSize / 4;
    const byte = (index: number): number => tree[at + index] ?? 0;
    switch (recordSize) {
      case 24: {
        const from = side * 3;
        return byte(from) << 16 | byte(from + 1) << 8 | byte(from + 2);
      }
      case 28: {
        // The fourth byte holds the high half-bytes of both.
        const high = side === 0 ? byte(3) >> 4 : byte(3) & 0x0f;
        const from = side * 4;
        return high * 2 ** 24 + (byte(from) << 16) + (byte(from + 1) << 8) +
          byte(from + 2);
      }
      case 32: {
        const from = side * 4;
        return byte(from) * 2 ** 24 + (byte(from + 1) << 16) +
          (byte(from + 2) << 8) + byte(from + 3);
      }
    }
  }

  #value(offset: number): MmdbValue {
    const known = this.#records.get(offset);
    if (known !== undefined) return known;
    const value = this.#data.at(offset);
    this.#records.set(offset, value);
    return value;
  }
}

/** In an IPv6 file the IPv4 networks are those of ::/96. */
function mapped(bytes: Uint8Array, bits: number): Uint8Array {
  if (bits < 96 || bytes.subarray(0, 12).some((byte) => byte !== 0)) {
    return bytes;
  }
  const result = bytes.slice();
  result[10] = 0xff;
  result[11] = 0xff;
  return result;
}

/** Where the metadata begins: behind the last marker. */
function findMarker(bytes: Uint8Array): number | undefined {
  const first = Math.max(0, bytes.length - METADATA_BYTES_MAX);
  for (let at = bytes.length - MARKER.length; at >= first; at--) {
    if (MARKER.every((byte, index) => bytes[at + index] === byte)) {
      return at + MARKER.length;
    }
  }
  return undefined;
}

function readMetadata(decoder: Decoder): MmdbMetadata {
  const map = decoder.at(0);
  if (!isMap(map)) throw new MmdbFault("its metadata is no map");
  const nodeCount = Number(map["node_count"]);
  const recordSize = Number(map["record_size"]);
  const ipVersion = Number(map["ip_version"]);
  const major = Number(map["binary_format_major_version"]);
  if (major !== 2) throw new MmdbFault(`its format is ${major} instead of 2`);
  if (recordSize !== 24 && recordSize !== 28 && recordSize !== 32) {
    throw new MmdbFault("it has records of an unknown size");
  }
  if (ipVersion !== 4 && ipVersion !== 6) {
    throw new MmdbFault("it is neither for IPv4 nor for IPv6");
  }
  if (!Number.isSafeInteger(nodeCount) || nodeCount < 1) {
    throw new MmdbFault("it has no tree");
  }
  const databaseType = String(map["database_type"] ?? "");
  return { nodeCount, recordSize, ipVersion, databaseType };
}

/** Whether a value is a map. */
export function isMap(
  value: MmdbValue | undefined,
): value is { readonly [key: string]: MmdbValue } {
  return typeof value === "object" && !Array.isArray(value) &&
    !(value instanceof Uint8Array);
}

const text = new TextDecoder();
const BIG_ENDIAN = false;

/** The data section: values by their offset. */
class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Values that the record may still have. */
  #left = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  at(offset: number): MmdbValue {
    if (offset < 0 || offset >= this.#bytes.length) {
      throw new MmdbFault("a record points outside of its data");
    }
    this.#at = offset;
    this.#left = VALUES_MAX;
    return this.#value(0);
  }

  #take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new MmdbFault("its data is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  #unsigned(count: number): number {
    let value = 0;
    for (const byte of this.#take(count)) value = value * 256 + byte;
    return value;
  }

  #value(depth: number): MmdbValue {
    if (depth > NESTING_MAX) throw new MmdbFault("its records nest too deep");
    if (this.#left-- <= 0) throw new MmdbFault("a record has too many values");
    const control = this.#byte();
    let type = control >> 5;
    if (type === 1) return this.#pointed(control, depth);
    if (type === 0) type = 7 + this.#byte();
    const size = this.#size(control);
    switch (type) {
      case 2:
        return text.decode(this.#take(size));
      case 3:
        this.#expect(size, 8);
        return this.#float(8);
      case 4:
        return this.#take(size).slice();
      case 5:
      case 6:
        return this.#unsigned(Math.min(size, 4));
      case 7:
        return this.#map(size, depth);
      case 8: {
        const value = this.#unsigned(Math.min(size, 4));
        return size === 4 && value >= 2 ** 31 ? value - 2 ** 32 : value;
      }
      case 9:
      case 10: {
        let value = 0n;
        for (const byte of this.#take(Math.min(size, 16))) {
          value = value << 8n | BigInt(byte);
        }
        return value;
      }
      case 11: {
        const values: MmdbValue[] = [];
        for (let i = 0; i < size; i++) values.push(this.#value(depth + 1));
        return values;
      }
      case 14:
        return size !== 0;
      case 15:
        this.#expect(size, 4);
        return this.#float(4);
      default:
        throw new MmdbFault(`it has a value of the unknown type ${type}`);
    }
  }

  #map(size: number, depth: number): MmdbValue {
    const entries: [string, MmdbValue][] = [];
    for (let i = 0; i < size; i++) {
      const key = this.#value(depth + 1);
      if (typeof key !== "string") throw new MmdbFault("a key is no text");
      entries.push([key, this.#value(depth + 1)]);
    }
    return Object.fromEntries(entries);
  }

  #size(control: number): number {
    const size = control & 0x1f;
    switch (size) {
      case 29:
        return 29 + this.#byte();
      case 30:
        return 285 + this.#unsigned(2);
      case 31:
        return 65_821 + this.#unsigned(3);
      default:
        return size;
    }
  }

  /** A pointer: the value is elsewhere, and reading goes on behind the pointer. */
  #pointed(control: number, depth: number): MmdbValue {
    const high = control & 7;
    let target: number;
    switch (control >> 3 & 3) {
      case 0:
        target = high * 2 ** 8 + this.#byte();
        break;
      case 1:
        target = high * 2 ** 16 + this.#unsigned(2) + 2048;
        break;
      case 2:
        target = high * 2 ** 24 + this.#unsigned(3) + 526_336;
        break;
      default:
        target = this.#unsigned(4);
    }
    if (target >= this.#bytes.length) {
      throw new MmdbFault("a pointer leads outside of its data");
    }
    const back = this.#at;
    this.#at = target;
    const value = this.#value(depth + 1);
    this.#at = back;
    return value;
  }

  #expect(size: number, wanted: number): void {
    if (size !== wanted) throw new MmdbFault("a number has the wrong length");
  }

  #float(size: 4 | 8): number {
    const at = this.#at;
    this.#take(size);
    return size === 8
      ? this.#view.getFloat64(at, BIG_ENDIAN)
      : this.#view.getFloat32(at, BIG_ENDIAN);
  }
}
