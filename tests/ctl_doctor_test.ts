/**
 * `ja4ctl doctor` on a host in order, and on hosts that are each broken in one way: the doctor names
 * that cause, with a remedy, and nothing else that was in order before.
 */
import assert from "node:assert/strict";
import { examine } from "../ctl/doctor.ts";
import { databaseSection } from "../ctl/database_section.ts";
import type { Finding, Patient } from "../ctl/doctor/finding.ts";
import { readConfigs } from "../ctl/host_config.ts";
import { PART_NAMES, type PartName } from "../ctl/parts.ts";
import { openDatabase } from "../lib/clickhouse.ts";
import { Counter, createRegistry, serveHealth } from "../lib/metrics.ts";
import { sql } from "../lib/sql.ts";
import { freePort, needs, temporaryFolder } from "../lib/testing.ts";
import { setKey } from "../ctl/toml_edit.ts";
import { startStore, type Store } from "./support/store.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** Parts that tell their health. */
const ASKED = ["capture", "correlate", "detect", "web"] as const;

/** A host in order: folders, sockets, secrets, a database, and parts that say that they are ready. */
class Host implements AsyncDisposable {
  readonly folder: string;
  readonly store: Store;
  readonly #stack: AsyncDisposableStack;
  /** What was changed, and is changed back. */
  readonly undo: (() => void | Promise<void>)[] = [];
  /** Difference of this host's clock, milliseconds. */
  clockMs = 0;
  /** User that the parts run as. */
  user: string | undefined;
  /** What each part says of its file, by the file's text. */
  readonly #faults = new Map<string, Promise<string | undefined>>();

  private constructor(
    folder: string,
    store: Store,
    stack: AsyncDisposableStack,
  ) {
    this.folder = folder;
    this.store = store;
    this.#stack = stack;
  }

  static async make(): Promise<Host> {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await temporaryFolder());
    const store = stack.use(await startStore());
    const host = new Host(path, store, stack.move());
    for (const name of ["etc", "run", "spool", "store"]) {
      await Deno.mkdir(`${path}/${name}`, { mode: 0o750 });
    }
    for (const user of ["ja4", "web", "app"] as const) {
      await Deno.writeTextFile(
        host.at(`${user}.password`),
        store.passwords[user],
        {
          mode: 0o600,
        },
      );
    }
    const url = store.url;
    const files: Record<PartName, string> = {
      store: `[store]\ndir = "${
        host.at("store")
      }"\nlisten = "127.0.0.1:${store.port}"\n`,
      correlate: `[network]\npath = "${
        host.at("run/network.socket")
      }"\ngroup = "root"\n[http]\npath = "${
        host.at("run/http.socket")
      }"\ngroup = "root"\n[spool]\ndir = "${
        host.at("spool")
      }"\n[clickhouse]\nurl = "${url}"\npassword_file = "${
        host.at("ja4.password")
      }"\n`,
      capture: `[capture]\ninterface = "lo"\n[socket]\npath = "${
        host.at("run/network.socket")
      }"\n`,
      detect: `[clickhouse]\nurl = "${url}"\npassword_file = "${
        host.at("ja4.password")
      }"\n`,
      web: `[clickhouse]\nurl = "${url}"\npassword_file = "${
        host.at("web.password")
      }"\n[app]\nurl = "${url}"\npassword_file = "${
        host.at("app.password")
      }"\n`,
    };
    for (const part of PART_NAMES) {
      const listen = part === "web"
        ? `[web]\nlisten = "127.0.0.1:${host.serve("web", "127.0.0.1:0")}"\n`
        : part === "store"
        ? ""
        : `[health]\nlisten = "unix:${host.at(`run/${part}.health`)}"\n`;
      if (part !== "store" && part !== "web") {
        host.serve(part, `unix:${host.at(`run/${part}.health`)}`);
      }
      await Deno.writeTextFile(host.file(part), files[part] + listen);
    }
    host.listen("network");
    host.listen("http");
    return host;
  }

  at(name: string): string {
    return `${this.folder}/${name}`;
  }

  file(part: PartName): string {
    return this.at(`etc/${part}.toml`);
  }

  /** Serves a part's health until undone; returns the port. */
  serve(
    component: typeof ASKED[number],
    listen: string,
    { reasons = [], counters = {} }: {
      reasons?: readonly string[];
      counters?: Readonly<Record<string, number>>;
    } = {},
  ): number {
    const registry = createRegistry(component);
    for (const [name, value] of Object.entries(counters)) {
      new Counter({ name, help: name, registers: [registry] }).inc(value);
    }
    const stop = new AbortController();
    const { port, finished } = serveHealth({
      listen,
      registry,
      notReady: () => reasons,
      signal: stop.signal,
    });
    this.#stack.defer(async () => {
      stop.abort();
      await finished;
    });
    return port;
  }

  /** Makes one of the correlator's sockets, as it does. */
  listen(name: "network" | "http"): void {
    const path = this.at(`run/${name}.socket`);
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, 0o660);
    this.#stack.defer(() => listener.close());
  }

  /** Sets a key of a part's file. */
  async set(
    part: PartName,
    section: string,
    key: string,
    value: string | number,
  ): Promise<void> {
    const old = await Deno.readTextFile(this.file(part));
    await Deno.writeTextFile(this.file(part), setKey(old, section, key, value));
    this.undo.push(() => Deno.writeTextFile(this.file(part), old));
  }

  async patient(): Promise<Patient> {
    const configs = await readConfigs(this.at("etc"));
    return {
      configs,
      schema: "ja4",
      userOf: () => Promise.resolve(this.user),
      now: () => Date.now() + this.clockMs,
      openDatabase: () => databaseSection(configs, "correlate", "clickhouse"),
      openAs: (part, section) => databaseSection(configs, part, section),
      configFault: (part) => {
        const text = Deno.readTextFileSync(this.file(part));
        const known = this.#faults.get(`${part} ${text}`) ??
          checkConfig(part, this.file(part));
        this.#faults.set(`${part} ${text}`, known);
        return known;
      },
    };
  }

  async restore(): Promise<void> {
    for (const undo of this.undo.splice(0).reverse()) await undo();
    this.clockMs = 0;
    this.user = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

async function checkConfig(
  part: PartName,
  file: string,
): Promise<string | undefined> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${part}/main.ts`, "--check-config", "-c", file],
    env: { NO_COLOR: "1" },
  }).output();
  return code === 0 ? undefined : new TextDecoder().decode(stderr).trim();
}

/** One way to break the host, and what the doctor has to say of it. */
interface Break {
  readonly name: string;
  readonly apply: (host: Host) => void | Promise<void>;
  /** `what: detail` of the finding, with {dir} for the host's folder. */
  readonly finds: RegExp;
  readonly level?: Finding["level"];
  /** Further findings that the same cause has. @default 0 */
  readonly more?: number;
}

const BREAKS: readonly Break[] = [
  {
    name: "a socket is missing",
    apply: (host) => move(host, "run/http.socket"),
    finds: /^socket \S+http\.socket: not there/,
  },
  {
    name: "something else lies where a socket should be",
    apply: async (host) => {
      await move(host, "run/http.socket");
      await Deno.writeTextFile(host.at("run/http.socket"), "");
      host.undo.push(() => Deno.remove(host.at("run/http.socket")));
    },
    finds: /^socket \S+: something else is there/,
  },
  {
    name: "a socket that its group may not write to",
    apply: (host) => mode(host, "run/http.socket", 0o640),
    finds: /^socket \S+: mode 640: its group may not write/,
  },
  {
    name: "a socket that anyone may write to",
    apply: (host) => mode(host, "run/network.socket", 0o666),
    finds: /^socket \S+: mode 666: anyone on this host/,
    level: "warning",
  },
  {
    name: "a socket in the wrong group",
    apply: (host) => host.set("correlate", "http", "group", "daemon"),
    finds: /^socket \S+http\.socket: its group is root and not daemon/,
  },
  {
    name: "an interface that does not exist",
    apply: (host) => host.set("capture", "capture", "interface", "eth77"),
    finds: /^interface: there is no "eth77"/,
  },
  {
    name: "no database",
    apply: async (host) => {
      const url = `http://127.0.0.1:${freePort()}`;
      await host.set("correlate", "clickhouse", "url", url);
    },
    finds: /^database: .*(refused|does not answer|cannot be reached)/i,
  },
  {
    name: "a wrong password of the correlator",
    apply: async (host) => {
      await text(host, "ja4.password", "wrong");
    },
    finds: /^database: .*(password|authentication)/i,
  },
  {
    name: "a wrong password of the dashboard alone",
    apply: (host) => text(host, "web.password", "wrong"),
    finds: /^account of web, \[clickhouse\]: .*(password|authentication)/i,
  },
  {
    name: "an account without the right to write",
    apply: async (host) => {
      await host.set("web", "app", "username", "web");
      await host.set("web", "app", "password_file", host.at("web.password"));
    },
    finds: /^account of web, \[app\]: may not INSERT app_users/,
  },
  {
    name: "a password file that is not there",
    apply: (host) => move(host, "app.password"),
    finds:
      /^file \S+app\.password: not there; web\.toml names it as app\.password_file/,
    more: 1, // and the account cannot be tried
  },
  {
    name: "a password that anyone may read",
    apply: (host) => mode(host, "app.password", 0o644),
    finds: /^file \S+app\.password: anyone on this host may read it/,
  },
  {
    name: "a schema that is behind",
    apply: (host) => ledger(host, 10, "reverted", ""),
    finds: /^schema: 1 migrations are pending/,
  },
  {
    name: "a schema that was changed",
    apply: (host) => ledger(host, 3, "verified", "f".repeat(64)),
    finds: /^schema: migration 3 is not the one that was applied/,
  },
  {
    name: "a schema that is newer",
    apply: (host) => ledger(host, 999, "verified", "f".repeat(64)),
    finds: /^schema: newer than this program/,
  },
  {
    name: "a clock that is wrong",
    apply: (host) => {
      host.clockMs = -90_000;
    },
    finds: /^clock: (89|90)\.\d s behind the database's/,
  },
  {
    name: "no spool",
    apply: (host) => move(host, "spool"),
    finds: /^spool \S+: not there/,
  },
  {
    name: "a spool that its user may not write to",
    apply: async (host) => {
      // The secrets stay readable: their group is its own.
      for (const name of ["ja4", "web", "app"]) {
        await mode(host, `${name}.password`, 0o640);
        await Deno.chown(host.at(`${name}.password`), null, 65534);
      }
      host.user = "nobody";
    },
    finds: /^spool \S+: correlate may not write to it \(owner \d+, mode 750\)/,
  },
  {
    name: "a password that its user may not read",
    apply: async (host) => {
      for (const name of ["ja4", "web"]) {
        await mode(host, `${name}.password`, 0o640);
        await Deno.chown(host.at(`${name}.password`), null, 65534);
      }
      await Deno.chown(host.at("app.password"), null, 0);
      await Deno.chown(host.at("spool"), 65534, null);
      host.undo.push(() => Deno.chown(host.at("spool"), Deno.uid(), null));
      host.user = "nobody";
    },
    finds: /^file \S+app\.password: web may not read it \(app\.password_file\)/,
  },
  {
    name: "a spool that is nearly full",
    apply: async (host) => {
      await host.set("correlate", "spool", "max_bytes", 1 << 20);
      await Deno.writeFile(host.at("spool/segment"), new Uint8Array(900_000));
      host.undo.push(() => Deno.remove(host.at("spool/segment")));
    },
    finds: /^spool \S+: 86 % full/,
  },
  {
    name: "a misspelt key",
    apply: (host) => host.set("correlate", "spool", "max_byte", 5),
    finds:
      /^configuration of correlate: .*correlate\.toml, line \d+: spool\.max_byte: unknown key/,
  },
  {
    name: "a value of the wrong type",
    apply: (host) => host.set("detect", "detect", "cycle_s", "often"),
    finds:
      /^configuration of detect: .*detect\.cycle_s: expected a whole number/,
  },
  {
    name: "a part that does not run",
    apply: (host) =>
      host.set("detect", "health", "listen", `127.0.0.1:${freePort()}`),
    finds: /^detect: does not answer on 127/,
  },
  {
    name: "a port that another web server holds",
    apply: async (host) => {
      const other = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        () => new Response("It works!"),
      );
      host.undo.push(() => other.shutdown());
      await host.set("web", "web", "listen", `127.0.0.1:${other.addr.port}`);
    },
    finds: /^web: another program answers on/,
  },
  {
    name: "a port that a program without HTTP holds",
    apply: async (host) => {
      const other = Deno.listen({ port: 0, hostname: "127.0.0.1" });
      const hangUp = (async () => {
        for await (const connection of other) connection.close();
      })();
      host.undo.push(async () => {
        other.close();
        await hangUp;
      });
      await host.set("web", "web", "listen", `127.0.0.1:${other.addr.port}`);
    },
    finds: /^web: another program holds 127/,
  },
  {
    name: "a part that is not ready",
    apply: async (host) => {
      const port = host.serve("detect", "127.0.0.1:0", {
        reasons: ["the database does not answer"],
      });
      await host.set("detect", "health", "listen", `127.0.0.1:${port}`);
    },
    finds: /^detect: the database does not answer/,
  },
  {
    name: "packets that the kernel drops",
    apply: async (host) => {
      const port = host.serve("capture", "127.0.0.1:0", {
        counters: {
          capture_kernel_drops_total: 50,
          capture_packets_total: 900,
        },
      });
      await host.set("capture", "health", "listen", `127.0.0.1:${port}`);
    },
    finds: /^packets dropped by the kernel: 50 since the start/,
    level: "warning",
  },
];

async function move(host: Host, name: string): Promise<void> {
  const path = host.at(name);
  await Deno.rename(path, `${path}.away`);
  host.undo.push(() => Deno.rename(`${path}.away`, path));
}

async function mode(host: Host, name: string, bits: number): Promise<void> {
  const path = host.at(name);
  const old = (await Deno.stat(path)).mode ?? 0;
  await Deno.chmod(path, bits);
  host.undo.push(() => Deno.chmod(path, old & 0o777));
}

async function text(host: Host, name: string, content: string): Promise<void> {
  const path = host.at(name);
  const old = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, content);
  host.undo.push(() => Deno.writeTextFile(path, old));
}

/** Adds a row to the ledger of what was done to the schema, and takes it away again. */
async function ledger(
  host: Host,
  version: number,
  event: string,
  checksum: string,
): Promise<void> {
  const options = host.store.options("ja4");
  await using database = await openDatabase(options);
  await database.command(sql`
    INSERT INTO schema_migrations (at, version, name, event, checksum)
    SELECT now64(6) + 1, ${version}, 'doctor', ${event}, ${checksum}`);
  host.undo.push(async () => {
    await using database = await openDatabase(options);
    await database.command(
      sql`ALTER TABLE schema_migrations DELETE WHERE name = 'doctor' SETTINGS mutations_sync = 1`,
    );
  });
}

/** What is not in order, as `what: detail`. */
function complaints(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level !== "ok").map((
    { what, detail },
  ) => `${what}: ${detail}`);
}

Deno.test("doctor names the cause on every broken host, and nothing else", async (t) => {
  await using host = await Host.make();
  const before = complaints(await examine(await host.patient()));
  // Whatever this machine itself lacks; nothing of what the test has made.
  assert.ok(
    before.every((line) => /^(permission|net\.unix|disk|libpcap)/.test(line)),
    before.join("\n"),
  );
  for (const { name, apply, finds, level = "failure", more = 0 } of BREAKS) {
    await t.step(name, async () => {
      try {
        await apply(host);
        const findings = await examine(await host.patient());
        const now = complaints(findings).filter((line) =>
          !before.includes(line)
        );
        const found = findings.find(({ what, detail }) =>
          finds.test(`${what}: ${detail}`)
        );
        assert.ok(found, `nothing of it:\n${now.join("\n")}`);
        assert.equal(found.level, level);
        assert.ok((found.remedy ?? "").length > 8, "no remedy");
        assert.ok(now.length <= 1 + more + accountsOf(name), now.join("\n"));
      } finally {
        await host.restore();
      }
    });
  }
  assert.deepEqual(complaints(await examine(await host.patient())), before);
});

/** The correlator's password is the detector's too, so that two more accounts fail with it. */
function accountsOf(name: string): number {
  return name === "a wrong password of the correlator" ? 2 : 0;
}

/** Breaks what is not a file of ours: in namespaces of its own, by the real command. */
const NAMESPACES = needs(Deno.uid() === 0, "needs root for namespaces");

/** Two hosts: what is done to each, by shell, and what the command then says. */
const HOSTS: readonly {
  readonly breaks: readonly { script: string; finds: RegExp }[];
  /** Before the command. */
  readonly prefix: string;
}[] = [
  {
    prefix: "",
    breaks: [
      {
        script: `mount -t tmpfs none /mnt; mkdir /mnt/u /mnt/w
          dir=$(dirname $(ls /usr/lib/*-linux-gnu/libpcap.so.* | head -1))
          mount -t overlay -o lowerdir=$dir,upperdir=/mnt/u,workdir=/mnt/w overlay $dir
          rm $dir/libpcap.so*`,
        finds: /^FAIL {2}libpcap: not found; install it/m,
      },
      {
        script: "mount -t sysfs none /sys", // of the new namespace, in which "lo" is not up yet
        finds: /^FAIL {2}interface: "lo" is down; run ip link set lo up/m,
      },
      {
        script: "echo 10 >/proc/sys/net/unix/max_dgram_qlen",
        finds:
          /^warn {2}net\.unix\.max_dgram_qlen: 10: bursts .*; run sysctl -w/m,
      },
      {
        script:
          `mount -t tmpfs -o size=1m none "$DIR/spool"; head -c 2000000 /dev/zero >"$DIR/spool/x" || :`,
        finds:
          /^FAIL {2}disk of \S+spool: 0 B of 1\.0 MiB free; free some space/m,
      },
      {
        script: `bash -c 'exec -a "deno run ${ROOT}web/main.ts" sleep 600' &
          until grep -q deno /proc/$!/cmdline; do :; done`,
        finds: /^FAIL {2}process \d+ of web: SIGUSR1 is not blocked/m,
      },
      {
        script: `cp /bin/sleep "$DIR/httpd"; "$DIR/httpd" 600 &
          until grep -q httpd /proc/$!/comm; do :; done`,
        finds: /^warn {2}httpd: it runs without mod_reqin_log/m,
      },
    ],
  },
  {
    prefix: "setpriv --bounding-set=-net_raw",
    breaks: [
      {
        script: "",
        finds: /^warn {2}permission to capture: this user has no CAP_NET_RAW/m,
      },
      {
        script: `echo junk >"$DIR/junk"
          for file in /usr/lib/*-linux-gnu/libpcap.so.*.*; do mount --bind "$DIR/junk" $(realpath $file); done`,
        finds: /^FAIL {2}libpcap: \S+ is no library for/m,
      },
    ],
  },
];

Deno.test({
  name: "ja4ctl doctor names what is broken in the host itself, exit code 1",
  ...NAMESPACES,
  async fn() {
    await using folder = await temporaryFolder();
    const ran = await Promise.all(
      HOSTS.map(async ({ breaks, prefix }, index) => {
        const dir = `${folder.path}/${index}`;
        await Deno.mkdir(`${dir}/spool`, { recursive: true });
        await Deno.writeTextFile(
          `${dir}/correlate.toml`,
          `[spool]\ndir = "${dir}/spool"\n`,
        );
        await Deno.writeTextFile(
          `${dir}/capture.toml`,
          '[capture]\ninterface = "lo"\n',
        );
        const { code, stdout } = await new Deno.Command("unshare", {
          args: [
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "bash",
            "-c",
            `${
              breaks.map(({ script }) => script).join("\n")
            }\n${prefix} "$DENO" run -A ctl/main.ts doctor`,
          ],
          cwd: ROOT,
          env: {
            DENO: Deno.execPath(),
            DIR: dir,
            JA4_CTL__CONFIG_DIR: dir,
            JA4_CLICKHOUSE__PASSWORD: "x",
            NO_COLOR: "1",
          },
          stderr: "null",
        }).output();
        return { code, output: new TextDecoder().decode(stdout) };
      }),
    );
    for (const [index, { breaks }] of HOSTS.entries()) {
      const { code, output } = ran[index] ?? { code: 0, output: "" };
      for (const { finds } of breaks) assert.match(output, finds);
      assert.equal(code, 1);
    }
  },
});

Deno.test("ja4ctl doctor --json prints one object a finding", async () => {
  await using folder = await temporaryFolder();
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "ctl/main.ts", "doctor", "--json"],
    cwd: ROOT,
    env: {
      JA4_CTL__CONFIG_DIR: folder.path,
      JA4_CLICKHOUSE__URL: `http://127.0.0.1:${freePort()}`,
      JA4_CLICKHOUSE__PASSWORD: "x",
    },
    stderr: "null",
  }).output();
  assert.equal(code, 1);
  const findings = new TextDecoder().decode(stdout).trim().split("\n").map((
    line,
  ) => JSON.parse(line) as Finding);
  for (const { level, what, detail, remedy } of findings) {
    assert.ok(["ok", "warning", "failure"].includes(level));
    assert.ok(what !== "" && detail !== "");
    assert.equal(remedy !== undefined, level !== "ok", what);
  }
});
