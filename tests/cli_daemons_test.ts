/**
 * What every daemon owes its operator, asked of each in the same way: health, metrics, structured
 * logs, a reload that keeps a good configuration, and an end in time. Without a database, which each
 * has to live through. The dashboard, which has to be built first: web_program_test.ts.
 */
import assert from "node:assert/strict";
import { parseMetrics, sumOf } from "../ctl/samples.ts";
import { askHealth } from "../lib/metrics.ts";
import {
  eventually,
  exists,
  freePort,
  needs,
  temporaryFolder,
} from "../lib/testing.ts";
import { VERSION } from "../lib/version.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** A daemon, its file in a folder, and where it tells its health. */
interface Daemon {
  readonly name: string;
  readonly file: string;
  readonly config: (folder: string, listen: string) => string;
  /** Whether it is ready without a database, and without a correlator to send to. */
  readonly ready: boolean;
  /** Whether it is asked on a socket, and not on a port: each can be asked on both. */
  readonly socket: boolean;
  readonly skip?: { condition: boolean; reason: string };
}

const AWAY = "http://127.0.0.1:9";
const READY = true;
const WAITS = false;

const DAEMONS: readonly Daemon[] = [
  {
    name: "capture",
    file: "capture/main.ts",
    config: (folder, listen) =>
      `[capture]\ninterface = "lo"\nports = [1]\n[socket]\npath = "${folder}/n.socket"\n[health]\nlisten = "${listen}"\n`,
    ready: WAITS,
    socket: true,
    skip: { condition: Deno.uid() === 0, reason: "needs root to capture" },
  },
  {
    name: "correlate",
    file: "correlate/main.ts",
    config: (folder, listen) =>
      `[network]\npath = "${folder}/n.socket"\n[http]\npath = "${folder}/h.socket"\n[spool]\ndir = "${folder}/spool"\ndrain_ms = 0\n[clickhouse]\nurl = "${AWAY}"\npassword = "x"\n[health]\nlisten = "${listen}"\n`,
    ready: WAITS,
    socket: false,
  },
  {
    name: "detect",
    file: "detect/main.ts",
    config: (_, listen) =>
      `[clickhouse]\nurl = "${AWAY}"\npassword = "x"\n[health]\nlisten = "${listen}"\n`,
    ready: WAITS,
    socket: false,
  },
  {
    name: "metrics",
    file: "ctl/metrics.ts",
    config: (folder, listen) =>
      `[metrics]\nlisten = "${listen}"\nconfig_dir = "${folder}"\n`,
    ready: READY,
    socket: true,
  },
];

/** Longest that a stop may take, beside the time a busy machine needs for anything. */
const STOP_MS = 5000;

for (const { name, file, config, ready, socket, skip } of DAEMONS) {
  Deno.test({
    name: `${name}: health, metrics, logs, reload and end`,
    ...needs(skip?.condition ?? true, skip?.reason ?? ""),
    async fn() {
      await using folder = await temporaryFolder();
      const path = `${folder.path}/daemon.toml`;
      const listen = socket
        ? `unix:${folder.path}/health`
        : `127.0.0.1:${freePort()}`;
      const good = config(folder.path, listen);
      await Deno.writeTextFile(path, good);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--unstable-net", ROOT + file, "--config", path],
        cwd: ROOT,
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
      let log = "";
      const reading = (async () => {
        for await (
          const text of child.stderr.pipeThrough(new TextDecoderStream())
        ) log += text;
      })();
      try {
        await eventually(
          `${name} answers`,
          async () =>
            (await askHealth(listen, "/healthz").catch(() => undefined))?.ok ??
              false,
          30_000,
        );
        if (listen.startsWith("unix:")) {
          const { mode } = await Deno.stat(listen.slice("unix:".length));
          assert.equal((mode ?? 0) & 0o777, 0o660);
        }
        await eventually("its readiness", async () => {
          const { ok, text } = await askHealth(listen, "/readyz");
          return ok === ready && (ok || text.trim() !== "");
        }, 30_000);
        if (name !== "metrics") {
          const metrics = parseMetrics(
            (await askHealth(listen, "/metrics")).text,
          );
          assert.equal(
            sumOf(metrics, "ja4_build_info", {
              component: name,
              version: VERSION,
            }),
            1,
          );
          for (
            const metric of [
              "process_resident_memory_bytes",
              "process_start_time_seconds",
            ]
          ) assert.ok((sumOf(metrics, metric) ?? 0) > 1e6, metric);
          for (const family of metrics) {
            assert.notEqual(family.help, "", family.name);
            assert.equal(
              family.type === "counter",
              family.name.endsWith("_total"),
              family.name,
            );
          }
        }
        await Deno.writeTextFile(path, `${good}\nnonsense = 1\n`);
        child.kill("SIGHUP");
        await eventually(
          "the refusal",
          () =>
            /"message":"The new configuration is refused; the old one holds"/
              .test(log),
          30_000,
        );
        assert.ok((await askHealth(listen, "/healthz")).ok);
      } finally {
        const startedMs = performance.now();
        child.kill("SIGTERM");
        const { code } = await child.status;
        await reading;
        assert.equal(code, 0, log);
        assert.ok(performance.now() - startedMs < STOP_MS);
      }
      for (const line of log.trim().split("\n")) {
        const entry = JSON.parse(line);
        assert.ok(Date.parse(entry.ts) > 0, line);
        assert.match(entry.level, /^(debug|info|warning|error)$/);
        assert.equal(typeof entry.message, "string");
      }
      if (listen.startsWith("unix:")) {
        assert.ok(!exists(listen.slice("unix:".length)), "socket left behind");
      }
    },
  });
}
