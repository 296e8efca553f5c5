/**
 * The launcher with a real bundled daemon: what it lets through of the environment, that SIGUSR1
 * stays blocked, and OpenTelemetry by Deno's own exporter where the unit asks for it.
 */
import assert from "node:assert/strict";
import { permissionSets } from "../ctl/permissions.ts";
import {
  eventually,
  exists,
  freePort,
  needs,
  temporaryFolder,
} from "../lib/testing.ts";
import { bundleFile } from "../packaging/bundle.ts";
import { launcherFlags } from "../packaging/flags.ts";
import { buildLauncher } from "../packaging/native.ts";
import { PROGRAMS } from "../packaging/programs.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** What an OTLP receiver is sent, by path. */
interface Sent {
  readonly path: string;
  readonly body: string;
}

Deno.test({
  name:
    "the launcher starts a daemon bound and watched, and exports its telemetry",
  ...needs(exists("/usr/bin/gcc"), "no gcc"),
  async fn() {
    await using folder = await temporaryFolder();
    const at = (name: string): string => `${folder.path}/${name}`;
    for (const name of ["share/flags", "share/programs", "libexec"]) {
      await Deno.mkdir(at(name), { recursive: true });
    }
    await buildLauncher(at("ja4-run"), {
      LIBEXEC: at("libexec"),
      SHARE: at("share"),
      ETC: at("etc"),
    });
    await Deno.symlink(Deno.execPath(), at("libexec/deno"));
    const program = PROGRAMS.find(({ name }) => name === "metrics");
    assert.ok(program?.permissions !== undefined);
    const set = permissionSets(await Deno.readTextFile(`${ROOT}deno.json`), [
      program.permissions,
    ]).get(program.permissions);
    await Deno.writeTextFile(
      at("share/flags/metrics"),
      launcherFlags(program, set).join("\n") + "\n",
    );
    await bundleFile(program.entry, at("share/metrics.js"));
    await Deno.symlink("../metrics.js", at("share/programs/metrics"));

    const sent: Sent[] = [];
    const receiver = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const { pathname: path } = new URL(request.url);
        sent.push({ path, body: await request.text() });
        return Response.json({});
      },
    );
    const port = freePort();
    const child = new Deno.Command(at("ja4-run"), {
      args: ["metrics"],
      clearEnv: true,
      env: {
        DENO_DIR: at("cache"),
        JA4_METRICS__LISTEN: `127.0.0.1:${port}`,
        OTEL_DENO: "true",
        OTEL_SERVICE_NAME: "ja4-metrics",
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.addr.port}`,
        LD_PRELOAD: "/nonexistent.so",
        NODE_OPTIONS: "--inspect",
      },
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await eventually("its metrics", async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(
          () => undefined,
        );
        const text = await answer?.text();
        return text?.includes('ja4_up{component="capture"} 0') ?? false;
      }, 20_000);
      const environment =
        (await Deno.readTextFile(`/proc/${child.pid}/environ`))
          .split("\0").map((line) => line.split("=")[0]);
      assert.ok(environment.includes("OTEL_DENO"));
      for (const name of ["LD_PRELOAD", "NODE_OPTIONS"]) {
        assert.ok(!environment.includes(name), name);
      }
      // Every thread: the signal that opens the inspector is blocked, and no new rights come.
      for await (const { name } of Deno.readDir(`/proc/${child.pid}/task`)) {
        const status = await Deno.readTextFile(
          `/proc/${child.pid}/task/${name}/status`,
        ).catch(() => undefined); // it has ended meanwhile
        if (status === undefined) continue;
        const mask = BigInt(`0x${/^SigBlk:\s*(\w+)/m.exec(status)?.[1]}`);
        assert.notEqual(mask & 1n << 9n, 0n, `thread ${name}`);
        assert.match(status, /^NoNewPrivs:\t1$/m);
      }
    } finally {
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 0);
      await receiver.shutdown();
    }
    const paths = new Set(sent.map(({ path }) => path));
    assert.ok(paths.has("/v1/traces") && paths.has("/v1/metrics"));
    const traces = sent.filter(({ path }) => path === "/v1/traces");
    assert.ok(traces.some(({ body }) => body.includes("ja4-metrics")));
    assert.ok(traces.some(({ body }) => body.includes("/metrics")));
  },
});
