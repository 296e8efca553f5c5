/**
 * The packages under a real systemd: installed, set up by `ja4ctl setup`, visited by a real client
 * through a real httpd, hurt in every way an operator meets, upgraded, rolled back and removed.
 */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { eventually, exists, needs, temporaryFolder } from "../lib/testing.ts";
import { VERSION } from "../lib/version.ts";
import { buildRpms } from "../packaging/rpm.ts";
import { parseMetrics } from "../ctl/samples.ts";
import { metricsReference } from "../tools/documents/metrics.ts";
import { Container, noContainer } from "./support/container.ts";
import { atTerminal, CTRL_C } from "./support/terminal.ts";
import { buildElBase } from "./support/el_base.ts";
import { ADDED, buildNewer, NEWER } from "./support/newer_release.ts";
import {
  FORKS,
  PART_REFUSES,
  STRANGERS,
  takePlace,
  UNIT_REFUSES,
} from "./support/packaged_intruder.ts";
import {
  type DaemonName,
  DAEMONS,
  PackagedHost,
  PARTS,
} from "./support/packaged_host.ts";

const ROOT = new URL("../", import.meta.url).pathname;

const obstacle = noContainer();

/** rpm with Debian's own database path and without the dependencies of another distribution. */
const RPM = "rpm --define '_dbpath /var/lib/rpm' --nodeps";

/** dnf without repositories: what the packages require is a stand-in's, as in packaging_test.ts. */
const DNF =
  "dnf -y --quiet --releasever=9 --disablerepo='*' --setopt=reposdir=/nonexistent --setopt=gpgcheck=0 --setopt=localpkg_gpgcheck=0";

/** Highest exposure that `systemd-analyze security` may give. */
const EXPOSURE: Readonly<Record<DaemonName, number>> = {
  capture: 1.3,
  correlate: 1.0,
  detect: 1.0,
  web: 1.0,
  store: 1.0,
  metrics: 1.0,
};

const HTTPD_CONF = `ServerRoot /root/httpd
PidFile /root/httpd/pid
ErrorLog /root/httpd/error.log
ServerName site.example
Listen 10.9.0.1:443
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
Include /etc/httpd/conf.d/reqin_log.conf
User www-data
Group www-data
DocumentRoot /var/www/html
SSLEngine on
SSLCertificateFile /root/httpd/cert.pem
SSLCertificateKeyFile /root/httpd/key.pem
`;

Deno.test({
  name: "the packages run a pipeline under systemd and leave nothing behind",
  ...needs(
    obstacle === undefined && exists("/usr/bin/dnf"),
    obstacle ?? "no dnf",
  ),
  async fn(t) {
    await using folder = await temporaryFolder();
    const packages = await buildRpms({
      dists: ["el9"],
      fast: true,
      withStore: true,
      reuse: true,
      out: folder.path,
    });
    const newer = await buildNewer(folder.path);
    await using container = await Container.boot();
    const host = new PackagedHost(container);
    // Each step stands on the ones before it.
    const step = async (
      name: string,
      action: () => Promise<void>,
    ): Promise<void> => assert.ok(await t.step(name, action), name);
    for (
      const [name, paths] of Object.entries({
        base: [await buildElBase(folder.path)],
        rpms: packages,
        newer,
      })
    ) {
      const target = `${container.root}/root/${name}`;
      await Deno.mkdir(target);
      for (const path of paths) {
        await Deno.copyFile(path, `${target}/${basename(path)}`);
        await Deno.remove(path);
      }
    }

    await step("dnf install: users, folders, scriptlets", async () => {
      await host.must(
        `printf '%%_dbpath /var/lib/rpm\\n' >/root/.rpmmacros; ${DNF} install /root/base/*.rpm /root/rpms/*.rpm`,
      );
      await host.must("getent passwd ja4 ja4-capture ja4-store ja4-web");
      assert.equal(
        (await host.must("stat -c '%a %U:%G' /run/ja4")).trim(),
        "2755 ja4:ja4-feed",
      );
    });

    await step("the network: a server, and a client of its own", async () => {
      await host.must(`set -e
        ip netns add client
        ip link add cap0 type veth peer name cap1 netns client
        ip addr add 10.9.0.1/24 dev cap0; ip link set cap0 up
        ip -n client addr add 10.9.0.2/24 dev cap1; ip -n client link set cap1 up
        mkdir -p /root/httpd /var/www/html; echo hello >/var/www/html/index.html; chmod 755 /root
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=site.example \\
          -keyout /root/httpd/key.pem -out /root/httpd/cert.pem
        usermod -a -G ja4-feed www-data
        cp -r /usr/lib64/httpd/modules /root/httpd/`);
      await Deno.writeTextFile(
        `${container.root}/root/httpd/httpd.conf`,
        HTTPD_CONF,
      );
      await host.must(`set -e; ${STRANGERS}`);
    });

    await step("setup: one command to a running pipeline", async () => {
      const refused = await container.run(
        "ja4ctl setup --yes --clickhouse https://db.example.org:8443",
      );
      assert.equal(refused.code, 66);
      assert.match(
        refused.output,
        /\/etc\/ja4-platform\/secrets\/app\.password/,
      );
      const brokenOff = await container.run(
        atTerminal("ja4ctl setup", [["Interface", "cap0"], [
          "TLS ports",
          CTRL_C,
        ]]),
      );
      assert.equal(brokenOff.code, 66);
      assert.match(brokenOff.output, /Broken off; nothing was changed/);
      // As a person answers; Enter takes what is offered.
      const output = await host.must(
        atTerminal("ja4ctl setup", [
          ["Interface to capture on [", "cap7"],
          ["Interface to capture on [", "cap0"],
          ["TLS ports of the web server [443]", "https"],
          ["TLS ports of the web server [443]", ""],
          ['URL of your ClickHouse, or "embedded" [embedded]', ""],
        ]),
      );
      assert.match(
        output,
        /^There is no interface "cap7": expected any, route or one of cap0, lo$/m,
      );
      assert.match(output, /^Cannot use the ports "https": expected numbers/m);
      assert.match(output, /^Changed \/etc\/ja4-platform\/capture\.toml$/m);
      assert.match(output, /^ok {4}schema: version 10$/m);
      assert.doesNotMatch(output, /^FAIL/m);
      assert.match(output, /http:\/\/127\.0\.0\.1:8000\/login\?token=/);
      for (const part of PARTS) assert.ok(await host.isActive(part), part);
      await host.must("apache2 -f /root/httpd/httpd.conf -k start");
    });

    await step("setup again, with a ClickHouse of one's own", async () => {
      const output = await host.must(
        "ja4ctl setup --yes --interface cap0 --clickhouse http://localhost:8123",
      );
      assert.match(output, /^Changed \/etc\/ja4-platform\/ja4ctl\.toml$/m);
      assert.doesNotMatch(output, /^FAIL|capture\.toml/m);
      assert.match(output, /http:\/\/127\.0\.0\.1:8000\/login\?token=/);
      assert.match(
        await host.must("cat /etc/ja4-platform/flags/*"),
        /^--allow-net=localhost:8123$/m,
      );
    });

    await step("logs reach the journal with their priority", async () => {
      const lines = await host.must(
        "journalctl --no-pager -o json --output-fields=PRIORITY,MESSAGE -u ja4-correlate",
      );
      const entries = lines.trim().split("\n").map((line) => JSON.parse(line))
        .filter(({ MESSAGE }) => String(MESSAGE).startsWith("{"));
      const info = entries.find(({ MESSAGE }) =>
        JSON.parse(MESSAGE).message === "Ready"
      );
      assert.equal(info?.PRIORITY, "6");
    });

    await step("real traffic reaches the dashboard", async () => {
      await host.visit(5, "/first");
      await host.joined(5, "/first");
      const link = (await host.must("ja4ctl login viewer")).trim();
      const token = new URL(link).searchParams.get("token");
      const page = await host.must(
        `curl -s --max-time 20 -c /root/cookies -o /dev/null -H 'Origin: http://127.0.0.1:8000' -d 'token=${token}&next=/' http://127.0.0.1:8000/login; ` +
          "curl -s --max-time 20 -b /root/cookies http://127.0.0.1:8000/ip/10.9.0.2",
      );
      assert.match(page, /10\.9\.0\.2/);
      assert.match(page, /t13[di]\d{4}/);
    });

    await step(
      "each daemon: one user, few rights, no inspector",
      async () => {
        for (const part of DAEMONS) {
          const pid = await host.property(part, "MainPID");
          const status = await host.must(
            `cat /proc/${pid}/task/*/status | grep -E '^(Uid|CapEff|NoNewPrivs|Seccomp):' | sort -u`,
          );
          const capabilities = part === "capture"
            ? "0000000000002000"
            : "0{16}";
          assert.match(
            status,
            new RegExp(
              `^CapEff:\\t${capabilities}\\nNoNewPrivs:\\t1\\nSeccomp:\\t2\\nUid:\\t(\\d+)\\t\\1\\t\\1\\t\\1\\n$`,
            ),
            part,
          );
          await host.must(`kill -USR1 ${pid}`);
        }
        await host.must("! (exec 3<>/dev/tcp/127.0.0.1/9229) 2>/dev/null");
        for (const part of DAEMONS) assert.ok(await host.isActive(part), part);
      },
    );

    await step("exposure within the limits", async () => {
      for (const part of DAEMONS) {
        const output = await host.must(
          `systemd-analyze security --no-pager ja4-${part} | tail -1`,
        );
        const score = Number(/: (\d+\.\d+) /.exec(output)?.[1]);
        assert.ok(score <= EXPOSURE[part], `${part}: ${output}`);
      }
    });

    await step("a daemon that was taken over is held by its unit", async () => {
      await Deno.copyFile(
        `${ROOT}tests/support/escape_probes.ts`,
        `${container.root}/usr/lib/escape_probes.ts`,
      );
      const program = "/usr/lib/escape_probes.ts";
      const ended = await takePlace(host, { parts: DAEMONS, program });
      for (const part of DAEMONS) {
        const results = JSON.parse(ended.get(part)?.output ?? "");
        for (const attempt of [...UNIT_REFUSES, ...PART_REFUSES[part]]) {
          assert.notEqual(results[attempt], "done", `${part}: ${attempt}`);
          assert.notEqual(results[attempt], undefined, attempt);
        }
        // The probe itself works: what is not the unit's to refuse is done.
        assert.equal(results["read /etc/passwd"], "done", part);
      }
      // And it is the unit's lines on addresses that refuse: without them the others answer.
      const free = await takePlace(host, {
        parts: ["correlate"],
        program,
        lines: ["IPAddressDeny=", "IPAddressAllow="],
      });
      const results = JSON.parse(free.get("correlate")?.output ?? "");
      for (
        const attempt of [
          "connect to another host",
          "connect to the address of cloud metadata",
        ]
      ) assert.equal(results[attempt], "done", attempt);
    });

    await step("memory and tasks are limited by the kernel", async () => {
      for (const part of DAEMONS) {
        assert.equal(
          await host.limit(part, "memory.limit_in_bytes", "memory.max"),
          await host.property(part, "MemoryMax"),
          part,
        );
        assert.equal(
          await host.limit(part, "pids.max", "pids.max"),
          await host.property(part, "TasksMax"),
          part,
        );
      }
      const limit = Number(await host.property("metrics", "TasksMax"));
      const forked = Number(
        await host.must(
          `python3 -c "${FORKS}" /sys/fs/cgroup/{pids/,}system.slice/ja4-metrics.service/cgroup.procs`,
        ),
      );
      assert.ok(forked > 0 && forked < limit, `${forked} of ${limit}`);
      // Half of its MemoryMax, which it is held to by the kernel and not by V8, and all of it.
      const lines = ["MemoryHigh=infinity"];
      const max = Number(await host.property("metrics", "MemoryMax"));
      for (const [share, status] of [[0.5, "0"], [1.2, "9"]] as const) {
        await Deno.writeTextFile(
          `${container.root}/usr/lib/hog.ts`,
          `new Uint8Array(${Math.round(max * share)}).fill(1);`,
        );
        const ended = await takePlace(host, {
          parts: ["metrics"],
          program: "/usr/lib/hog.ts",
          lines,
        });
        assert.equal(ended.get("metrics")?.status, status);
      }
    });

    await step(
      "all metrics on one address, as docs/metrics.md lists them",
      async () => {
        const text = await host.must(
          "curl -s --max-time 10 http://127.0.0.1:9465/metrics",
        );
        for (const part of ["capture", "correlate", "detect", "web"]) {
          assert.match(
            text,
            new RegExp(`^ja4_up\\{component="${part}"\\} 1$`, "m"),
          );
        }
        const path = `${ROOT}docs/metrics.md`;
        const now = metricsReference(parseMetrics(text));
        if (Deno.env.get("JA4_TEST_UPDATE") === "1") {
          await Deno.writeTextFile(path, now);
        }
        assert.equal(now, await Deno.readTextFile(path));
        const status = await host.must("ja4ctl status --json");
        for (const line of status.trim().split("\n")) {
          const { name, state } = JSON.parse(line);
          assert.equal(state, "ready", name);
        }
      },
    );

    await step("a stranger cannot write to the sockets", async () => {
      for (const name of ["http", "network"]) {
        const type = name === "http" ? "SOCK_DGRAM" : "SOCK_STREAM";
        const { code, output } = await container.run(
          `setpriv --reuid 65534 --regid 65534 --clear-groups python3 -c "import socket; socket.socket(socket.AF_UNIX, socket.${type}).connect('/run/ja4/${name}.socket')"`,
        );
        assert.notEqual(code, 0);
        assert.match(output, /PermissionError/);
      }
    });

    for (const part of DAEMONS) {
      await step(`kill -9 ${part}: back in less than 4 s`, async () => {
        // On a machine so busy that an ordinary start takes longer than a second, that much more.
        const limit = Math.max(4, 2 + 2 * await host.restart(part));
        const seconds = await host.killAndWait(part, "KILL");
        assert.ok(seconds < limit, `${seconds} s of ${limit} s`);
      });
    }

    await step("the database gone and back: nothing is lost", async () => {
      await host.must("systemctl stop ja4-store");
      await host.visit(5, "/while-away");
      await host.must("systemctl start ja4-store");
      await host.joined(5, "/while-away");
    });

    await step(
      "requests wait in a socket that systemd holds, and start the correlator",
      async () => {
        const file = "/etc/ja4-platform/correlate.toml";
        await host.must(`set -e
          cp -p ${file} /root/correlate.toml
          printf '\\n[http]\\nreader = "ffi"\\n' >>${file}
          ja4ctl grants; systemctl daemon-reload; systemctl stop ja4-correlate
          systemctl enable --quiet --now ja4-correlate.socket`);
        assert.equal(
          (await host.must("stat -c '%a %U:%G' /run/ja4/http.socket")).trim(),
          "660 ja4:ja4-feed",
        );
        assert.ok(!await host.isActive("correlate"));
        await host.visit(5, "/before-its-start");
        await eventually(
          "all five",
          async () =>
            await host.ask(
              "SELECT count() FROM ja4.http_events WHERE url_path = '/before-its-start'",
            ) === "5",
          30_000,
        );
        assert.ok(await host.isActive("correlate"));
        await host.visit(5, "/passed-socket");
        await host.joined(5, "/passed-socket");
        await host.must(`set -e
          systemctl disable --quiet --now ja4-correlate.socket
          cp -p /root/correlate.toml ${file}
          ja4ctl grants; systemctl daemon-reload; systemctl restart ja4-correlate`);
        await host.must("! grep -r allow-ffi /etc/ja4-platform/flags");
      },
    );

    await step("the timers' work: reference data and a backup", async () => {
      await host.must("systemctl start ja4ctl-reference ja4ctl-backup");
      await host.must("ls /var/lib/ja4-platform/backup/ja4-*.manifest.json");
      await host.must(
        "systemctl enable --now --quiet ja4ctl-reference.timer ja4ctl-backup.timer",
      );
    });

    await step("a hung process is restarted by the watchdog", async () => {
      await host.must(
        "mkdir -p /run/systemd/system/ja4-correlate.service.d; printf '[Service]\\nWatchdogSec=3\\n' >/run/systemd/system/ja4-correlate.service.d/99-test.conf; systemctl daemon-reload; systemctl restart ja4-correlate",
      );
      await host.killAndWait("correlate", "STOP");
      assert.ok(await host.logged("correlate", /watchdog/i));
    });

    await step("a bad reload is refused, a good one taken up", async () => {
      const file = "/etc/ja4-platform/capture.toml";
      const pid = await host.property("capture", "MainPID");
      await host.must(
        `cp -p ${file} /root/good.toml; echo 'nonsense = 1' >>${file}; systemctl reload ja4-capture`,
      );
      await eventually(
        "the refusal",
        () => host.logged("capture", /is refused.*unknown key/s),
      );
      const rounds = async (): Promise<number> =>
        Number(
          await host.must(
            "journalctl --no-pager -o cat -u ja4-capture | grep -c '\"Capturing\"'",
          ),
        );
      const before = await rounds();
      await host.must(
        `cp -p /root/good.toml ${file}; sed -i 's/ports = .*/ports = [443, 8443]/' ${file}; systemctl reload ja4-capture`,
      );
      await eventually(
        "the new configuration",
        async () => await rounds() > before,
      );
      assert.equal(await host.property("capture", "MainPID"), pid);
      await host.visit(3, "/after-reload");
      await host.joined(3, "/after-reload");
    });

    await step("an interface gone and back needs no restart", async () => {
      const restarts = await host.property("capture", "NRestarts");
      await host.must("ip link del cap0");
      await eventually(
        "the loss",
        () => host.logged("capture", /Lost the interface/),
      );
      await host.must(`set -e
        ip link add cap0 type veth peer name cap1 netns client
        ip addr add 10.9.0.1/24 dev cap0; ip link set cap0 up
        ip -n client addr add 10.9.0.2/24 dev cap1; ip -n client link set cap1 up`);
      await eventually(
        "the interface",
        async () =>
          (await container.run("ja4ctl doctor | grep -q '^ok *capture'"))
            .code ===
            0,
        20_000,
      );
      await host.visit(3, "/after-loss");
      await host.joined(3, "/after-loss");
      assert.equal(await host.property("capture", "NRestarts"), restarts);
    });

    await step(
      "a broken configuration: stays down, does not loop",
      async () => {
        const file = "/etc/ja4-platform/detect.toml";
        await host.must(`cp -p ${file} /root/detect.toml; echo x >${file}`);
        await container.run("systemctl restart ja4-detect");
        assert.equal(await host.property("detect", "ExecMainStatus"), "78");
        assert.equal(await host.property("detect", "ActiveState"), "failed");
        const loose = "/run/systemd/system/ja4-web.service.d";
        await host.must(
          `mkdir -p ${loose}; printf '[Service]\\nProtectSystem=no\\nPrivateDevices=no\\n' >${loose}/99-test.conf; systemctl daemon-reload`,
        );
        const { code, output } = await container.run("ja4ctl doctor");
        assert.equal(code, 1);
        assert.match(
          output,
          /^FAIL {2}unit ja4-detect\.service: failed: exit-code; see journalctl -u ja4-detect/m,
        );
        assert.match(
          output,
          /^warn {2}unit ja4-web\.service: its exposure is [\d.]+ of 10, where the package's is at most 1; see which drop-in/m,
        );
        await host.must(`rm -r ${loose}; systemctl daemon-reload`);
        await host.must(
          `cp -p /root/detect.toml ${file}; systemctl reset-failed ja4-detect; systemctl start ja4-detect`,
        );
      },
    );

    await step("stop in less than a second", async () => {
      for (const part of ["capture", "correlate", "detect", "web"]) {
        const startedMs = performance.now();
        await host.must(`systemctl stop ja4-${part}`);
        const ms = performance.now() - startedMs;
        assert.ok(ms < 1000, `${part} took ${ms} ms`);
        await host.must(`systemctl start ja4-${part}`);
      }
    });

    const old = "$(ls /root/rpms/*.rpm | grep -v -- -store-)";
    for (
      const { name, command, version } of [
        {
          name:
            "upgrade: a changed configuration stays, the new one lies beside it",
          command: `${RPM} -U /root/newer/*.rpm`,
          version: NEWER,
        },
        {
          name: "rollback: the older release runs with the same configuration",
          command: `${RPM} -U --oldpackage ${old}`,
          version: VERSION,
        },
      ]
    ) {
      await step(name, async () => {
        const pid = await host.property("capture", "MainPID");
        await host.must(command);
        const folder = "/etc/ja4-platform";
        assert.match(
          await host.must(`cat ${folder}/capture.toml`),
          /ports = \[443, 8443\]/,
        );
        // What the other release ships lies beside it.
        assert.equal(
          (await host.must(`tail -1 ${folder}/capture.toml.rpmnew`)).trim() ===
            ADDED,
          version === NEWER,
        );
        await host.must(`rm ${folder}/capture.toml.rpmnew`);
        assert.equal(
          await host.must(
            `rpm --define '_dbpath /var/lib/rpm' -q --qf '%{version}' ja4-platform-capture`,
          ),
          version,
        );
        for (const part of PARTS) {
          await eventually(`ja4-${part}`, () => host.isActive(part), 30_000);
        }
        assert.notEqual(await host.property("capture", "MainPID"), pid);
        await host.visit(2, `/on-${version}`);
        await host.joined(2, `/on-${version}`);
      });
    }

    await step("rpm -V shows what was tampered with", async () => {
      await host.must("echo >>/usr/share/ja4-platform/web/_fresh/main.js");
      const { output } = await container.run(
        `${RPM} -V --noconfig ja4-platform-web`,
      );
      assert.match(output, /^S.5.*main\.js$/m);
      assert.equal(output.trim().split("\n").length, 1, output);
    });

    await step(
      "erase leaves the data and changed configuration alone",
      async () => {
        await host.must("apache2 -f /root/httpd/httpd.conf -k stop");
        await host.must(`${DNF} remove 'ja4-platform*' mod_reqin_log`);
        for (const path of ["/usr/libexec", "/usr/share"]) {
          await host.must(`test ! -e ${path}/ja4-platform`);
        }
        await host.must(
          "test -e /etc/ja4-platform/capture.toml.rpmsave && test -d /var/lib/ja4-platform/store",
        );
        assert.equal(
          (await host.must(
            "systemctl list-units --all --plain --no-legend 'ja4-*.service' | grep -c running || :",
          )).trim(),
          "0",
        );
      },
    );
  },
});
