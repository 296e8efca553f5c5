/**
 * What every daemon owes its operator, asked of each in the same way: health, metrics, structured
 * logs, a list of networks that is checked, a reload that keeps a good configuration, and an end in
 * time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseMetrics, sumOf } from "../../ctl/samples.ts";
import { askHealth } from "../../lib/metrics.ts";
import {
  eventually,
  exists,
  freePort,
  temporaryFolder,
} from "../../lib/testing.ts";
import { VERSION } from "../../lib/version.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A daemon, its file in a folder, and where it tells its health. */
export interface Daemon {
  readonly name: string;
  readonly file: string;
  readonly config: (folder: string, listen: string) => string;
  /** Whether it is ready without a database, and without a correlator to send to. */
  readonly ready: boolean;
  /** Whether it is asked on a socket, and not on a port: each can be asked on both. */
  readonly socket: boolean;
  /** Whose metrics are its own; the store's are those of ClickHouse, and ja4-metrics passes others' on. */
  readonly metrics: boolean;
  /** The store answers as a database: a path that says that it lives. @default "/healthz" */
  readonly alive?: string;
  /** What its engine writes on stderr beside our log. @default nothing */
  readonly foreign?: RegExp;
  /** `section.key` of a list of networks, where it has one. */
  readonly networks?: string;
}

/** Longest that a stop may take, beside the time a busy machine needs for anything. */
const STOP_MS = 5000;

/** Starts the daemon, asks it everything, and ends it. */
export async function checkDaemon(daemon: Daemon): Promise<void> {
  const { name, file, config, networks } = daemon;
  await using folder = await temporaryFolder();
  const path = `${folder.path}/daemon.toml`;
  const listen = daemon.socket
    ? `unix:${folder.path}/health`
    : `127.0.0.1:${freePort()}`;
  const good = config(folder.path, listen);
  await Deno.writeTextFile(path, good);
  if (networks !== undefined) await checkNetworks(file, path, networks);
  const child = start(file, ["--config", path]);
  let log = "";
  const reading = (async () => {
    for await (
      const text of child.stderr.pipeThrough(new TextDecoderStream())
    ) log += text;
  })();
  try {
    await checkHealth(daemon, listen);
    if (daemon.metrics) {
      checkMetrics(name, (await askHealth(listen, "/metrics")).text);
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
    assert.ok(await isAlive(daemon, listen));
  } finally {
    const startedMs = performance.now();
    child.kill("SIGTERM");
    const { code } = await child.status;
    await reading;
    assert.equal(code, 0, log);
    assert.ok(performance.now() - startedMs < STOP_MS);
  }
  checkLog(name, log.replaceAll(daemon.foreign ?? /$^/g, ""));
  if (listen.startsWith("unix:")) {
    assert.ok(!exists(listen.slice("unix:".length)), "socket left behind");
  }
}

function start(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-net", ROOT + file, ...args],
    cwd: ROOT,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** A network that is none is told in the same words by every daemon, and keeps it from starting. */
async function checkNetworks(
  file: string,
  path: string,
  key: string,
): Promise<void> {
  const variable = `JA4_${key.replace(".", "__")}`.toUpperCase();
  const { code, stderr } = await start(
    file,
    ["--config", path, "--check-config"],
    { [variable]: '["192.0.2.0/24", "10.0.0.1/8"]' },
  ).output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, 78, text);
  assert.match(
    text,
    new RegExp(
      `: ${variable}: ${key}\\.1: expected a network such as "10\\.0\\.0\\.0/8" or "2001:db8::/32", found "10\\.0\\.0\\.1/8"\\n$`,
    ),
  );
}

async function isAlive(
  { alive = "/healthz" }: Daemon,
  listen: string,
): Promise<boolean> {
  if (alive === "/healthz") return (await askHealth(listen, alive)).ok;
  const response = await fetch(`http://${listen}${alive}`);
  await response.body?.cancel();
  return response.ok;
}

async function checkHealth(daemon: Daemon, listen: string): Promise<void> {
  const { name, ready, alive } = daemon;
  await eventually(
    `${name} answers`,
    () => isAlive(daemon, listen).catch(() => false),
    30_000,
  );
  if (listen.startsWith("unix:")) {
    const { mode } = await Deno.stat(listen.slice("unix:".length));
    assert.equal((mode ?? 0) & 0o777, 0o660);
  }
  if (alive !== undefined) return;
  await eventually("its readiness", async () => {
    const { ok, text } = await askHealth(listen, "/readyz");
    return ok === ready && (ok || text.trim() !== "");
  }, 30_000);
}

function checkMetrics(component: string, text: string): void {
  const metrics = parseMetrics(text);
  assert.equal(
    sumOf(metrics, "ja4_build_info", { component, version: VERSION }),
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

function checkLog(component: string, log: string): void {
  for (const line of log.trim().split("\n")) {
    const entry = JSON.parse(line);
    assert.ok(Date.parse(entry.ts) > 0, line);
    assert.match(entry.level, /^(debug|info|warning|error)$/);
    assert.equal(entry.component.split(".")[0], component, line);
    assert.equal(typeof entry.message, "string");
  }
}
