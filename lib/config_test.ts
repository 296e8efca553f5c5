import assert from "node:assert/strict";
import * as v from "valibot";
import {
  about,
  exampleOf,
  integer,
  keysOf,
  listenAddress,
  loadConfig,
  originsOf,
} from "./config.ts";
import { FatalError } from "./errors.ts";

const schema = v.strictObject({
  output: v.optional(
    v.strictObject({
      batch_rows: about("Rows of a batch", v.optional(integer(1, 1000), 100)),
      listen: v.optional(listenAddress(), "127.0.0.1:9464"),
      ports: v.optional(v.array(integer(1, 65535))),
      password: v.optional(v.string("expected a text")),
    }),
    {},
  ),
});

async function check(
  text: string,
  env: Record<string, string> = {},
): Promise<unknown> {
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  try {
    await Deno.writeTextFile(file, text);
    return await loadConfig(schema, { file, env: (name) => env[name] });
  } catch (thrown) {
    assert(thrown instanceof FatalError);
    return thrown.message.replaceAll(file, "FILE");
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("loadConfig() fills in defaults", async () => {
  assert.deepEqual(await check(""), {
    output: { batch_rows: 100, listen: "127.0.0.1:9464" },
  });
});

Deno.test("loadConfig() lets the environment override", async () => {
  assert.deepEqual(
    await check("[output]\nbatch_rows = 5\n", { JA4_OUTPUT__BATCH_ROWS: "7" }),
    { output: { batch_rows: 7, listen: "127.0.0.1:9464" } },
  );
});

Deno.test("loadConfig() reports every fault with file, line and key", async () => {
  assert.equal(
    await check(
      '# a comment\n[output]\nbatch_rows = 0\nbatchrows = 3\nlisten = "nowhere"\n',
    ),
    [
      "FILE, line 3: output.batch_rows: expected a whole number from 1 to 1000, found 0",
      'FILE, line 5: output.listen: expected "address:port", found "nowhere"',
      "FILE, line 4: output.batchrows: unknown key; see --help or the example file for those that exist",
    ].join("\n"),
  );
});

Deno.test("loadConfig() names the variable of a wrong override", async () => {
  assert.equal(
    await check("", { JA4_OUTPUT__BATCH_ROWS: "many" }),
    'JA4_OUTPUT__BATCH_ROWS: output.batch_rows: expected a whole number from 1 to 1000, found "many"',
  );
});

Deno.test("loadConfig() names the variable of a wrong element", async () => {
  assert.equal(
    await check("", { JA4_OUTPUT__PORTS: "[443, 0]" }),
    "JA4_OUTPUT__PORTS: output.ports.1: expected a whole number from 1 to 65535, found 0",
  );
});

Deno.test("loadConfig() says where the TOML is broken", async () => {
  assert.match(
    String(await check("[output]\nbatch_rows = \n")),
    /^Cannot read "FILE", line 2: /,
  );
});

Deno.test("loadConfig() refuses a named file that is not there", async () => {
  await assert.rejects(
    loadConfig(schema, { file: "/nonexistent/ja4.toml" }),
    (thrown) => thrown instanceof FatalError && thrown.exit === "noInput",
  );
});

Deno.test("exampleOf() is a file that the schema accepts", async () => {
  const example = exampleOf(schema);
  assert.equal(
    example,
    '[output]\n# Rows of a batch\nbatch_rows = 100\nlisten = "127.0.0.1:9464"\n# ports =\n# password =',
  );
  assert.deepEqual(await check(example), await check(""));
});

Deno.test("keysOf() says what each key is for and accepts", () => {
  assert.deepEqual(keysOf(schema), [
    {
      section: "output",
      key: "batch_rows",
      about: "Rows of a batch",
      accepts: "a whole number from 1 to 1000",
      fallback: 100,
    },
    {
      section: "output",
      key: "listen",
      about: "",
      accepts: '"address:port"',
      fallback: "127.0.0.1:9464",
    },
    {
      section: "output",
      key: "ports",
      about: "",
      accepts: "a list, each a whole number from 1 to 65535",
      fallback: undefined,
    },
    {
      section: "output",
      key: "password",
      about: "",
      accepts: "a text",
      fallback: undefined,
    },
  ]);
});

Deno.test("originsOf() names file and line, variable or default, and hides secrets", async () => {
  const file = await Deno.makeTempFile({ suffix: ".toml" });
  try {
    await Deno.writeTextFile(
      file,
      '# rows\n[output]\nbatch_rows = 7\npassword = "geheim"\n',
    );
    const env = (name: string): string | undefined =>
      name === "JA4_OUTPUT__PORTS" ? "[443]" : undefined;
    assert.deepEqual(await originsOf(schema, { file, env }), [
      { key: "output.batch_rows", value: 7, origin: `${file}:3` },
      { key: "output.listen", value: "127.0.0.1:9464", origin: "default" },
      { key: "output.ports", value: [443], origin: "JA4_OUTPUT__PORTS" },
      { key: "output.password", value: "[hidden]", origin: `${file}:4` },
    ]);
  } finally {
    await Deno.remove(file);
  }
});
