import assert from "node:assert/strict";
import plugin from "./lint_plugin.ts";

const ROOT = new URL("../", import.meta.url).pathname;

function check(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, `${ROOT}${file}`, source).map((d) => d.id);
}

Deno.test.each([
  {
    name: "web may import lib",
    file: "web/a.ts",
    source: 'import "../lib/text.ts";',
    want: 0,
  },
  {
    name: "web may not import detect",
    file: "web/a.ts",
    source: 'import "../detect/a.ts";',
    want: 1,
  },
  {
    name: "a re-export counts",
    file: "correlate/a.ts",
    source: 'export * from "../capture/a.ts";',
    want: 1,
  },
  {
    name: "a dynamic import counts",
    file: "lib/a.ts",
    source: 'await import("../ffi/a.ts");',
    want: 1,
  },
  {
    name: "an npm import does not",
    file: "lib/a.ts",
    source: 'import "valibot";',
    want: 0,
  },
  {
    name: "tests may import anything",
    file: "tests/a.ts",
    source: 'import "../detect/a.ts";',
    want: 0,
  },
  {
    name: "capture may import wasm",
    file: "capture/a.ts",
    source: 'import "../wasm/mod.ts";',
    want: 0,
  },
])("import-boundary: $name", ({ file, source, want }) => {
  assert.equal(check(file, source).length, want);
});

Deno.test.each([
  {
    name: "dlopen outside ffi",
    file: "capture/a.ts",
    source: "Deno.dlopen('x', {});",
    want: 1,
  },
  {
    name: "dlopen inside ffi",
    file: "ffi/a.ts",
    source: "Deno.dlopen('x', {});",
    want: 0,
  },
  {
    name: "a top-level arrow",
    file: "lib/a.ts",
    source: "export const f = () => 1;",
    want: 1,
  },
  {
    name: "an inner arrow",
    file: "lib/a.ts",
    source: "function g() { const f = () => 1; return f; }",
    want: 0,
  },
  {
    name: "raw markup",
    file: "web/a.tsx",
    source: "export function A() { return <p dangerouslySetInnerHTML={x} />; }",
    want: 1,
  },
  {
    name: "a style attribute",
    file: "web/a.tsx",
    source: 'export function A() { return <p style="x" />; }',
    want: 1,
  },
])("house rules report $name", ({ file, source, want }) => {
  assert.equal(check(file, source).length, want);
});
