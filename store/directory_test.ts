import assert from "node:assert/strict";
import { join } from "node:path";
import { FatalError } from "../lib/errors.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { StoreDirectory } from "./directory.ts";

/** The FatalError that `call` ends with, as exit name and message. */
async function refusal(call: Promise<unknown>): Promise<[string, string]> {
  try {
    await call;
  } catch (thrown) {
    assert(thrown instanceof FatalError, String(thrown));
    return [thrown.exit, thrown.message];
  }
  assert.fail("it was not refused");
}

Deno.test("StoreDirectory draws the passwords once, readable by their owner alone", async () => {
  await using folder = await temporaryFolder();
  const dir = join(folder.path, "new", "store");
  let first: Record<string, string> = {};
  {
    using directory = await StoreDirectory.open(dir);
    first = await directory.passwords();
  }
  using directory = await StoreDirectory.open(dir);
  assert.deepEqual(await directory.passwords(), first);
  assert.equal(new Set(Object.values(first)).size, 3);
  for (const [user, password] of Object.entries(first)) {
    assert.match(password, /^[\w-]{32}$/);
    const { mode } = await Deno.stat(join(dir, "secrets", `${user}.password`));
    assert.equal((mode ?? 0) & 0o777, 0o600);
  }
  assert.equal(((await Deno.stat(dir)).mode ?? 0) & 0o777, 0o700);
});

Deno.test("StoreDirectory refuses a folder that another server has", async () => {
  await using folder = await temporaryFolder();
  using _directory = await StoreDirectory.open(folder.path);
  const [exit, message] = await refusal(StoreDirectory.open(folder.path));
  assert.equal(exit, "unavailable");
  assert.match(message, new RegExp(`process ${Deno.pid} is using it`));
});

Deno.test("StoreDirectory refuses what is no folder", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  const [exit, message] = await refusal(
    StoreDirectory.open(join(file, "store")),
  );
  assert.equal(exit, "config");
  assert.match(message, /Cannot use the store ".*file\/store"/);
});

Deno.test.each([
  { written: undefined, engine: "26.7.3", ok: true },
  { written: "26.7.3", engine: "26.7.3", ok: true },
  { written: "26.7.9", engine: "26.7.3", ok: true },
  { written: "25.12.1", engine: "26.7.3", ok: true },
  { written: "26.8.1", engine: "26.7.3", ok: false },
  { written: "27.1.1", engine: "26.7.3", ok: false },
])(
  "StoreDirectory.checkVersion() of $written by $engine",
  async ({ written, engine, ok }) => {
    await using folder = await temporaryFolder();
    using directory = await StoreDirectory.open(folder.path);
    if (written !== undefined) await directory.writeVersion(written);
    if (ok) return await directory.checkVersion(engine);
    const [exit, message] = await refusal(directory.checkVersion(engine));
    assert.equal(exit, "config");
    assert.match(
      message,
      new RegExp(`ClickHouse ${written} wrote it, and this is ${engine}`),
    );
  },
);

Deno.test("StoreDirectory.checkVersion() refuses a damaged version file", async () => {
  await using folder = await temporaryFolder();
  using directory = await StoreDirectory.open(folder.path);
  await Deno.writeTextFile(join(folder.path, "version.json"), "{");
  const [exit] = await refusal(directory.checkVersion("26.7.3"));
  assert.equal(exit, "config");
});
