/**
 * A daemon that was taken over: what its permissions alone refuse, with the very flags that the
 * packages start it with. What its unit refuses beside them is in packaging_systemd_test.ts.
 */
import assert from "node:assert/strict";
import { permissionSets } from "../ctl/permissions.ts";
import { temporaryFolder } from "../lib/testing.ts";
import { launcherFlags } from "../packaging/flags.ts";
import { PROGRAMS } from "../packaging/programs.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Attempts that a part's permissions let through, for its unit or the database to stop. */
const LET_THROUGH: Readonly<Record<string, readonly string[]>> = {
  // Every password in /etc/ja4-platform is one account's file, readable by its group alone.
  capture: ["read the dashboard's password of another account"],
  correlate: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
  ],
  detect: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
  ],
  web: [
    "read the dashboard's password of another account",
    "read the drawn passwords",
  ],
  // It asks parts on any port of the loopback.
  metrics: [
    "read the dashboard's password of another account",
    "connect to a service of the loopback",
  ],
};

/** How Deno and V8 refuse. */
const REFUSED =
  /^(NotCapable|EvalError|TypeError: (npm specifiers were|Requires))|NotCapable: Requires/;

for (const program of PROGRAMS) {
  const allowed = LET_THROUGH[program.name];
  // The store's engine is native code: its permissions bind nothing, its unit does.
  if (!program.daemon || allowed === undefined) continue;
  Deno.test(`${program.name}: what its permissions refuse`, async () => {
    const denoJson = await Deno.readTextFile(`${ROOT}deno.json`);
    const name = program.permissions ?? "";
    const set = permissionSets(denoJson, [name]).get(name);
    await using cache = await temporaryFolder();
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        ...launcherFlags(program, set),
        `${ROOT}tests/support/escape_probes.ts`,
      ],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", DENO_DIR: cache.path, NO_COLOR: "1" },
      stderr: "null",
    }).output();
    assert.equal(code, 0);
    const results = Object.entries(
      JSON.parse(new TextDecoder().decode(stdout)) as Record<string, string>,
    );
    assert.ok(results.length >= 25);
    assert.deepEqual(
      results.filter(([, result]) => !REFUSED.test(result)).map(([name]) =>
        name
      ),
      allowed,
    );
  });
}
