import assert from "node:assert/strict";
import { countJunit } from "./test.ts";

Deno.test("countJunit() counts passed and failed cases, steps among them", () => {
  const xml = `<?xml version="1.0"?><testsuites tests="4" failures="1">
    <testsuite name="a"><testcase name="one" time="0.1"></testcase>
    <testcase name="self-closed" time="0.1"/>
    <testcase name="two"><failure message="a &lt;skipped&gt; b">text</failure></testcase>
    <testcase name="three"><skipped/></testcase></testsuite></testsuites>`;
  assert.deepEqual(countJunit(xml), {
    passed: 2,
    failed: 1,
    skipped: 1,
  });
});
