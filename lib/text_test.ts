import assert from "node:assert/strict";
import { csvCell, printable, shorten } from "./text.ts";

Deno.test.each([
  { name: "plain text", text: "Mozilla/5.0 é", want: "Mozilla/5.0 é" },
  { name: "terminal escape", text: "a\x1b[31mb", want: "a\\u{1b}[31mb" },
  {
    name: "line breaks",
    text: "a\r\nb\u2028c",
    want: "a\\u{0d}\\u{0a}b\\u{2028}c",
  },
  { name: "right-to-left override", text: "a\u202eb", want: "a\\u{202e}b" },
  { name: "lone surrogate", text: "a\ud800b", want: "a\ufffdb" },
])(
  "printable() with $name",
  ({ text, want }) => assert.equal(printable(text), want),
);

Deno.test.each([
  { name: "short text as it is", text: "abc", max: 5, want: "abc" },
  { name: "long text in the middle", text: "abcdefgh", max: 5, want: "ab…gh" },
])(
  "shorten() cuts $name",
  ({ text, max, want }) => assert.equal(shorten(text, max), want),
);

Deno.test.each([
  { name: "a formula", value: "=1+1", want: `"'=1+1"` },
  { name: "a tab first", value: "\tx", want: `"'\\u{09}x"` },
  { name: "a negative number", value: -3, want: `"-3"` },
  { name: "quotes", value: `a"b`, want: `"a""b"` },
])(
  "csvCell() with $name",
  ({ value, want }) => assert.equal(csvCell(value), want),
);
