import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { UnixMicros } from "../lib/events.ts";
import { LineMerge } from "./line_merge.ts";

/** Lines as the parser writes them, as far as it matters. */
function lines(...times: number[]): Uint8Array {
  const text = times.map((ts, index) =>
    `{"src_ip":"::1","ts":${ts},"seq":${index + 1},"sni":"\\"seq\\":9"}\n`
  );
  return new TextEncoder().encode(text.join(""));
}

/** Time and number of each line. */
function read(bytes: Uint8Array | undefined): [number, number][] {
  return new TextDecoder().decode(bytes).split("\n").filter((line) =>
    line !== ""
  ).map((line) => {
    const { ts, seq, sni } = JSON.parse(line);
    strictEqual(sni, '"seq":9');
    return [ts, seq];
  });
}

function us(value: number): UnixMicros {
  return value as UnixMicros;
}

Deno.test("LineMerge puts the lines of all threads in order and numbers them", () => {
  const merge = new LineMerge(2, 1000);
  merge.push(0, lines(10, 30));
  merge.push(1, lines(20));
  strictEqual(merge.take(us(100)), undefined);
  merge.advance(0, us(50));
  merge.advance(1, us(25));
  deepStrictEqual(read(merge.take(us(100))), [[10, 1], [20, 2]]);
  merge.push(1, lines(26));
  merge.advance(1, us(60));
  deepStrictEqual(read(merge.take(us(100))), [[26, 3], [30, 4]]);
  strictEqual(merge.bytes, 0);
});

Deno.test("LineMerge waits a second for a thread that says nothing", () => {
  const merge = new LineMerge(2, 1000);
  merge.push(0, lines(1_000_000, 1_500_000));
  merge.advance(0, us(9_000_000));
  strictEqual(merge.take(us(1_999_999)), undefined);
  deepStrictEqual(read(merge.take(us(2_000_000))), [[1_000_000, 1]]);
  deepStrictEqual(read(merge.finish()), [[1_500_000, 2]]);
});

Deno.test("LineMerge lets go of more than it may hold", () => {
  const merge = new LineMerge(2, 1000);
  merge.push(0, lines(...Array(100).fill(5)));
  strictEqual(read(merge.take(us(6))).length, 100);
  strictEqual(merge.bytes, 0);
});
