/** Each capture in tests/cases gives the events beside it. @module */
import { deepStrictEqual } from "node:assert/strict";
import { CASES, cases, inputOf, outputOf } from "./support/capture_cases.ts";
import { parseLines } from "./support/fingerprint.ts";

for (const one of cases) {
  Deno.test(`tests/cases/${one.name} gives its expected events`, async () => {
    const folder = new URL(`${one.name}/`, CASES);
    deepStrictEqual(
      await Deno.readFile(new URL("input.pcap", folder)),
      inputOf(one),
      "run tests/support/capture_cases.ts",
    );
    const expected = await Deno.readTextFile(
      new URL("expected.ndjson", folder),
    );
    deepStrictEqual(parseLines(outputOf(one.name)), parseLines(expected));
  });
}

Deno.test("tests/cases holds no case that nothing makes", async () => {
  const found = await Array.fromAsync(Deno.readDir(CASES));
  deepStrictEqual(
    found.map(({ name }) => name).sort(),
    cases.map(({ name }) => name).sort(),
  );
});
