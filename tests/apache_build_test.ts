/** How apache/Makefile builds the module, and what it says where it cannot. @module */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { exists, needs } from "../lib/testing.ts";

const APACHE = new URL("../apache/", import.meta.url).pathname;

async function make(
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = await new Deno.Command("make", {
    args: ["-C", APACHE, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return {
    code: output.code,
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
  };
}

Deno.test(
  "make check finds no warning, with gcc's analyzer",
  needs(
    exists("/usr/bin/make") && exists("/usr/bin/apxs"),
    "apxs is not installed",
  ),
  async () => {
    const { code, stderr } = await make(["check"]);
    equal([code, stderr], [0, ""]);
  },
);

Deno.test(
  "make without apxs says which package has it",
  needs(exists("/usr/bin/make"), "make is not installed"),
  async () => {
    // --always-make: the module may have been built before.
    const { code, stdout, stderr } = await make([
      "--always-make",
      "all",
      "APXS=no-such-apxs",
    ]);
    ok(code !== 0 && !stdout.includes("no-such-apxs -c"));
    ok(
      stderr.includes(
        "Cannot find no-such-apxs: install apache2-dev (Debian, Ubuntu) or httpd-devel",
      ),
      stderr,
    );
  },
);
