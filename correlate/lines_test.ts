import assert from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter } from "./lines.ts";
import type { MessageBatch } from "./messages.ts";

/** Lines found in `text` when it comes in pieces of `sizes` bytes. */
function split(text: string, sizes: readonly number[], lineBytesMax = 1000): {
  lines: string[];
  tooLong: number;
} {
  const bytes = new TextEncoder().encode(text);
  const splitter = new LineSplitter(lineBytesMax);
  const lines: string[] = [];
  const take = (batch: MessageBatch): void => {
    for (let i = 0; i < batch.count; i++) lines.push(batch.text(i));
  };
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    splitter.push(bytes.subarray(at, at + size), take);
    at += size;
  }
  splitter.end(take);
  return { lines, tooLong: splitter.tooLong };
}

Deno.test("LineSplitter finds the same lines however the bytes are cut", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), {
    minLength: 1,
    maxLength: 9,
  });
  const text = fc.string({
    unit: fc.constantFrom("a", "é", "\n", " ", "{"),
    maxLength: 200,
  });
  fc.assert(fc.property(text, sizes, (text, sizes) => {
    const want = text.split("\n").filter((line) => line.trim() !== "");
    assert.deepEqual(split(text, sizes).lines, want);
  }));
});

Deno.test("LineSplitter drops and counts a line beyond the bound, and reads on", () => {
  for (const size of [1, 7, 100]) {
    assert.deepEqual(
      split(`${"x".repeat(50)}\nok\n${"y".repeat(20)}\n${"z".repeat(21)}`, [
        size,
      ], 20),
      {
        lines: ["ok", "y".repeat(20)],
        tooLong: 2,
      },
    );
  }
});
