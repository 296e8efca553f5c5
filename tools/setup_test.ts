import assert from "node:assert/strict";
import { needs } from "../lib/testing.ts";

const SETUP = new URL("setup.sh", import.meta.url).pathname;

Deno.test({
  name: "setup.sh is silent, quick and needs no network where all is there",
  ...needs(Deno.uid() === 0, "needs root: takes the network away"),
  fn: async () => {
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: ["--net", "sh", SETUP, "demo"],
      signal: AbortSignal.timeout(5000),
    }).output();
    assert.deepEqual(
      {
        code,
        output: new TextDecoder().decode(stdout) +
          new TextDecoder().decode(stderr),
      },
      { code: 0, output: "" },
    );
  },
});

Deno.test("setup.sh names no host of its own: packages come from where the machine takes them", async () => {
  assert.doesNotMatch(await Deno.readTextFile(SETUP), /https?:/);
});
