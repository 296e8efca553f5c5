/** Each capture in tests/cases gives the events beside it. @module */
import { deepStrictEqual } from "node:assert/strict";
import { CASES, cases, inputOf, outputOf } from "./support/capture_cases.ts";
import { parseLines } from "./support/fingerprint.ts";

for (const one of cases) {
  Deno.test(`tests/cases/${one.name} gives its expected events`, async () => {
    const folder = new URL(`${one.name}/`, CASES);
    const { file, bytes } = inputOf(one);
    deepStrictEqual(
      await Deno.readFile(new URL(file, folder)),
      bytes,
      "run tests/support/capture_cases.ts",
    );
    const expected = await Deno.readTextFile(
      new URL("expected.ndjson", folder),
    );
    deepStrictEqual(parseLines(outputOf(one)), parseLines(expected));
  });
}

Deno.test("tests/cases holds no case that nothing makes", async () => {
  const found = await Array.fromAsync(Deno.readDir(CASES));
  deepStrictEqual(
    found.map(({ name }) => name).filter((name) => name !== "edge").sort(),
    cases.map(({ name }) => name).sort(),
  );
});

Deno.test("some case has each field of a HandshakeEvent", async () => {
  const source = await Deno.readTextFile(
    new URL("../lib/events.ts", import.meta.url),
  );
  const declared = (name: string): string[] => {
    const body = source.split(`interface ${name} `)[1]?.split("\n}\n")[0] ?? "";
    return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)]
      .map(([_, field = ""]) => field);
  };
  const fields = [...declared("Connection"), ...declared("HandshakeEvent")];
  const found = new Set(
    cases.flatMap((one) => parseLines(outputOf(one)))
      .flatMap((event) => Object.keys(event)),
  );
  deepStrictEqual([...found].sort(), fields.sort());
});
