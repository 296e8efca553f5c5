import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Backlog, linesAfter } from "./backlog.ts";

function block(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

Deno.test("Backlog drops the oldest blocks and counts their lines", () => {
  const backlog = new Backlog(10);
  backlog.push(block("a\nb\n"));
  backlog.push(block("c\nd\n"));
  backlog.push(block("e\nf\n"));
  strictEqual(backlog.linesDropped, 2);
  strictEqual(backlog.bytes, 8);
  deepStrictEqual(
    [backlog.take(), backlog.take(), backlog.take()].map(text),
    ["c\nd\n", "e\nf\n", undefined],
  );
});

Deno.test("Backlog drops a block greater than itself", () => {
  const backlog = new Backlog(3);
  backlog.push(block("a\nb\n"));
  deepStrictEqual([backlog.linesDropped, backlog.bytes], [2, 0]);
});

Deno.test("Backlog gives what was put back first, and drops it first", () => {
  const backlog = new Backlog(8);
  backlog.push(block("c\nd\n"));
  backlog.putBack(block("b\n"));
  strictEqual(text(backlog.take()), "b\n");
  backlog.push(block("e\nf\n"));
  backlog.putBack(block("b\n"));
  strictEqual(backlog.linesDropped, 1);
  strictEqual(text(backlog.take()), "c\nd\n");
});

Deno.test.each([
  { written: 0, rest: "ab\ncd\n" },
  { written: 2, rest: "ab\ncd\n" },
  { written: 3, rest: "cd\n" },
  { written: 5, rest: "cd\n" },
  { written: 6, rest: "" },
])("linesAfter() $written bytes", ({ written, rest }) => {
  strictEqual(text(linesAfter(block("ab\ncd\n"), written)), rest);
});
