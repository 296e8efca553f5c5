/**
 * Every program as a person types it: help, version, and one clear message with the right exit code
 * for everything that the person or the host can do wrong.
 */
import assert from "node:assert/strict";
import { EXIT } from "../lib/errors.ts";
import { freePort, needs, temporaryFolder } from "../lib/testing.ts";
import { VERSION } from "../lib/version.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Longest a program may take to say what is wrong; ClickHouse is asked for some seconds before. */
const LIMIT_MS = 60_000;

/** Programs by the name of their task. Those with a section and key of their own to get wrong have `listen`. */
const PROGRAMS: Readonly<Record<string, { file: string; listen?: string }>> = {
  capture: { file: "capture/main.ts", listen: "health" },
  correlate: { file: "correlate/main.ts", listen: "health" },
  detect: { file: "detect/main.ts", listen: "health" },
  web: { file: "web/main.ts", listen: "web" },
  store: { file: "store/main.ts", listen: "store" },
  metrics: { file: "ctl/metrics.ts", listen: "metrics" },
  migrate: { file: "store/migrate.ts" },
  fingerprint: { file: "capture/fingerprint.ts" },
  join: { file: "correlate/join_files.ts" },
  iforest: { file: "detect/iforest.ts" },
  evaluate: { file: "detect/evaluate.ts" },
  ja4ctl: { file: "ctl/main.ts" },
  up: { file: "ctl/up.ts" },
  demo: { file: "tools/demo/main.ts" },
};

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program on arguments; `prefix` is a command before it. */
async function run(
  program: string,
  args: readonly string[],
  { env = {}, prefix = [] }: {
    env?: Record<string, string>;
    prefix?: readonly string[];
  } = {},
): Promise<Ran> {
  const file = PROGRAMS[program]?.file ?? "";
  const [first = "", ...rest] = [...prefix, Deno.execPath()];
  const { code, stdout, stderr } = await new Deno.Command(first, {
    args: [...rest, "run", "-A", `${ROOT}${file}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Exit code, what the message holds, and that it is a message and not a stack. */
function checkFailure(
  ran: Ran,
  code: number,
  ...parts: readonly string[]
): void {
  assert.equal(ran.code, code, ran.stderr);
  for (const part of parts) {
    assert(ran.stderr.includes(part), `no "${part}" in: ${ran.stderr}`);
  }
  assert(!/^\s+at /m.test(ran.stderr), `a stack: ${ran.stderr}`);
  assert(!ran.stderr.includes("fault of the program"), ran.stderr);
  const messages = ran.stderr.split("\n").filter((line) =>
    /^ja4(ctl|-\w+): /.test(line)
  );
  assert.equal(messages.length, 1, `not one message: ${ran.stderr}`);
}

for (const program of Object.keys(PROGRAMS)) {
  Deno.test(`${program} --help, --version and --check-config`, async () => {
    const [help, version, check] = await Promise.all(
      ["--help", "--version", "--check-config"].map((option) =>
        run(program, [option])
      ),
    );
    assert.equal(help?.code, EXIT.ok, help?.stderr);
    assert.match(
      help?.stdout ?? "",
      new RegExp(`Usage: deno task ${program}\\b`),
    );
    assert.deepEqual(version, {
      code: EXIT.ok,
      stdout: `${
        program === "ja4ctl" ? program : `ja4-${program}`
      } ${VERSION}\n`,
      stderr: "",
    });
    assert.deepEqual(check, {
      code: EXIT.ok,
      stdout: "The configuration is valid\n",
      stderr: "",
    });
  });

  Deno.test(`${program} refuses an unknown option, a missing file and an unknown section`, async () => {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/wrong.toml`;
    await Deno.writeTextFile(file, "# comment\n[nonsense]\nkey = 1\n");
    const [option, missing, wrong] = await Promise.all([
      run(program, ["--nonsense"]),
      run(program, ["--config", "/nonexistent/file.toml"]),
      run(program, ["--config", file, "--check-config"]),
    ]);
    checkFailure(option, EXIT.usage, "--nonsense", "Try --help");
    checkFailure(missing, EXIT.noInput, '"/nonexistent/file.toml"');
    checkFailure(wrong, EXIT.config, `${file}, line 2`, "nonsense");
  });
}

for (const [program, { listen }] of Object.entries(PROGRAMS)) {
  if (listen === undefined) continue;
  Deno.test(`${program} names file, line and key of every fault at once`, async () => {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/wrong.toml`;
    await Deno.writeTextFile(
      file,
      `[${listen}]\nlisten = 8000\nlisten_on = "x"\n`,
    );
    checkFailure(
      await run(program, ["--config", file]),
      EXIT.config,
      `${file}, line 2: ${listen}.listen`,
      `${file}, line 3: ${listen}.listen_on: unknown key`,
    );
  });

  Deno.test(`${program} says which address is taken`, async () => {
    await using folder = await temporaryFolder();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `127.0.0.1:${taken.addr.port}`;
    const ran = await run(program, [], {
      env: {
        [`JA4_${listen}__LISTEN`.toUpperCase()]: address,
        JA4_STORE__DIR: `${folder.path}/store`,
        JA4_SPOOL__DIR: `${folder.path}/spool`,
        JA4_NETWORK__PATH: `${folder.path}/network.socket`,
        JA4_HTTP__PATH: `${folder.path}/http.socket`,
        JA4_SOCKET__PATH: `${folder.path}/network.socket`,
        JA4_CAPTURE__INTERFACE: "lo",
      },
    });
    checkFailure(ran, EXIT.unavailable, address);
  });
}

Deno.test("demo says which port is taken and how to choose another", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const ran = await run("demo", [`--port=${port}`]);
  checkFailure(ran, EXIT.unavailable, `port ${port}`, "--port");
});

Deno.test("capture says that an interface does not exist", async () => {
  const ran = await run("capture", [], {
    env: {
      JA4_CAPTURE__INTERFACE: "nonesuch0",
      JA4_HEALTH__LISTEN: `127.0.0.1:${freePort()}`,
    },
  });
  checkFailure(ran, EXIT.noInput, '"nonesuch0"');
});

Deno.test({
  name: "capture says that it has no permission",
  ...needs(Deno.uid() === 0, "needs root: gives up a capability"),
  fn: async () => {
    // Root without the capability: another user could not read a clone in /root.
    const ran = await run("capture", [], {
      env: {
        JA4_CAPTURE__INTERFACE: "lo",
        JA4_HEALTH__LISTEN: `127.0.0.1:${freePort()}`,
      },
      prefix: ["setpriv", "--bounding-set=-net_raw,-net_admin"],
    });
    checkFailure(ran, EXIT.noPermission, "CAP_NET_RAW");
  },
});

Deno.test("fingerprint says that a file is no capture, and that one is not there", async () => {
  await using folder = await temporaryFolder();
  const file = `${folder.path}/text.pcap`;
  await Deno.writeTextFile(file, "This is no capture.\n".repeat(50));
  checkFailure(await run("fingerprint", [file]), EXIT.failed, file);
  const missing = `${folder.path}/missing.pcap`;
  checkFailure(await run("fingerprint", [missing]), EXIT.failed, missing);
});

Deno.test("join says which file is not there", async () => {
  checkFailure(
    await run("join", ["/nonexistent/a", "/nonexistent/b"]),
    EXIT.noInput,
    '"/nonexistent/',
  );
});

Deno.test.each([
  { program: "fingerprint", args: [] },
  { program: "join", args: ["one"] },
  { program: "migrate", args: ["sideways"] },
  { program: "ja4ctl", args: ["dance"] },
  { program: "demo", args: ["--port=http"] },
])("$program $args is a usage error", async ({ program, args }) => {
  checkFailure(await run(program, args), EXIT.usage);
});

Deno.test.each([
  { program: "migrate", args: ["status"] },
  { program: "ja4ctl", args: ["login", "somebody"] },
])(
  "$program $args says that the database does not answer",
  async ({ program, args }) => {
    const url = `http://127.0.0.1:${freePort()}`;
    const ran = await run(program, args, {
      env: {
        JA4_CLICKHOUSE__URL: url,
        JA4_CLICKHOUSE__PASSWORD: "x",
        JA4_APP__URL: url,
        JA4_APP__PASSWORD: "x",
      },
    });
    checkFailure(ran, EXIT.unavailable, url);
  },
);
