import assert from "node:assert/strict";
import { splitStatements } from "./statements.ts";

Deno.test.each([
  {
    name: "two statements",
    text: "SELECT 1; SELECT 2;\n",
    want: ["SELECT 1", "SELECT 2"],
  },
  { name: "no semicolon at the end", text: "SELECT 1", want: ["SELECT 1"] },
  { name: "nothing but comments", text: "-- a; b\n/* c; d */ ;", want: [] },
  {
    name: "a string",
    text: "SELECT ';'; SELECT 2",
    want: ["SELECT ';'", "SELECT 2"],
  },
  {
    name: "an escaped quote",
    text: String.raw`SELECT '\';'; SELECT 2`,
    want: [String.raw`SELECT '\';'`, "SELECT 2"],
  },
  {
    name: "a doubled quote",
    text: "SELECT ''';'; SELECT 2",
    want: ["SELECT ''';'", "SELECT 2"],
  },
  {
    name: "quoted names",
    text: 'SELECT ";", `;`; SELECT 2',
    want: ['SELECT ";", `;`', "SELECT 2"],
  },
  {
    name: "a heredoc",
    text: "SELECT $a$ ; $b$ ; $a$; SELECT $$;$$",
    want: ["SELECT $a$ ; $b$ ; $a$", "SELECT $$;$$"],
  },
  {
    name: "a comment marker in a string",
    text: "SELECT '--'; SELECT '/*'; SELECT 3",
    want: ["SELECT '--'", "SELECT '/*'", "SELECT 3"],
  },
  {
    name: "a quote in a comment",
    text: "SELECT 1 -- it's\n; SELECT/* ' */2",
    want: ["SELECT 1", "SELECT 2"],
  },
  { name: "an open string", text: "SELECT 'a; b", want: ["SELECT 'a; b"] },
])("splitStatements() with $name", ({ text, want }) => {
  assert.deepEqual(splitStatements(text), want);
});
