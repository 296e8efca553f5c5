/** `deno task fingerprint` as a process. @module */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { temporaryFolder } from "../lib/testing.ts";
import { cases, inputOf } from "./support/capture_cases.ts";
import { parseLines } from "./support/fingerprint.ts";

const ROOT = new URL("..", import.meta.url);

async function fingerprint(
  ...files: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=fingerprint", "capture/fingerprint.ts", ...files],
    cwd: ROOT,
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

const good = "tests/cases/one-segment/input.pcap";

Deno.test("fingerprint reads the good files among bad ones, and exits 1", async () => {
  await using folder = await temporaryFolder();
  const noCapture = `${folder.path}/text`;
  await Deno.writeTextFile(noCapture, "no capture at all\n");
  const result = await fingerprint(
    good,
    noCapture,
    `${folder.path}/missing`,
    folder.path,
    good,
  );
  strictEqual(result.code, 1);
  const events = parseLines(result.stdout);
  deepStrictEqual(events.map(({ seq, in_iface }) => [seq, in_iface]), [
    [1, good],
    [2, good],
  ]);
  deepStrictEqual(
    result.stderr.trimEnd().split("\n").map((line) =>
      line.replaceAll(folder.path, "")
    ),
    [
      'ja4-fingerprint: Cannot read "/text": it is no capture',
      'ja4-fingerprint: Cannot read "/missing": No such file or directory (os error 2)',
      'ja4-fingerprint: Cannot read "": it is a folder',
    ],
  );
});

Deno.test("fingerprint prints what comes before the break in a file, and says so", async () => {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/broken.pcap`;
  const one = cases.find(({ name }) => name === "port-reuse");
  if (one === undefined) throw new Error("the case is gone");
  await Deno.writeFile(path, inputOf(one).bytes.slice(0, -20));
  const { code, stdout, stderr } = await fingerprint(path);
  strictEqual(code, 1);
  strictEqual(parseLines(stdout).length, 1);
  match(stderr, /Cannot read all of ".*broken\.pcap": it ends within a packet/);
});

Deno.test("fingerprint exits 0 when all is well and 64 when nothing is named", async () => {
  strictEqual((await fingerprint(good)).code, 0);
  strictEqual((await fingerprint()).code, 64);
});
