import assert from "node:assert/strict";
import { FatalError } from "../../lib/errors.ts";
import { exists, needs, temporaryFolder } from "../../lib/testing.ts";
import { DemoFolder } from "./folder.ts";

Deno.test("DemoFolder.open() starts afresh and leaves nothing", async () => {
  await using parent = await temporaryFolder();
  const path = `${parent.path}/demo`;
  await Deno.mkdir(path);
  await Deno.writeTextFile(`${path}/old`, "");
  {
    await using folder = await DemoFolder.open(path);
    assert(!exists(`${path}/old`));
    assert(exists(`${path}/log`) && exists(folder.publicPath));
  }
  assert.deepEqual(await Array.fromAsync(Deno.readDir(parent.path)), []);
});

Deno.test("DemoFolder.open() refuses a folder in use", async () => {
  await using parent = await temporaryFolder();
  await using _ = await DemoFolder.open(`${parent.path}/demo`);
  await assert.rejects(
    DemoFolder.open(`${parent.path}/demo`),
    (thrown) => thrown instanceof FatalError && thrown.exit === "unavailable",
  );
});

Deno.test("DemoFolder.keep() leaves the logs", async () => {
  await using parent = await temporaryFolder();
  {
    await using folder = await DemoFolder.open(`${parent.path}/demo`);
    folder.keep();
  }
  assert(exists(`${parent.path}/demo/log`));
});

Deno.test({
  name: "DemoFolder.publicPath is reachable for others below a private folder",
  ...needs(Deno.uid() === 0, "needs root: folders of another user"),
  fn: async () => {
    await using parent = await temporaryFolder(); // mode 0700
    await using folder = await DemoFolder.open(`${parent.path}/demo`);
    assert(!folder.publicPath.startsWith(parent.path));
    const { mode } = await Deno.stat(folder.publicPath);
    assert.equal((mode ?? 0) & 0o005, 0o005);
  },
});
