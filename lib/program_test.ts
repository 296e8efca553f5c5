import assert from "node:assert/strict";
import * as v from "valibot";
import { integer } from "./config.ts";
import { EXIT, FatalError } from "./errors.ts";
import { invariant } from "./invariant.ts";
import { startLog } from "./log.ts";
import { execute, type Program } from "./program.ts";
import { aborted } from "./shutdown.ts";
import { eventually, temporaryFolder } from "./testing.ts";

const schema = v.strictObject({
  part: v.optional(v.strictObject({ size: v.optional(integer(1, 9), 3) }), {}),
});

/** Runs a small program on `args`; returns its exit code and what it wrote to stderr. */
async function check(
  args: readonly string[],
  run: Program<typeof schema>["run"] = () => Promise.resolve(),
): Promise<{ code: number; error: string }> {
  const stderr = Deno.stderr.writeSync;
  const stdout = Deno.stdout.writeSync;
  let error = "";
  Deno.stderr.writeSync = (bytes) => {
    error += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  Deno.stdout.writeSync = (bytes) => bytes.length;
  try {
    const program = { name: "sample", summary: "A sample", schema, run };
    return { code: await execute(program, args), error };
  } finally {
    Deno.stderr.writeSync = stderr;
    Deno.stdout.writeSync = stdout;
  }
}

Deno.test.each([
  { name: "--help", args: ["--help"], want: EXIT.ok },
  { name: "--version", args: ["--version"], want: EXIT.ok },
  { name: "--check-config", args: ["--check-config"], want: EXIT.ok },
  { name: "nothing", args: [], want: EXIT.ok },
  { name: "an unknown option", args: ["--nope"], want: EXIT.usage },
  { name: "an unexpected argument", args: ["file"], want: EXIT.usage },
  {
    name: "a missing configuration",
    args: ["-c", "/nonexistent"],
    want: EXIT.noInput,
  },
])("execute() with $name gives its exit code", async ({ args, want }) => {
  assert.equal((await check(args)).code, want);
});

Deno.test("execute() prints what an operator caused as one line without a stack", async () => {
  const { code, error } = await check([], () =>
    Promise.reject(
      new FatalError(
        "noInput",
        'Cannot open interface "eth9\x1b": no such device',
      ),
    ));
  assert.equal(code, EXIT.noInput);
  assert.equal(
    error,
    'ja4-sample: Cannot open interface "eth9\\u{1b}": no such device\n',
  );
});

Deno.test("execute() shows the stack of a broken invariant", async () => {
  const { code, error } = await check([], () => {
    invariant(1 > 2, "one exceeds two");
    return Promise.resolve();
  });
  assert.equal(code, EXIT.software);
  assert.match(error, /fault of the program[\s\S]*one exceeds two\n {4}at /);
});

Deno.test("execute() says what was not permitted and who permits it", async () => {
  const { code, error } = await check([], () =>
    Promise.reject(
      new Deno.errors.NotCapable(
        'Requires net access to "db:8123", run again with the --allow-net flag',
      ),
    ));
  assert.equal(code, EXIT.noPermission);
  assert.equal(
    error,
    'ja4-sample: Not permitted: Requires net access to "db:8123"; ' +
      "allow it in the program's permission set in deno.json\n",
  );
});

Deno.test("execute() passes configuration and exit code on", async () => {
  const { code } = await check(
    [],
    ({ config }) => Promise.resolve(config.part.size),
  );
  assert.equal(code, 3);
});

Deno.test("a daemon takes up a changed configuration at SIGHUP, and keeps the old one when it is refused", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/sample.toml`;
  const configure = async (size: number): Promise<void> => {
    await Deno.writeTextFile(`${file}.new`, `[part]\nsize = ${size}\n`);
    await Deno.rename(`${file}.new`, file);
  };
  const hangUp = (): void => Deno.kill(Deno.pid, "SIGHUP");
  const stderr = Deno.stderr.writeSync;
  let errors = "";
  Deno.stderr.writeSync = (bytes) => {
    errors += new TextDecoder().decode(bytes);
    return bytes.length;
  };
  try {
    await configure(1);
    const rounds: number[] = [];
    const finished = execute({
      name: "sample",
      summary: "A sample",
      schema,
      daemon: true,
      async run({ config, signal, ready }) {
        await startLog("sample");
        rounds.push(config.part.size);
        ready("At work");
        if (rounds.length === 1) await aborted(signal);
        return 5;
      },
    }, ["--config", file]);
    await eventually("the first round", () => rounds.length === 1);
    await configure(77);
    hangUp();
    await eventually("the refusal", () => errors.includes("is refused"));
    assert.match(errors, /line 2: part\.size: expected a whole number/);
    await configure(2);
    hangUp();
    await eventually("the second round", () => rounds.length === 2);
    assert.equal(await finished, 5);
    assert.deepEqual(rounds, [1, 2]);
  } finally {
    Deno.stderr.writeSync = stderr;
  }
});
