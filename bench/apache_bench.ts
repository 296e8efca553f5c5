/**
 * What mod_reqin_log costs: CPU of httpd's children per request with the module on and off, over
 * HTTP/1.1 keep-alive, a small file, nine headers as a browser sends them, and a reader that keeps
 * up. The arms take turns; medians. Two JSON lines on stdout: plain HTTP and HTTPS.
 *
 *     deno run -A --unstable-net bench/apache_bench.ts
 *
 * Requests are pipelined so that the client costs little. What the kernel spends on waking the
 * reader is in the figure, since `send` pays it.
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

const ROUNDS = 7;
const REQUESTS = 20_000;
/** Requests in flight on a connection; with both connections fewer than the shortest queue of the kernel holds. */
const BATCH = 4;
const CONNECTIONS = 2;

/** The whole body of an answer; the byte "~" is in no header of it. */
const BODY = 0x7e;

const REQUEST = [
  "GET /index.html HTTP/1.1",
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

/** The reader, in a thread of its own: takes datagrams and counts them. */
const READER = `
let socket, events = 0;
onmessage = async ({ data }) => {
  if (data === "count") return postMessage(events);
  socket = Deno.listenDatagram({ transport: "unixpacket", path: data });
  Deno.chmodSync(data, 0o666);
  postMessage("ready");
  const buffer = new Uint8Array(65536);
  while (true) { await socket.receive(buffer); events++; }
};`;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
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

/** Sends `count` requests over one connection and reads all answers. */
async function load(
  connect: () => Promise<Deno.Conn>,
  count: number,
): Promise<void> {
  using connection = await connect();
  const buffer = new Uint8Array(262_144);
  const batch = new TextEncoder().encode(REQUEST.repeat(BATCH));
  for (let sent = 0; sent < count; sent += BATCH) {
    for (let rest = batch; rest.length > 0;) {
      rest = rest.subarray(await connection.write(rest));
    }
    for (let answers = 0; answers < BATCH;) {
      const n = await connection.read(buffer);
      if (n === null) throw new Error("httpd closed the connection");
      for (let i = 0; i < n; i++) if (buffer[i] === BODY) answers++;
    }
  }
}

async function microsPerRequest(
  httpd: Httpd,
  connect: (httpd: Httpd) => Promise<Deno.Conn>,
): Promise<number> {
  const before = await childrenCpu(httpd.pid);
  await Promise.all(
    Array.from(
      { length: CONNECTIONS },
      () => load(() => connect(httpd), REQUESTS / CONNECTIONS),
    ),
  );
  return (await childrenCpu(httpd.pid) - before) / REQUESTS;
}

async function start(
  folder: string,
  shared: Pick<HttpdOptions, "modulePath" | "socketPath" | "certificates">,
  enabled: "On" | "Off",
): Promise<Httpd> {
  await Deno.mkdir(`${folder}/htdocs`, { recursive: true });
  await Deno.writeFile(`${folder}/htdocs/index.html`, new Uint8Array([BODY]));
  return await startHttpd({
    ...shared,
    folder,
    documentRoot: `${folder}/htdocs`,
    extra: `JsonSockLogEnabled ${enabled}\n`,
  });
}

async function main(): Promise<void> {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  await Deno.chmod(folder, 0o755);
  const socketPath = `${folder}/http.socket`;
  const reader = new Worker(
    `data:application/javascript,${encodeURIComponent(READER)}`,
    { type: "module" },
  );
  const ask = (question: string): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    reader.onmessage = ({ data }) => resolve(data);
    reader.postMessage(question);
    return promise;
  };
  await ask(socketPath);
  const shared = {
    modulePath: await buildModule(),
    socketPath,
    certificates: await makeCertificates(folder),
  };
  await using off = await start(`${folder}/off`, shared, "Off");
  await using on = await start(`${folder}/on`, shared, "On");
  const caCerts = [await Deno.readTextFile(shared.certificates.authority)];
  const schemes: Record<string, (httpd: Httpd) => Promise<Deno.Conn>> = {
    http: ({ port }) => Deno.connect({ hostname: "127.0.0.1", port }),
    https: ({ tlsPort: port }) =>
      Deno.connectTls({ hostname: "localhost", port, caCerts }),
  };
  for (const [scheme, connect] of Object.entries(schemes)) {
    const baselines: number[] = [];
    const differences: number[] = [];
    const readBefore = await ask("count") as number;
    for (let round = 0; round <= ROUNDS; round++) {
      const baseline = await microsPerRequest(off, connect);
      const value = await microsPerRequest(on, connect);
      // The first round warms up.
      if (round === 0) continue;
      baselines.push(baseline);
      differences.push(value - baseline);
    }
    const baseline = median(baselines);
    const value = median(differences);
    // deno-lint-ignore no-console -- the line is the result
    console.log(JSON.stringify({
      name: `apache_module_cpu_${scheme}`,
      value: Number(value.toFixed(1)),
      unit: "us/request",
      baseline: Number(baseline.toFixed(1)),
      ratio: Number((baseline / (baseline + value)).toFixed(3)),
      events_read: await ask("count") as number - readBefore,
      requests: REQUESTS * (ROUNDS + 1),
      command: "deno run -A --unstable-net bench/apache_bench.ts",
    }));
  }
  reader.terminate();
}

if (import.meta.main) await main();
