/**
 * What mod_reqin_log costs httpd: `deno task bench module`.
 *
 * One server process with three ports: the module off, the module on, and mod_log_config writing the
 * combined log to a file instead. `http_load.c` asks each in turn for about a hundredth of a second, so that all meet
 * the same process and the same noise. httpd has a processor to itself; the client and the reader share the other.
 * A figure is the median of the differences or ratios of many rounds, `low` and `high` are the bounds
 * within which the median lies with a probability of 95 %.
 *
 * - CPU of httpd per request, and requests a second of sixteen clients that wait for each answer: httpd's processor
 *   is busy all the time. A small file, 10 KB over TLS and a handler that computes for 1 ms; keep-alive, nine headers as a
 *   browser sends them; the correlator's own reader. CPU is that of httpd's child and of nothing else; the
 *   kernel's work for `send`, waking the reader included, is the child's.
 * - Latency of a request, of one client and of four, and CPU, with no reader, one that is stopped, one that is slow, and
 *   one that has ended and whose socket file was removed. These readers do nothing but read (`slow_reader.c`).
 *   A file that is removed under a reader that lives changes nothing for httpd, which is connected.
 *
 * `deno run -A --unstable-net bench/module_bench.ts latency` measures the second alone, `... cost` the first.
 *
 * @module
 */
import { FatalError } from "../lib/errors.ts";
import { freePort, temporaryFolder } from "../lib/testing.ts";
import {
  buildModule,
  type Httpd,
  makeCertificates,
  startHttpd,
} from "../tests/support/httpd.ts";
import {
  compile,
  CPU,
  type Load,
  load,
  type Reader,
  run,
  startReader,
  type Turn,
  type Work,
} from "./http_load.ts";

/** So many that httpd's processor has work also while the client's reads events. */
const CONNECTIONS = 16;
const ROUNDS = 300;
/** One child, with a thread for every connection: where there are too few, httpd closes some. */
const HTTPD = `ServerLimit 1
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
`;
/** The last byte of each answer; in no other place of it. */
const LAST = 0x7e;

const ARMS = ["off", "on", "log"] as const;
type Arm = typeof ARMS[number];

interface Workload extends Work {
  readonly name: string;
  /** Not where so few clients ask that httpd waits for them while their processor reads events. */
  readonly throughput: boolean;
}

const WORKLOADS: readonly Workload[] = [
  { name: "small", path: "/small.html", requests: 200 },
  {
    name: "small_4_clients",
    path: "/small.html",
    requests: 200,
    connections: 4,
    throughput: false,
  },
  { name: "tls_10k", path: "/large.html", tls: true, requests: 120 },
  { name: "handler_1ms", path: "/handler", requests: 20, rounds: 400 },
].map((workload) => ({
  rounds: ROUNDS,
  connections: CONNECTIONS,
  throughput: true,
  ...workload,
}));

/**
 * Many short rounds, of which the noise of the machine meets few. The quantile of all requests together would be that of
 * the noise: it comes in bursts of more than a hundredth of the time.
 */
const TIMED = { path: "/small.html", requests: 300 } as const;
/** Clients and rounds. So many know the 99th percentile's ratio to 2 %. */
const TIMED_CLIENTS = [[1, 1000], [4, 1800]] as const;

/** A module of Lua that computes so much as the query says, as an application does. */
const HANDLER = `
require "apache2"
function handle(r)
  local x = 1
  for i = 1, tonumber(r.args) do x = (x * 16807) % 2147483647 end
  r.content_type = "text/plain"
  r.headers_out["Content-Length"] = "1"
  r:puts("~")
  return apache2.OK
end`;

interface Ports {
  readonly tcp: number;
  readonly tls: number;
}

/** The server and the programs that measure it. */
interface Bench {
  readonly client: Load;
  readonly ports: Readonly<Record<Arm, Ports>>;
  readonly socketPath: string;
  readonly slowReader: string;
}

/** Asks the ports of `arms`. */
function ask<Name extends Arm>(
  { client, ports }: Bench,
  arms: readonly Name[],
  work: Work,
): Promise<Record<Name, Turn[]>> {
  const scheme = work.tls === true ? "tls" : "tcp";
  const wanted = arms.map((arm) => [arm, ports[arm][scheme]]);
  return load(client, Object.fromEntries(wanted) as Record<Name, number>, work);
}

function startCorrelatorReader({ socketPath }: Bench): Promise<Reader> {
  const script = new URL("module_reader.ts", import.meta.url).pathname;
  return startReader(Deno.execPath(), [
    ...["run", "-A", "--unstable-net", script, socketPath],
  ]);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ??
    NaN;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Where the median of what the values are a sample of lies with a probability of 95 % (by ranks). */
function bounds(values: readonly number[]): { low: number; high: number } {
  const half = 0.98 / Math.sqrt(values.length);
  const round = (value: number) => Number(value.toPrecision(4));
  return {
    low: round(quantile(values, 0.5 - half)),
    high: round(quantile(values, 0.5 + half)),
  };
}

function print(
  figure: {
    name: string;
    value: number;
    unit: string;
    baseline: number;
    ratio: number;
    [more: string]: string | number;
  },
): void {
  const round = (value: number) => Number(value.toPrecision(4));
  // deno-lint-ignore no-console -- the line is the result
  console.log(JSON.stringify({
    ...figure,
    value: round(figure.value),
    baseline: round(figure.baseline),
    ratio: Number(figure.ratio.toFixed(3)),
    command: "deno task bench module",
  }));
}

/** Prints how much more CPU a request took in `turns` than without. */
function printCpu(
  name: string,
  turns: readonly Turn[],
  without: readonly Turn[],
): void {
  const off = without.map(({ cpuUs }) => cpuUs);
  const more = turns.map(({ cpuUs }, i) => cpuUs - (off[i] ?? NaN));
  print({
    name,
    value: median(more),
    unit: "us/request more",
    baseline: median(off),
    ratio: median(more.map((us, i) => 1 + us / (off[i] ?? NaN))),
    ...bounds(more),
  });
}

/** Prints one figure of `turns` as a ratio to that without. */
function printRatio(
  { name, unit, of }: { name: string; unit: string; of: keyof Turn },
  turns: readonly Turn[],
  without: readonly Turn[],
): void {
  const ratios = turns.map((turn, i) => turn[of] / (without[i]?.[of] ?? NaN));
  print({
    name,
    value: median(turns.map((turn) => turn[of])),
    unit,
    baseline: median(without.map((turn) => turn[of])),
    ratio: median(ratios),
    ...bounds(ratios),
  });
}

/** How often the handler's loop runs in a millisecond of this machine. */
async function loopsPerMs(bench: Bench): Promise<number> {
  const probe = 100_000;
  const { off } = await ask(bench, ["off"], {
    path: `/handler?${probe}`,
    rounds: 5,
    requests: 40,
    connections: CONNECTIONS,
  });
  return Math.round(probe * 1000 / median(off.map(({ cpuUs }) => cpuUs)));
}

/** CPU and throughput of each workload. */
async function measureCost(bench: Bench): Promise<void> {
  const loops = await loopsPerMs(bench);
  const reader = await startCorrelatorReader(bench);
  let requests = 0;
  for (const { name, throughput, ...work } of WORKLOADS) {
    const path = work.path === "/handler" ? `/handler?${loops}` : work.path;
    const turns = await ask(bench, ARMS, { ...work, path });
    requests += (work.rounds + 1) * work.requests +
      work.connections;
    for (const arm of ["on", "log"] as const) {
      const what = arm === "on" ? "module" : "mod_log_config";
      printCpu(`${what}_cpu_${name}`, turns[arm], turns.off);
      if (!throughput) continue;
      printRatio(
        {
          name: `${what}_throughput_${name}`,
          unit: "requests/s",
          of: "perSecond",
        },
        turns[arm],
        turns.off,
      );
    }
  }
  const taken = await reader.end();
  // Requests and ends of connections.
  print({
    name: "module_events_taken",
    value: taken,
    unit: "events",
    baseline: requests,
    ratio: taken / requests,
  });
}

/** Latency where the reader fails. */
async function measureLatency(bench: Bench): Promise<void> {
  const { socketPath, slowReader } = bench;
  const states = {
    none: () => Promise.resolve(undefined),
    stopped: async () => {
      const reader = await startReader(slowReader, [socketPath, "0"]);
      Deno.kill(reader.pid, "SIGSTOP");
      return reader;
    },
    slow: () => startReader(slowReader, [socketPath, "10000"]),
    removed: async () => {
      const reader = await startReader(slowReader, [socketPath, "0"]);
      // httpd finds it before it is gone.
      await ask(bench, ["on"], { ...TIMED, rounds: 1, connections: 1 });
      await reader.end();
      await Deno.remove(socketPath);
      return undefined;
    },
  } as const;
  for (const [state, start] of Object.entries(states)) {
    for (const [connections, rounds] of TIMED_CLIENTS) {
      const reader = await start();
      const { off, on } = await ask(bench, ["off", "on"], {
        ...TIMED,
        rounds,
        connections,
      });
      if (state === "stopped" && reader) Deno.kill(reader.pid, "SIGCONT");
      await reader?.end();
      await Deno.remove(socketPath).catch(() => {}); // it was not there
      const suffix = `reader_${state}_clients_${connections}`;
      printCpu(`module_cpu_${suffix}`, on, off);
      for (const figure of ["p50Us", "p99Us"] as const) {
        const name = `module_latency_${figure.slice(0, 3)}_${suffix}`;
        printRatio({ name, unit: "us", of: figure }, on, off);
      }
    }
  }
}

/** Port and TLS port of a virtual host, and its configuration. */
function virtualHost(what: string): { ports: Ports; configuration: string } {
  const ports = { tcp: freePort(), tls: freePort() };
  return {
    ports,
    configuration: `
Listen 127.0.0.1:${ports.tcp}
Listen 127.0.0.1:${ports.tls}
<VirtualHost 127.0.0.1:${ports.tcp}>
${what}
</VirtualHost>
<VirtualHost 127.0.0.1:${ports.tls}>
SSLEngine on
SSLCertificateFile \${JA4_CERTIFICATE}
SSLCertificateKeyFile \${JA4_KEY}
${what}
</VirtualHost>
`,
  };
}

/** The one child of `httpd`, from now on on a processor of its own. */
async function pinChild({ pid, port }: Httpd): Promise<number> {
  await fetch(`http://127.0.0.1:${port}/small.html`).then((answer) =>
    answer.text()
  );
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
  const [child, ...others] = text.trim().split(" ");
  if (child === undefined || others.length > 0) {
    throw new Error(`httpd has the children ${text}, expected one`);
  }
  await run("taskset", ["--all-tasks", "-p", "-c", CPU.httpd, child]);
  return Number(child);
}

async function main(): Promise<void> {
  const [only = "cost and latency"] = Deno.args;
  if (!/^(cost and latency|cost|latency)$/.test(only)) {
    throw new FatalError(
      "usage",
      `Cannot measure "${only}": expected cost or latency`,
    );
  }
  if (navigator.hardwareConcurrency < 2) {
    throw new FatalError(
      "unavailable",
      "Cannot measure: expected two processors, one for httpd",
    );
  }
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  await Deno.chmod(folder, 0o755);
  const documentRoot = `${folder}/htdocs`;
  await Deno.mkdir(documentRoot);
  const body = new Uint8Array(10_240).fill(0x61);
  body[body.length - 1] = LAST;
  await Deno.writeFile(`${documentRoot}/large.html`, body);
  await Deno.writeFile(`${documentRoot}/small.html`, body.slice(-5));
  await Deno.writeTextFile(`${folder}/handler.lua`, HANDLER);
  const on = virtualHost("JsonSockLogEnabled On");
  const off = virtualHost("JsonSockLogEnabled Off");
  const log = virtualHost(`JsonSockLogEnabled Off
CustomLog ${folder}/access.log "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\""`);
  const socketPath = `${folder}/http.socket`;
  await using httpd = await startHttpd({
    modulePath: await buildModule(),
    socketPath,
    folder,
    certificates: await makeCertificates(folder),
    documentRoot,
    extra: `${HTTPD}LoadModule lua_module \${JA4_MODULES}/mod_lua.so
LuaScope thread
LuaMapHandler /handler ${folder}/handler.lua handle
${on.configuration}${off.configuration}${log.configuration}`,
  });
  const bench: Bench = {
    client: {
      pid: await pinChild(httpd),
      program: await compile("http_load", folder, ["-lssl", "-lcrypto"]),
    },
    ports: { on: on.ports, off: off.ports, log: log.ports },
    socketPath,
    slowReader: await compile("slow_reader", folder),
  };
  if (only.includes("cost")) await measureCost(bench);
  if (only.includes("latency")) await measureLatency(bench);
}

if (import.meta.main) await main();
