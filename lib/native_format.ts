/**
 * ClickHouse's Native format: columns in, one block of bytes out. Written column by column from
 * typed arrays and lists of strings, without an object a value; the server reads it several times
 * cheaper than JSONEachRow (bench/insert.ts).
 *
 * A block is: column count, row count, then for each column its name, its type and its values.
 * Lengths are LEB128, numbers little-endian. `LowCardinality(String)` goes out as its distinct
 * texts and an index a row, so that neither side handles a text more than once; where it is an
 * element of another type it is sent as `String`, and the server converts.
 *
 * @module
 */
import { invariant } from "./invariant.ts";

/** Cumulative ends of the rows of an Array or Map: row i is `values[ends[i - 1] .. ends[i]]`. */
export interface ArrayData {
  readonly ends: ArrayLike<number>;
  readonly values: ColumnData;
}

/** Keys and values of all rows of a `Map(K, V)`, with the cumulative ends of the rows. */
export interface MapData {
  readonly ends: ArrayLike<number>;
  readonly keys: ColumnData;
  readonly values: ColumnData;
}

/**
 * Values of one column, by type:
 * - String: `string[]`
 * - integers, Float32, Float64, Bool, Enum8: anything array-like of numbers (a boolean is 0 or 1);
 *   64-bit types, DateTime64 and Date also take numbers, exact up to 2^53; a `BigInt64Array` or
 *   `BigUint64Array` is copied
 * - DateTime: seconds since the epoch; DateTime64(p): ticks of 10^-p seconds since the epoch
 * - IPv6, UUID: `Uint8Array` of rows x 16, network byte order
 * - Array(T), Map(K, V): see {@linkcode ArrayData} and {@linkcode MapData}
 */
export type ColumnData =
  | readonly string[]
  | ArrayLike<number>
  | BigInt64Array
  | BigUint64Array
  | ArrayData
  | MapData;

/** A named column of a block. */
export interface Column {
  readonly name: string;
  /** The type of the table's column, as ClickHouse writes it. */
  readonly type: string;
  readonly data: ColumnData;
}

/** Encodes one block of `rows` rows. */
export function encodeNative(
  columns: readonly Column[],
  rows: number,
): Uint8Array<ArrayBuffer> {
  const out = new BlockWriter();
  out.varint(columns.length);
  out.varint(rows);
  for (const { name, type, data } of columns) {
    const sent = type === LOW_CARDINALITY ? type : withoutLowCardinality(type);
    out.string(name);
    out.string(sent);
    writeValues(out, sent, data, rows);
  }
  return out.finish();
}

const LOW_CARDINALITY = "LowCardinality(String)";

/** `LowCardinality(T)` as `T`, at any depth. */
function withoutLowCardinality(type: string): string {
  return type.replaceAll(/LowCardinality\((\w+(?:\(\d+\))?)\)/g, "$1");
}

function writeValues(
  out: BlockWriter,
  type: string,
  data: ColumnData,
  rows: number,
): void {
  const base = /^\w+/.exec(type)?.[0] ?? "";
  switch (base) {
    case "LowCardinality":
      checkLength(type, (data as readonly string[]).length, rows);
      return writeLowCardinality(out, data as readonly string[]);
    case "Array": {
      const { ends, values } = data as ArrayData;
      writeEnds(out, ends, rows);
      return writeValues(out, inner(type)[0] ?? "", values, total(ends, rows));
    }
    case "Map": {
      const { ends, keys, values } = data as MapData;
      const [keyType = "", valueType = ""] = inner(type);
      const count = total(ends, rows);
      writeEnds(out, ends, rows);
      writeValues(out, keyType, keys, count);
      return writeValues(out, valueType, values, count);
    }
    case "String":
      checkLength(type, (data as readonly string[]).length, rows);
      return out.strings(data as readonly string[]);
    case "IPv6":
      checkLength(type, (data as Uint8Array).length, rows * 16);
      return out.bytes(data as Uint8Array);
    case "UUID":
      checkLength(type, (data as Uint8Array).length, rows * 16);
      return out.uuids(data as Uint8Array);
    default:
      checkLength(type, (data as ArrayLike<number>).length, rows);
      return writeNumbers(out, base, data as ArrayLike<number>);
  }
}

/** Version of the serialization: dictionaries travel with the block. */
const SHARED_DICTIONARIES_WITH_ADDITIONAL_KEYS = 1;
/** The block has keys of its own, and they make the dictionary. */
const HAS_ADDITIONAL_KEYS = 1 << 9;
const NEED_UPDATE_DICTIONARY = 1 << 10;

/** The distinct texts in the order they come, and for each row which one it is. */
function writeLowCardinality(out: BlockWriter, texts: readonly string[]): void {
  const rows = texts.length;
  if (rows === 0) return;
  const numbers = new Map<string, number>();
  const indexes = new Uint32Array(rows);
  let previous: string | undefined;
  let number = 0;
  for (let row = 0; row < rows; row++) {
    const text = texts[row] ?? "";
    if (text !== previous) {
      const known = numbers.get(text);
      if (known === undefined) numbers.set(text, number = numbers.size);
      else number = known;
      previous = text;
    }
    indexes[row] = number;
  }
  // Type of the indexes: 0, 1 and 2 are 8, 16 and 32 bits.
  const type = numbers.size <= 2 ** 8 ? 0 : numbers.size <= 2 ** 16 ? 1 : 2;
  const flags = HAS_ADDITIONAL_KEYS | NEED_UPDATE_DICTIONARY | type;
  out.integers(
    [SHARED_DICTIONARIES_WITH_ADDITIONAL_KEYS, flags, numbers.size],
    8,
  );
  out.strings([...numbers.keys()]);
  out.integers([rows], 8);
  const sized = type === 0
    ? Uint8Array.from(indexes)
    : type === 1
    ? Uint16Array.from(indexes)
    : indexes;
  out.bytes(new Uint8Array(sized.buffer));
}

/** Integer types that go out as 32-bit words of a number: low word, then high word if 64 bits wide. */
const WIDTH: Readonly<Record<string, 1 | 2 | 4 | 8>> = {
  Bool: 1,
  Enum8: 1,
  UInt8: 1,
  Int8: 1,
  UInt16: 2,
  Int16: 2,
  Date: 2,
  UInt32: 4,
  Int32: 4,
  DateTime: 4,
  UInt64: 8,
  Int64: 8,
  DateTime64: 8,
};

function writeNumbers(
  out: BlockWriter,
  base: string,
  data: ArrayLike<number> | BigInt64Array | BigUint64Array,
): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    invariant(WIDTH[base] === 8, `${base} is not 64 bits wide`);
    return out.bytes(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  }
  if (base === "Float64") return out.floats(data, Float64Array);
  if (base === "Float32") return out.floats(data, Float32Array);
  const width = WIDTH[base];
  invariant(width !== undefined, `the type ${base} cannot be encoded`);
  out.integers(data, width);
}

function writeEnds(
  out: BlockWriter,
  ends: ArrayLike<number>,
  rows: number,
): void {
  checkLength("Array", ends.length, rows);
  out.integers(ends, 8);
}

function total(ends: ArrayLike<number>, rows: number): number {
  return rows === 0 ? 0 : ends[rows - 1] ?? 0;
}

/** The arguments of `Array(T)` or `Map(K, V)`, split at the comma that is not in parentheses. */
function inner(type: string): string[] {
  const text = type.slice(type.indexOf("(") + 1, -1);
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const char = text[i];
    if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (i === text.length || (char === "," && depth === 0)) {
      found.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return found;
}

function checkLength(type: string, found: number, wanted: number): void {
  invariant(
    found === wanted,
    `a ${type} column has ${found} values instead of ${wanted}`,
  );
}

const encoder = new TextEncoder();
const LITTLE_ENDIAN = true;

/** A string this short is copied char by char while it is ASCII: cheaper than a call of encodeInto. */
const SHORT = 24;

/** A growing buffer with the few ways of writing that the format needs. */
class BlockWriter {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room for `more` bytes. */
  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const capacity = Math.max(needed, this.#bytes.length * 2);
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(capacity));
  }

  bytes(data: Uint8Array): void {
    this.#reserve(data.length);
    this.#bytes.set(data, this.#length);
    this.#length += data.length;
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  string(text: string): void {
    this.strings([text]);
  }

  /** Length and UTF-8 bytes of each string. A run of equal strings is encoded once and copied. */
  strings(texts: readonly string[]): void {
    let previous: string | undefined;
    let previousStart = 0;
    for (const text of texts) {
      // UTF-8 takes at most three bytes for a UTF-16 unit.
      this.#reserve(text.length * 3 + 10);
      const start = this.#length;
      if (text === previous) {
        this.#bytes.copyWithin(start, previousStart, start);
        this.#length = start + (start - previousStart);
      } else if (!this.#ascii(text)) this.#utf8(text);
      previous = text;
      previousStart = start;
    }
  }

  /** Writes a short ASCII string; false, and nothing written, if it is neither. */
  #ascii(text: string): boolean {
    const length = text.length;
    if (length > SHORT) return false;
    const bytes = this.#bytes;
    const start = this.#length + 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      bytes[start + i] = code;
    }
    bytes[start - 1] = length;
    this.#length = start + length;
    return true;
  }

  /** Guesses the size of the prefix from the UTF-16 length and moves the bytes if it was wrong. */
  #utf8(text: string): void {
    const start = this.#length;
    const guess = varintBytes(text.length);
    const length = encoder.encodeInto(
      text,
      this.#bytes.subarray(start + guess),
    ).written;
    const prefix = varintBytes(length);
    if (prefix !== guess) {
      this.#bytes.copyWithin(
        start + prefix,
        start + guess,
        start + guess + length,
      );
    }
    this.varint(length);
    this.#length = start + prefix + length;
  }

  /** RFC 9562 byte order in; ClickHouse keeps each half as a little-endian 64-bit number. */
  uuids(data: Uint8Array): void {
    this.#reserve(data.length);
    for (let half = 0; half < data.length; half += 8) {
      for (let i = 7; i >= 0; i--) {
        this.#bytes[this.#length++] = data[half + i] ?? 0;
      }
    }
  }

  /** Little-endian integers of `width` bytes; negative ones in two's complement. */
  integers(data: ArrayLike<number>, width: 1 | 2 | 4 | 8): void {
    const length = data.length;
    this.#reserve(length * width);
    const view = new DataView(this.#bytes.buffer, this.#length);
    for (let i = 0; i < length; i++) {
      const value = data[i] ?? 0;
      switch (width) {
        case 1:
          view.setUint8(i, value);
          break;
        case 2:
          view.setUint16(i * 2, value, LITTLE_ENDIAN);
          break;
        case 4:
          view.setUint32(i * 4, value, LITTLE_ENDIAN);
          break;
        case 8:
          // Exact up to 2^53: both words come from floor division, so negative values work too.
          view.setUint32(i * 8, value, LITTLE_ENDIAN);
          view.setInt32(i * 8 + 4, Math.floor(value / 2 ** 32), LITTLE_ENDIAN);
      }
    }
    this.#length += length * width;
  }

  floats(
    data: ArrayLike<number>,
    kind: Float32ArrayConstructor | Float64ArrayConstructor,
  ): void {
    const values = data instanceof kind ? data : kind.from(data);
    this.bytes(
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    );
  }
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}
