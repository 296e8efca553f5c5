/** `ja4ctl status`, `config show`, `users` and `completion`, as a person types them. */
import assert from "node:assert/strict";
import { completionFor, SHELLS } from "../ctl/completion.ts";
import { Counter, createRegistry, serveHealth } from "../lib/metrics.ts";
import { sql } from "../lib/sql.ts";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { VERSION } from "../lib/version.ts";
import { ja4ctl } from "./support/ja4ctl.ts";
import { startStore } from "./support/store.ts";

Deno.test("ja4ctl on a host with a database", async (t) => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  const options = {
    configDir: folder.path,
    env: {
      JA4_APP__URL: store.url,
      JA4_APP__PASSWORD_FILE: store.passwordFile("app"),
    },
  };
  const socket = `unix:${folder.path}/capture.health`;
  await Deno.writeTextFile(
    `${folder.path}/capture.toml`,
    `# sensor\n[capture]\nports = [8443]\n[health]\nlisten = "${socket}"\n`,
  );
  await Deno.writeTextFile(
    `${folder.path}/correlate.toml`,
    `[clickhouse]\nurl = "${store.url}"\npassword = "geheim"\n`,
  );

  await t.step("status: states, version and rates of the parts", async () => {
    const registry = createRegistry("capture");
    new Counter({
      name: "capture_packets_total",
      help: "Packets",
      registers: [registry],
      // 1000 a second, whenever it is asked.
      collect(): void {
        this.reset();
        this.inc(performance.now());
      },
    });
    const stop = new AbortController();
    const { finished } = serveHealth({
      listen: socket,
      registry,
      notReady: () => ["the interface is down"],
      signal: stop.signal,
    });
    const { code, stdout } = await ja4ctl(store, ["status", "--json"], options);
    const table = await ja4ctl(store, ["status"], options);
    stop.abort();
    await finished;
    assert.equal(code, 1);
    const reports = Object.fromEntries(
      stdout.trim().split("\n").map((line) => {
        const report = JSON.parse(line);
        return [report.name, report];
      }),
    );
    assert.equal(reports.store.state, "ready");
    assert.equal(reports.detect.state, "away");
    assert.equal(reports.capture.state, "not ready");
    assert.equal(reports.capture.reason, "the interface is down");
    assert.equal(reports.capture.version, VERSION);
    assert.ok(reports.capture.memory_bytes > 1e6);
    const rate = reports.capture.figures["packets/s"];
    assert.ok(rate > 300 && rate < 3000, String(rate));
    assert.match(
      table.stdout,
      /^capture +not ready +.* the interface is down$/m,
    );
  });

  await t.step("config show: each value and where it came from", async () => {
    const { code, stdout } = await ja4ctl(store, [
      "config",
      "show",
      "capture",
      "--origin",
      "--json",
    ], { ...options, env: { JA4_CAPTURE__SNAP_LENGTH: "300" } });
    assert.equal(code, 0);
    const lines = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const of = (key: string): unknown => lines.find((line) => line.key === key);
    const part = "capture";
    assert.deepEqual(of("capture.ports"), {
      part,
      key: "capture.ports",
      value: [8443],
      origin: `${folder.path}/capture.toml:3`,
    });
    assert.deepEqual(of("capture.snap_length"), {
      part,
      key: "capture.snap_length",
      value: 300,
      origin: "JA4_CAPTURE__SNAP_LENGTH",
    });
    assert.deepEqual(of("capture.vlan"), {
      part,
      key: "capture.vlan",
      value: false,
      origin: "default",
    });
    const all = await ja4ctl(store, ["config", "show"], options);
    assert.match(
      all.stdout,
      /^correlate +clickhouse\.password +"\[hidden\]"$/m,
    );
    assert.match(all.stdout, /^store +store\.memory_mb +3072$/m);
    assert.doesNotMatch(all.stdout, /geheim/);
    const wrong = await ja4ctl(store, ["config", "show", "spam"], options);
    assert.equal(wrong.code, 64);
  });

  await t.step(
    "users: listed, changed, removed, and in the audit log",
    async () => {
      const web = `${folder.path}/web.toml`;
      for (
        const [text, base] of [
          ['listen = "127.0.0.1:8001"', "http://127.0.0.1:8001"],
          [
            'public_url = "https://soc.example/ja4/"',
            "https://soc.example/ja4",
          ],
        ] as const
      ) {
        await Deno.writeTextFile(web, `[web]\n${text}\n`);
        const login = ["login", "mira", "--role", "viewer"];
        const { stdout } = await ja4ctl(store, login, options);
        assert.match(stdout, new RegExp(`^${base}/login\\?token=[\\w-]+\n$`));
      }
      await Deno.remove(web);
      const users = async (...args: string[]): Promise<void> => {
        const { code, stderr } = await ja4ctl(
          store,
          ["users", ...args],
          options,
        );
        assert.equal(code, 0, stderr);
      };
      const listed = async (): Promise<string> =>
        (await ja4ctl(store, ["users", "list"], options)).stdout;
      await users("role", "mira", "admin");
      await users("disable", "mira");
      assert.match(await listed(), /^mira +mira +admin +link +shut out$/m);
      await users("enable", "mira");
      await users("forget2fa", "mira");
      assert.match(await listed(), /^mira +mira +admin +link$/m);
      await users("remove", "mira");
      assert.doesNotMatch(await listed(), /mira/);
      await using database = await store.database("ja4");
      const rows = await database.query<{ action: string }>(
        sql`SELECT action FROM audit_log WHERE actor = 'ja4ctl' AND object = 'mira' ORDER BY ts`,
      );
      assert.deepEqual(rows.map(({ action }) => action), [
        "user.role",
        "user.disable",
        "user.enable",
        "user.forget2fa",
        "user.remove",
      ]);
      const nobody = await ja4ctl(
        store,
        ["users", "disable", "nobody"],
        options,
      );
      assert.equal(nobody.code, 66);
    },
  );
});

const COMMANDS = [
  {
    name: "doctor",
    usage: "",
    summary: "what's in order: and what not",
    options: { json: { type: "boolean" } },
  },
  { name: "migrate", usage: "up | down VERSION | status", summary: "schema" },
];

/** What a shell offers after a line that was begun, by the shell itself. */
const ASKED: Readonly<
  Record<string, (file: string, line: string) => string[]>
> = {
  bash: (file, line) => [
    "-c",
    `source ${file}; COMP_WORDS=(${line} ''); COMP_CWORD=${
      line.split(" ").length
    }; _ja4ctl; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  fish: (file, line) => ["-c", `source ${file}; complete -C '${line} '`],
};

for (const shell of SHELLS) {
  Deno.test({
    name: `completions of ${shell}`,
    ...needs(exists(`/usr/bin/${shell}`), `no ${shell}`),
    async fn() {
      await using folder = await temporaryFolder();
      const file = `${folder.path}/ja4ctl`;
      await Deno.writeTextFile(file, completionFor(shell, COMMANDS));
      const run = async (args: readonly string[]): Promise<string[]> => {
        const { code, stdout, stderr } = await new Deno.Command(shell, {
          args: [...args],
          env: { HOME: folder.path },
        }).output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        return new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
          line.split("\t")[0] ?? ""
        );
      };
      await run(["-n", file]);
      const ask = ASKED[shell];
      if (ask === undefined) return; // zsh completes in an interactive shell alone
      const first = await run(ask(file, "ja4ctl"));
      assert.ok(first.includes("doctor") && first.includes("migrate"));
      const second = await run(ask(file, "ja4ctl migrate"));
      assert.ok(second.includes("up") && second.includes("status"));
      assert.ok(!second.includes("doctor"));
    },
  });
}
