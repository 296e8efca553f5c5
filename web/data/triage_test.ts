import assert from "node:assert/strict";
import { readCursor, writeCursor } from "./detection_list.ts";
import { BULK_MAX, parseTriageForm } from "./triage.ts";

function form(fields: readonly (readonly [string, string])[]): URLSearchParams {
  return new URLSearchParams(fields.map(([name, value]) => [name, value]));
}

Deno.test("parseTriageForm() takes each detection once", () => {
  const parsed = parseTriageForm(
    form([["action", "archive"], ["id", "D-00000001"], ["id", "D-00000001"]]),
  );
  assert.deepEqual(parsed, {
    ok: true,
    request: { action: "archive", ids: ["D-00000001"], note: "" },
  });
});

Deno.test.each(
  [
    {
      name: "an unknown action",
      fields: [["action", "delete"]],
      want: /not something/,
    },
    {
      name: "no selection",
      fields: [["action", "archive"]],
      want: /No detection/,
    },
    {
      name: "a damaged identifier",
      fields: [["action", "archive"], ["id", "D-1' OR 1"]],
      want: /damaged/,
    },
    {
      name: "an empty note",
      fields: [["action", "note"], ["id", "D-00000001"], ["note", "  "]],
      want: /empty/,
    },
    {
      name: "a book",
      fields: [["action", "note"], ["id", "D-00000001"], [
        "note",
        "x".repeat(5000),
      ]],
      want: /at most 4000/,
    },
  ] as const,
)("parseTriageForm() refuses $name", ({ fields, want }) => {
  const parsed = parseTriageForm(form(fields));
  assert(!parsed.ok);
  assert.match(parsed.message, want);
});

Deno.test("parseTriageForm() refuses more than it can change at once", () => {
  const ids = Array.from({ length: BULK_MAX + 1 }, (_, i): [string, string] => [
    "id",
    `D-${String(i).padStart(8, "0")}`,
  ]);
  const parsed = parseTriageForm(form([["action", "archive"], ...ids]));
  assert(!parsed.ok);
  assert.match(parsed.message, /At most 1000/);
});

Deno.test("readCursor() reads what writeCursor() wrote", () => {
  const cursor = { value: 40812345, id: "D-7F3K2QAB" };
  assert.deepEqual(readCursor(writeCursor(cursor)), cursor);
});

Deno.test.each(["", "%%%", "e30", "WzEsMl0", "bm90IGpzb24"])(
  "readCursor() of damaged text %s is nothing",
  (text) => assert.equal(readCursor(text), undefined),
);
