/** docs/conformance.md is what `deno task conformance` makes of the parser as it is. @module */
import { strictEqual } from "node:assert/strict";
import { conformanceDocument } from "../tools/conformance.ts";

Deno.test("docs/conformance.md is current", async () => {
  const path = new URL("../docs/conformance.md", import.meta.url);
  strictEqual(
    await Deno.readTextFile(path),
    await conformanceDocument(),
    "run deno task conformance",
  );
});
