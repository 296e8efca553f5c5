import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Backlog, linesAfter } from "./backlog.ts";

function block(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

Deno.test("Backlog drops the oldest lines and counts them", () => {
  const backlog = new Backlog(10);
  backlog.push(block("a\nb\n"));
  backlog.push(block("c\nd\n"));
  backlog.push(block("e\nf\n"));
  strictEqual(backlog.linesDropped, 1);
  strictEqual(backlog.bytes, 10);
  backlog.push(block("g\nh\ni\n"));
  strictEqual(backlog.linesDropped, 4);
  deepStrictEqual(
    [backlog.take(), backlog.take(), backlog.take()].map(text),
    ["e\nf\n", "g\nh\ni\n", undefined],
  );
});

Deno.test.each([
  { bytes: 1, dropped: 2, rest: undefined },
  { bytes: 3, dropped: 1, rest: "b\n" },
  { bytes: 2, dropped: 1, rest: "b\n" },
  { bytes: 4, dropped: 0, rest: "a\nb\n" },
])("Backlog of $bytes bytes keeps the end of a block greater than itself", ({
  bytes,
  dropped,
  rest,
}) => {
  const backlog = new Backlog(bytes);
  backlog.push(block("a\nb\n"));
  strictEqual(backlog.linesDropped, dropped);
  strictEqual(backlog.bytes, rest?.length ?? 0);
  strictEqual(text(backlog.take()), rest);
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
