// The embedded server says in one line why it cannot start, with the exit code for it.
import assert from "node:assert/strict";
import { FatalError } from "../lib/errors.ts";
import { freePort, temporaryFolder } from "../lib/testing.ts";
import { loadLibrary } from "../store/library.ts";
import { startStore } from "./support/store.ts";

const ROOT = new URL("..", import.meta.url);

/** Runs the program until it ends; returns exit code and stderr without the engine's own lines. */
async function run(
  env: Record<string, string>,
): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=store", "store/main.ts"],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("the server says in one line why it cannot start", async () => {
  await using store = await startStore({ migrate: false });
  await using folder = await temporaryFolder();
  const file = `${folder.path}/file`;
  await Deno.writeTextFile(file, "");
  const newer = `${folder.path}/newer`;
  await Deno.mkdir(newer);
  await Deno.writeTextFile(`${newer}/version.json`, '{"engine":"99.1.1"}');
  const dir = `${folder.path}/fresh`;
  const listen = `127.0.0.1:${freePort()}`;
  const cases = [
    {
      env: { DIR: dir, LISTEN: `127.0.0.1:${store.port}` },
      code: 69,
      want: /Cannot listen on 127\.0\.0\.1:\d+: .*in use/,
    },
    {
      env: { DIR: store.dir, LISTEN: listen },
      code: 69,
      want: new RegExp(`process ${store.pid} is using it`),
    },
    {
      env: { DIR: newer, LISTEN: listen },
      code: 78,
      want: /ClickHouse 99\.1\.1 wrote it/,
    },
    {
      env: { DIR: `${file}/x`, LISTEN: listen },
      code: 78,
      want: /Cannot use the store/,
    },
    {
      env: { DIR: dir, LISTEN: "[::1]:1" },
      code: 78,
      want: /expected an IPv4 address/,
    },
    {
      env: { DIR: dir, LISTEN: listen, MEMORY_MB: "1" },
      code: 78,
      want: /expected a whole number from 512/,
    },
  ];
  for (const { env, code, want } of cases) {
    const names = Object.entries(env).map((
      [key, value],
    ) => [`JA4_STORE__${key}`, value]);
    const ended = await run(Object.fromEntries(names));
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, want);
    assert.equal(ended.stderr.trimEnd().split("\n").length, 1, ended.stderr);
  }
  const secret = `${folder.path}/secret`;
  await Deno.writeTextFile(secret, "short");
  const cluster = {
    JA4_STORE__DIR: dir,
    JA4_STORE__LISTEN: listen,
    JA4_CLUSTER__SHARDS: '["127.0.0.1:1", "127.0.0.1:2"]',
    JA4_CLUSTER__SECRET_FILE: secret,
  };
  const weak = await run(cluster);
  assert.equal(weak.code, 66, weak.stderr);
  assert.match(
    weak.stderr,
    /secret of the cluster in ".*": it has less than 16 characters/,
  );
  await Deno.writeTextFile(secret, crypto.randomUUID());
  const elsewhere = await run({
    ...cluster,
    JA4_CLUSTER__LISTEN: "127.0.0.2:9000",
  });
  assert.equal(elsewhere.code, 78, elsewhere.stderr);
  assert.match(
    elsewhere.stderr,
    /must have the address of \[store\] listen, 127\.0\.0\.1/,
  );
  const cold = await run({
    JA4_STORE__DIR: dir,
    JA4_STORE__LISTEN: listen,
    JA4_STORE__COLD_DIR: `${file}/cold`,
  });
  assert.equal(cold.code, 78, cold.stderr);
  assert.match(cold.stderr, /Cannot use ".*cold" for old rows/);
});

Deno.test("the server says what is wrong with the library, or that there is none for the platform", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/libchdb.so`;
  const start = (): ReturnType<typeof run> =>
    run({
      JA4_LIBCHDB: file,
      JA4_STORE__DIR: `${folder.path}/store`,
      JA4_STORE__LISTEN: `127.0.0.1:${freePort()}`,
    });
  const missing = await start();
  assert.equal(missing.code, 69, missing.stderr);
  assert.match(
    missing.stderr,
    /^ja4-store: Cannot load the embedded database ".*libchdb\.so": .*\nRun "deno install"/,
  );
  await Deno.writeTextFile(file, "not a library");
  const damaged = await start();
  assert.equal(damaged.code, 69, damaged.stderr);
  assert.match(
    damaged.stderr,
    /Cannot load the embedded database .*\nRun "deno install"/,
  );
  for (
    const { source, want } of [
      {
        source: "int other(void) { return 0; }",
        want: /Cannot load the embedded database .*chdb_\w+/,
      },
      {
        source:
          'const char *chdb_version(void) { return "25.8.1.1"; } void chdb_query_cmdline(void) {} void chdb_result_error(void) {} void chdb_destroy_query_result(void) {}',
        want: /it is ClickHouse "25\.8\.1\.1", and 26\.7 or newer is needed/,
      },
    ]
  ) {
    await Deno.writeTextFile(`${folder.path}/l.c`, source);
    const { success } = await new Deno.Command("cc", {
      args: ["-shared", "-fPIC", "-o", file, `${folder.path}/l.c`],
    }).output();
    assert(success, "a library is compiled");
    const ended = await start();
    assert.equal(ended.code, 69, ended.stderr);
    assert.match(ended.stderr, want);
  }
  assert.throws(
    () => loadLibrary("aarch64-apple-darwin"),
    (thrown) =>
      thrown instanceof FatalError && thrown.exit === "unavailable" &&
      /is packaged for x86_64-unknown-linux-gnu, and this is aarch64-apple-darwin: name a libchdb\.so/
        .test(thrown.message),
  );
});
