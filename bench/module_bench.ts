/**
 * What mod_reqin_log costs httpd: `deno task bench module`.
 *
 * Three servers, alike but for the module off, the module on, and mod_log_config writing the
 * combined log to a file instead. Requests go to them in turn, one by one, over connections that stay, so
 * that all meet the same noise. A figure is the median of the differences or ratios of many short rounds, `low` and `high`
 * are the bounds within which the median lies with a probability of 95 %.
 *
 * - CPU of httpd's children per request, and requests per second of clients that wait for each answer,
 *   for a small file, 10 KB over TLS and a handler that computes for 1 ms; keep-alive, nine headers as a
 *   browser sends them; the correlator's own reader. CPU is that of all threads of httpd's children and of nothing else; the
 *   kernel's work for `send`, waking the reader included, is theirs.
 * - Latency of a request with no reader, one that is stopped, one that is slow, and one whose socket
 *   file was removed.
 *
 * @module
 */
import { temporaryFolder } from "../lib/testing.ts";
import {
  buildModule,
  type Httpd,
  type HttpdOptions,
  makeCertificates,
  startHttpd,
} from "../tests/support/httpd.ts";

const ROUNDS = 60;
/** Each with one request at a time: fewer than the shortest queue of the kernel holds. */
const CONNECTIONS = 4;
/** Between rounds and blocks: what they left behind, such as the pages of a log, is done meanwhile. */
const PAUSE_MS = 100;
/** Requests of each server in a block, whose quantiles are compared, and blocks. */
const TIMED = 1000;
const BLOCKS = 25;

/** The last byte of each answer; in no header of it. */
const LAST = 0x7e;

type Arm = "off" | "on" | "log";

interface Workload {
  readonly name: string;
  readonly path: string;
  readonly tls: boolean;
  /** To each server, in a round. */
  readonly requests: number;
}

const WORKLOADS: readonly Workload[] = [
  { name: "small", path: "/small.html", tls: false, requests: 1000 },
  { name: "tls_10k", path: "/large.html", tls: true, requests: 600 },
  { name: "handler_1ms", path: "/handler", tls: false, requests: 80 },
];

function requestText(path: string): string {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Cookie: sid=abcdefghijklmnopqrstuvwxyz0123456789; theme=dark; _ga=GA1.2.3.4",
    "Referer: https://www.example.com/some/path",
    "\r\n",
  ].join("\r\n");
}

const READER = new URL("module_reader.ts", import.meta.url).pathname;

/** A module of Lua that computes for a millisecond, as an application does. */
const HANDLER = `
require "apache2"
function handle(r)
  local stop = os.clock() + 0.001
  while os.clock() < stop do end
  r.content_type = "text/plain"
  r.headers_out["Content-Length"] = "1"
  r:puts("~")
  return apache2.OK
end`;

interface Reader {
  readonly pid: number;
  /** Ends it; how many events it took. */
  end(): Promise<number>;
}

async function startReader(path: string, pauseMs = 0): Promise<Reader> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--unstable-net", READER, path, String(pauseMs)],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream())
    .getReader();
  await lines.read();
  return {
    pid: process.pid,
    async end() {
      await process.stdin.close();
      let text = "";
      for (
        let part = await lines.read();
        !part.done;
        part = await lines.read()
      ) {
        text += part.value;
      }
      await process.status;
      return Number(text);
    },
  };
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

/** CPU microseconds of the threads of the children of `parent` so far. */
async function childrenCpu(parent: number): Promise<number> {
  const read = (path: string) => Deno.readTextFile(path).catch(() => "");
  let nanos = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await read(`/proc/${name}/stat`);
    const [, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(ppid) !== parent) continue;
    for await (const thread of Deno.readDir(`/proc/${name}/task`)) {
      // Exact, where the ticks of stat are samples.
      const path = `/proc/${name}/task/${thread.name}/schedstat`;
      nanos += Number((await read(path)).split(" ")[0]);
    }
  }
  return nanos / 1000;
}

/** Sends a request and reads the answer. */
async function exchange(
  connection: Deno.Conn,
  request: Uint8Array,
  buffer: Uint8Array,
): Promise<void> {
  for (let rest = request; rest.length > 0;) {
    rest = rest.subarray(await connection.write(rest));
  }
  while (true) {
    const n = await connection.read(buffer);
    if (n === null) throw new Error("httpd closed the connection");
    if (buffer[n - 1] === LAST) return;
  }
}

/** One server in one round. */
interface Turn {
  readonly cpuUs: number;
  readonly perSecond: number;
}

const ARMS = ["off", "on", "log"] as const;

/** A connection to each of some servers. */
type Lines<Name extends Arm> = readonly { arm: Name; connection: Deno.Conn }[];

async function openLines<Name extends Arm>(
  servers: Readonly<Record<Name, Httpd>>,
  connect: (httpd: Httpd) => Promise<Deno.Conn>,
  arms: readonly Name[],
): Promise<Lines<Name>> {
  return await Promise.all(
    arms.map(async (arm) => ({ arm, connection: await connect(servers[arm]) })),
  );
}

function closeLines(lines: Lines<Arm>): void {
  for (const { connection } of lines) connection.close();
}

/** `count` requests over each of `lines`, in turn; microseconds of each. */
async function inTurn<Name extends Arm>(
  lines: Lines<Name>,
  { path, count }: { path: string; count: number },
): Promise<Record<Name, number[]>> {
  const request = new TextEncoder().encode(requestText(path));
  const buffer = new Uint8Array(262_144);
  const times = Object.fromEntries(
    lines.map(({ arm }) => [arm, []]),
  ) as unknown as Record<Name, number[]>;
  for (let i = 0; i < count; i++) {
    // In any order, so that none always finds the caches of the same other.
    const first = Math.floor(Math.random() * lines.length);
    const step = Math.random() < 0.5 ? 1 : lines.length - 1;
    for (let k = 0; k < lines.length; k++) {
      const line = lines[(first + k * step) % lines.length];
      if (line === undefined) continue;
      const startMs = performance.now();
      await exchange(line.connection, request, buffer);
      times[line.arm].push((performance.now() - startMs) * 1000);
    }
  }
  return times;
}

/** A round of `workload`: all servers at once. */
async function round(
  servers: Servers,
  clients: readonly Lines<Arm>[],
  { path, requests }: Workload,
): Promise<Record<Arm, Turn>> {
  const cpu = () =>
    Promise.all(ARMS.map((arm) => childrenCpu(servers[arm].pid)));
  const before = await cpu();
  const count = requests / CONNECTIONS;
  const times = await Promise.all(
    clients.map((lines) => inTurn(lines, { path, count })),
  );
  const after = await cpu();
  const turn = (arm: Arm, i: number): Turn => {
    const waitedUs = times.flatMap((each) => each[arm])
      .reduce((sum, us) => sum + us, 0);
    return {
      cpuUs: ((after[i] ?? 0) - (before[i] ?? 0)) / requests,
      perSecond: requests / (waitedUs / 1e6 / CONNECTIONS),
    };
  };
  return { off: turn("off", 0), on: turn("on", 1), log: turn("log", 2) };
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, PAUSE_MS));
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

type Servers = Readonly<Record<Arm, Httpd>>;

/** CPU and throughput of each workload. */
async function measureCost(
  servers: Servers,
  { socketPath, caCerts }: { socketPath: string; caCerts: string[] },
): Promise<void> {
  const reader = await startReader(socketPath);
  let requests = 0;
  for (const workload of WORKLOADS) {
    const connect = workload.tls
      ? ({ tlsPort: port }: Httpd) =>
        Deno.connectTls({ hostname: "localhost", port, caCerts })
      : ({ port }: Httpd) => Deno.connect({ hostname: "127.0.0.1", port });
    const clients = await Promise.all(
      Array.from(
        { length: CONNECTIONS },
        () => openLines(servers, connect, ARMS),
      ),
    );
    const turns: Record<Arm, Turn[]> = { off: [], on: [], log: [] };
    for (let i = 0; i <= ROUNDS; i++) {
      await pause();
      const one = await round(servers, clients, workload);
      requests += workload.requests;
      // The first warms up.
      if (i > 0) ARMS.forEach((arm) => turns[arm].push(one[arm]));
    }
    clients.forEach(closeLines);
    requests += CONNECTIONS;
    const cpuOff = median(turns.off.map(({ cpuUs }) => cpuUs));
    for (const arm of ["on", "log"] as const) {
      const what = arm === "on" ? "module" : "mod_log_config";
      const pairs = turns[arm].map((turn, i) => ({
        turn,
        off: turns.off[i] ?? turn,
      }));
      const more = pairs.map(({ turn, off }) => turn.cpuUs - off.cpuUs);
      print({
        name: `${what}_cpu_${workload.name}`,
        value: median(more),
        unit: "us/request more",
        baseline: cpuOff,
        ratio: median(pairs.map(({ turn, off }) => off.cpuUs / turn.cpuUs)),
        ...bounds(more),
      });
      const ratios = pairs.map(({ turn, off }) =>
        turn.perSecond / off.perSecond
      );
      print({
        name: `${what}_throughput_${workload.name}`,
        value: median(turns[arm].map(({ perSecond }) => perSecond)),
        unit: "requests/s",
        baseline: median(turns.off.map(({ perSecond }) => perSecond)),
        ratio: median(ratios),
        ...bounds(ratios),
      });
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
async function measureLatency(
  servers: Servers,
  socketPath: string,
): Promise<void> {
  const states = {
    none: () => Promise.resolve(undefined),
    stopped: async () => {
      const reader = await startReader(socketPath);
      Deno.kill(reader.pid, "SIGSTOP");
      return reader;
    },
    slow: () => startReader(socketPath, 10),
    removed: async () => {
      const reader = await startReader(socketPath);
      await Deno.remove(socketPath);
      return reader;
    },
  } as const;
  for (const [state, start] of Object.entries(states)) {
    const reader = await start();
    const blocks: Record<"off" | "on", number[]>[] = [];
    const lines = await openLines(
      servers,
      ({ port }) => Deno.connect({ hostname: "127.0.0.1", port }),
      ["off", "on"] as const,
    );
    for (let i = 0; i < BLOCKS; i++) {
      await pause();
      blocks.push(await inTurn(lines, { path: "/small.html", count: TIMED }));
    }
    closeLines(lines);
    if (state === "stopped" && reader) Deno.kill(reader.pid, "SIGCONT");
    await reader?.end();
    await Deno.remove(socketPath).catch(() => {}); // it was not there
    for (const [name, q] of [["p50", 0.5], ["p99", 0.99]] as const) {
      const of = (arm: "off" | "on") =>
        median(blocks.map((block) => quantile(block[arm], q)));
      print({
        name: `module_latency_${name}_reader_${state}`,
        value: of("on"),
        unit: "us",
        baseline: of("off"),
        ratio: median(
          blocks.map(({ on, off }) => quantile(on, q) / quantile(off, q)),
        ),
      });
    }
  }
}

async function start(
  folder: string,
  shared: Pick<HttpdOptions, "modulePath" | "socketPath" | "certificates">,
  extra: string,
): Promise<Httpd> {
  const root = `${folder}/htdocs`;
  await Deno.mkdir(root, { recursive: true });
  const body = new Uint8Array(10_240).fill(0x61);
  body[body.length - 1] = LAST;
  await Deno.writeFile(`${root}/large.html`, body);
  await Deno.writeFile(`${root}/small.html`, body.slice(-5));
  await Deno.writeTextFile(`${folder}/handler.lua`, HANDLER);
  return await startHttpd({
    ...shared,
    folder,
    documentRoot: root,
    extra: `LoadModule lua_module \${JA4_MODULES}/mod_lua.so
LuaMapHandler /handler ${folder}/handler.lua handle
${extra}
`,
  });
}

async function main(): Promise<void> {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  await Deno.chmod(folder, 0o755);
  const socketPath = `${folder}/http.socket`;
  const shared = {
    modulePath: await buildModule(),
    socketPath,
    certificates: await makeCertificates(folder),
  };
  await using off = await start(
    `${folder}/off`,
    shared,
    "JsonSockLogEnabled Off",
  );
  await using on = await start(`${folder}/on`, shared, "JsonSockLogEnabled On");
  await using log = await start(
    `${folder}/log`,
    shared,
    `JsonSockLogEnabled Off
CustomLog ${folder}/log/access.log "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\""`,
  );
  const servers = { off, on, log };
  const caCerts = [await Deno.readTextFile(shared.certificates.authority)];
  await measureCost(servers, { socketPath, caCerts });
  await measureLatency(servers, socketPath);
}

if (import.meta.main) await main();
