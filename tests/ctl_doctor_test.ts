/**
 * `ja4ctl doctor` on a host in order, and on hosts that are each broken in one way: the doctor names
 * that cause, with a remedy, and nothing else that was in order before.
 */
import assert from "node:assert/strict";
import { examine } from "../ctl/doctor.ts";
import type { Finding } from "../ctl/doctor/finding.ts";
import { freePort, needs, temporaryFolder } from "../lib/testing.ts";
import {
  changeMode,
  changeText,
  Host,
  recordMigration,
  takeAway,
} from "./support/doctor_host.ts";

const ROOT = new URL("../", import.meta.url).pathname;

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
    apply: (host) => takeAway(host, "run/http.socket"),
    finds: /^socket \S+http\.socket: not there/,
  },
  {
    name: "something else lies where a socket should be",
    apply: async (host) => {
      await takeAway(host, "run/http.socket");
      await Deno.writeTextFile(host.at("run/http.socket"), "");
      host.undo.push(() => Deno.remove(host.at("run/http.socket")));
    },
    finds: /^socket \S+: something else is there/,
  },
  {
    name: "a socket that its group may not write to",
    apply: (host) => changeMode(host, "run/http.socket", 0o640),
    finds: /^socket \S+: mode 640: its group may not write/,
  },
  {
    name: "a socket that anyone may write to",
    apply: (host) => changeMode(host, "run/network.socket", 0o666),
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
      await changeText(host, "ja4.password", "wrong");
    },
    finds: /^database: .*(password|authentication)/i,
  },
  {
    name: "a wrong password of the dashboard alone",
    apply: (host) => changeText(host, "web.password", "wrong"),
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
    apply: (host) => takeAway(host, "app.password"),
    finds:
      /^file \S+app\.password: not there; web\.toml names it as app\.password_file/,
    more: 1, // and the account cannot be tried
  },
  {
    name: "a password that anyone may read",
    apply: (host) => changeMode(host, "app.password", 0o644),
    finds: /^file \S+app\.password: anyone on this host may read it/,
  },
  {
    name: "a schema that is behind",
    apply: (host) => recordMigration(host, 10, "reverted", ""),
    finds: /^schema: 1 migrations are pending/,
  },
  {
    name: "a schema that was changed",
    apply: (host) => recordMigration(host, 3, "verified", "f".repeat(64)),
    finds: /^schema: migration 3 is not the one that was applied/,
  },
  {
    name: "a schema that is newer",
    apply: (host) => recordMigration(host, 999, "verified", "f".repeat(64)),
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
    apply: (host) => takeAway(host, "spool"),
    finds: /^spool \S+: not there/,
  },
  {
    name: "a spool that its user may not write to",
    apply: async (host) => {
      // The secrets stay readable: their group is its own.
      for (const name of ["ja4", "web", "app"]) {
        await changeMode(host, `${name}.password`, 0o640);
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
        await changeMode(host, `${name}.password`, 0o640);
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
    name: "a detector without a model of this site",
    apply: async (host) => {
      const port = host.serve("detect", "127.0.0.1:0", {
        gauges: { detect_learning: 1 },
      });
      await host.set("detect", "health", "listen", `127.0.0.1:${port}`);
    },
    finds: /^model of detect: there is none of this site yet/,
    level: "warning",
  },
  {
    name: "a detector whose model is old",
    apply: async (host) => {
      const port = host.serve("detect", "127.0.0.1:0", {
        gauges: { detect_learning: 0, detect_model_age_seconds: 9.5 * 86_400 },
      });
      await host.set("detect", "health", "listen", `127.0.0.1:${port}`);
    },
    finds: /^model of detect: it was made of traffic that ended 9 days ago/,
    level: "warning",
  },
  {
    name: "a link to the database that anyone on the way can read",
    apply: (host) =>
      host.set(
        "detect",
        "clickhouse",
        "url",
        host.store.url.replace("127.0.0.1", "0.0.0.0"),
      ),
    finds: /^link to 0\.0\.0\.0:\d+: rows and passwords go over the network/,
    level: "warning",
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
        script:
          `mount -t tmpfs none /sys/fs; mkdir /sys/fs/selinux; echo 1 >/sys/fs/selinux/enforce
          mount -t tmpfs none /var/log; mkdir /var/log/audit; cat >/var/log/audit/audit.log <<END
type=AVC msg=audit($(date +%s).5:7): avc:  denied  { write } for  pid=8 comm="httpd" name="http.socket" dev="tmpfs" ino=9 scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:var_run_t:s0 tclass=sock_file permissive=0
type=AVC msg=audit(1000000000.5:7): avc:  denied  { read } for  pid=8 comm="ja4-old" name="x" scontext=system_u:system_r:a_t:s0 tcontext=system_u:object_r:b_t:s0 tclass=file permissive=0
END`,
        finds:
          /^FAIL {2}SELinux: httpd \(httpd_t\) may not write http\.socket \(var_run_t\): 1 times, last at [\dT:-]+Z; dnf install ja4-platform-selinux, then restorecon -R \/run\/ja4$(?![^]*SELinux)/m,
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
        script:
          "mount -t tmpfs none /sys/fs; mkdir /sys/fs/selinux; echo 1 >/sys/fs/selinux/enforce; mount -t tmpfs none /var/log; mkdir /var/log/audit; touch /var/log/audit/audit.log",
        finds:
          /^warn {2}SELinux: enforcing, without the policy of ja4-platform; where httpd/m,
      },
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
