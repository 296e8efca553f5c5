import assert from "node:assert/strict";
import { InvariantError } from "./invariant.ts";
import { type Column, encodeNative } from "./native_format.ts";

/** The bytes of one column's values, after the header of a block with that column alone. */
function values(
  type: string,
  sent: string,
  data: Column["data"],
  rows: number,
): number[] {
  const header = [
    1,
    rows,
    1,
    "c".charCodeAt(0),
    sent.length,
    ...new TextEncoder().encode(sent),
  ];
  const bytes = [...encodeNative([{ name: "c", type, data }], rows)];
  assert.deepEqual(bytes.slice(0, header.length), header);
  return bytes.slice(header.length);
}

Deno.test.each([
  { type: "UInt8", data: [0, 255], want: [0, 255] },
  { type: "Bool", data: [1, 0], want: [1, 0] },
  { type: "Enum8('a' = -1, 'b' = 2)", data: [-1, 2], want: [255, 2] },
  { type: "UInt16", data: [0x1234, 1], want: [0x34, 0x12, 1, 0] },
  { type: "Int32", data: [-2, 1], want: [254, 255, 255, 255, 1, 0, 0, 0] },
  { type: "DateTime('UTC')", data: [0xffffffff], want: [255, 255, 255, 255] },
  { type: "Int64", data: [-1], want: Array(8).fill(255) },
  { type: "Int64", data: [-(2 ** 40)], want: [0, 0, 0, 0, 0, 255, 255, 255] },
  {
    type: "DateTime64(6, 'UTC')",
    data: [2 ** 52 + 1],
    want: [1, 0, 0, 0, 0, 0, 16, 0],
  },
  {
    type: "UInt64",
    data: new BigUint64Array([2n ** 64n - 1n]),
    want: Array(8).fill(255),
  },
  { type: "Float32", data: [1.5], want: [0, 0, 192, 63] },
  { type: "Float64", data: [1.5], want: [0, 0, 0, 0, 0, 0, 248, 63] },
  { type: "String", data: ["", "aé"], want: [0, 3, 97, 195, 169] },
])("encodeNative() writes $type", ({ type, data, want }) => {
  assert.deepEqual(values(type, type, data, data.length), want);
});

Deno.test("encodeNative() writes UUIDs as two little-endian halves", () => {
  const uuid = Uint8Array.from({ length: 16 }, (_, i) => i);
  assert.deepEqual(values("UUID", "UUID", uuid, 1), [
    7,
    6,
    5,
    4,
    3,
    2,
    1,
    0,
    15,
    14,
    13,
    12,
    11,
    10,
    9,
    8,
  ]);
});

Deno.test("encodeNative() writes IPv6 as it is", () => {
  const ip = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.deepEqual(values("IPv6", "IPv6", ip, 2), [...ip]);
});

Deno.test("encodeNative() sends the distinct texts of a LowCardinality(String), and an index a row", () => {
  const type = "LowCardinality(String)";
  const number = (value: number): number[] => [
    value & 255,
    value >> 8,
    ...Array(6).fill(0),
  ];
  assert.deepEqual(values(type, type, ["b", "b", "", "b"], 4), [
    ...number(1), // version
    ...number(0x600), // own keys, indexes of 8 bits
    ...number(2),
    ...[1, 98, 0],
    ...number(4),
    ...[0, 0, 1, 0],
  ]);
  assert.deepEqual(values(type, type, [], 0), []);
});

Deno.test("encodeNative() sends LowCardinality(T) within another type as T", () => {
  assert.deepEqual(
    values("Array(LowCardinality(String))", "Array(String)", {
      ends: [1],
      values: ["a"],
    }, 1),
    [1, 0, 0, 0, 0, 0, 0, 0, 1, 97],
  );
});

Deno.test("encodeNative() writes arrays and maps with cumulative ends", () => {
  assert.deepEqual(
    values("Array(UInt8)", "Array(UInt8)", {
      ends: [2, 2, 3],
      values: [7, 8, 9],
    }, 3),
    [
      2,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      2,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      3,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      7,
      8,
      9,
    ],
  );
  assert.deepEqual(
    values("Map(String, UInt8)", "Map(String, UInt8)", {
      ends: [2],
      keys: ["a", "b"],
      values: [1, 2],
    }, 1),
    [2, 0, 0, 0, 0, 0, 0, 0, 1, 97, 1, 98, 1, 2],
  );
});

/** Decodes what a String column of a block holds. */
function decodeStrings(bytes: Uint8Array, count: number): string[] {
  const found: string[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    let length = 0;
    for (let shift = 1;; shift *= 128) {
      const byte = bytes[offset++] ?? 0;
      length += (byte & 0x7f) * shift;
      if (byte < 0x80) break;
    }
    found.push(
      new TextDecoder().decode(bytes.subarray(offset, offset + length)),
    );
    offset += length;
  }
  assert.equal(offset, bytes.length);
  return found;
}

// The prefix is guessed from the UTF-16 length: each case makes the guess wrong, or nearly.
Deno.test.each([
  {
    name: "around one byte of prefix",
    lengths: [22, 23, 24, 25, 26, 126, 127, 128, 129],
  },
  { name: "around two", lengths: [16_382, 16_383, 16_384, 16_385] },
  { name: "beyond the first buffer", lengths: [70_000, 200_000, 2_100_000] },
])("encodeNative() writes strings with lengths $name", ({ lengths }) => {
  for (const unit of ["a", "é", "€", "😀"]) {
    const texts = lengths.flatMap((length) => {
      const text = unit.repeat(length / unit.length);
      return [text, text, `${text}x`]; // a run of equal strings is copied
    });
    const bytes = Uint8Array.from(
      values("String", "String", texts, texts.length),
    );
    assert.deepEqual(decodeStrings(bytes, texts.length), texts);
  }
});

Deno.test("encodeNative() replaces lone surrogates", () => {
  assert.deepEqual(values("String", "String", ["\ud800"], 1), [
    3,
    0xef,
    0xbf,
    0xbd,
  ]);
});

Deno.test("encodeNative() refuses columns of another length and unknown types", () => {
  const wrong: [string, Column["data"]][] = [
    ["UInt8", [1]],
    ["String", ["a"]],
    ["IPv6", new Uint8Array(16)],
    ["UUID", new Uint8Array(31)],
    ["Array(UInt8)", { ends: [1], values: [1] }],
    ["Array(UInt8)", { ends: [1, 3], values: [1] }],
    ["Nullable(UInt8)", [1, 2]],
  ];
  for (const [type, data] of wrong) {
    assert.throws(
      () => encodeNative([{ name: "c", type, data }], 2),
      InvariantError,
      type,
    );
  }
});
