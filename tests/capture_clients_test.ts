/**
 * Post-quantum ClientHellos of real clients, in two segments as an Ethernet carries them: what the
 * capture reports is what the server was sent, read by other code.
 *
 * In short with Chromium alone; `JA4_TEST_HELLOS=1000` has Chromium and Go send so many together, and
 * `JA4_TEST_NODE=PATH` adds a Node.js with OpenSSL 3.5 or newer inside.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { HandshakeEvent } from "../lib/events.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import { findChromium } from "./support/browser.ts";
import { handshakes, listenForEvents, startDaemon } from "./support/capture.ts";
import { makeCertificate } from "./support/certificate.ts";
import { type HelloFacts, helloFacts } from "./support/ja4.ts";
import {
  hasNetworks,
  type Network,
  run,
  startNetwork,
} from "./support/network.ts";

const inNetwork = needs(
  await hasNetworks(),
  "needs root and network namespaces",
);
const hasChromium = needs(findChromium() !== undefined, "no Chromium");
const LONG = Deno.env.get("JA4_TEST_HELLOS");
// Go compiles its library first, which takes a minute and more.
const hasGo = LONG !== undefined &&
  (await run("go", ["version"]).catch(() => ({ code: 1 }))).code === 0;
const NODE = Deno.env.get("JA4_TEST_NODE");

/** X25519MLKEM768. */
const POST_QUANTUM = 4588;
const HELLOS = Number(LONG ?? 80);

/** A TLS server behind a relay that keeps what each client says first. */
interface Server extends AsyncDisposable {
  readonly port: number;
  /** By the client's port. */
  readonly hellos: ReadonlyMap<number, HelloFacts>;
}

async function startServer(
  folder: string,
  hostname: string,
  page: string,
): Promise<Server> {
  const certificate = await makeCertificate(folder);
  const web = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      ...certificate,
    },
    (request) =>
      new Response(new URL(request.url).pathname === "/" ? page : "", {
        headers: { "content-type": "text/html", connection: "close" },
      }),
  );
  const listener = Deno.listen({ hostname, port: 0 });
  const hellos = new Map<number, HelloFacts>();
  const relay = async (client: Deno.TcpConn): Promise<void> => {
    const first = await firstRecord(client);
    const { port } = client.remoteAddr as Deno.NetAddr;
    // A browser opens connections for later, too.
    if (first === undefined) return client.close();
    hellos.set(port, helloFacts(first));
    const server = await Deno.connect({ port: web.addr.port });
    await server.write(first);
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
  };
  const accepting = (async () => {
    for await (const client of listener) relay(client).catch(() => {});
  })();
  return {
    port: listener.addr.port,
    hellos,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await web.shutdown();
    },
  };
}

/** The first record that a client sends; undefined if it leaves without one. */
async function firstRecord(
  client: Deno.TcpConn,
): Promise<Uint8Array | undefined> {
  const buffer = new Uint8Array(32_768);
  let length = 0;
  while (
    length < 5 || length < 5 + ((buffer[3] ?? 0) << 8 | (buffer[4] ?? 0))
  ) {
    const read = await client.read(buffer.subarray(length));
    if (read === null) return undefined;
    length += read;
  }
  return buffer.slice(0, length);
}

/** Where a client at the far end sends how many ClientHellos at least. */
interface Target {
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly count: number;
}

type Client = (network: Network, target: Target) => Promise<void>;

async function runThere(network: Network, ...command: string[]): Promise<void> {
  const there = network.there(...command);
  const { code, stderr } = await run(there.command, there.args);
  strictEqual(code, 0, stderr);
}

async function browse(
  network: Network,
  { folder, address, port }: Target,
): Promise<void> {
  await runThere(
    network,
    ...[findChromium() ?? "", "--headless", "--no-sandbox", "--disable-gpu"],
    ...["--disable-dev-shm-usage", `--user-data-dir=${folder}/profile`],
    ...["--disable-background-networking", "--no-first-run"],
    ...["--ignore-certificate-errors", "--dump-dom"],
    `--host-resolver-rules=MAP * ${address}`,
    `https://page.example:${port}/`,
  );
}

async function go(
  network: Network,
  { folder, address, port, count }: Target,
): Promise<void> {
  const program = `${folder}/hello_client`;
  const source = new URL("support/hello_client.go", import.meta.url);
  const { code, stderr } = await run("go", [
    ...["build", "-o", program, fileURLToPath(source)],
  ]);
  strictEqual(code, 0, stderr);
  await runThere(network, program, `${address}:${port}`, String(count));
}

async function node(
  network: Network,
  { address, port, count }: Target,
): Promise<void> {
  const script = `
    const tls = require("node:tls");
    const next = (number) => number < ${count} && tls.connect({
      host: "${address}", port: ${port}, servername: "node" + number + ".example",
      ALPNProtocols: ["http/1.1"], rejectUnauthorized: false,
    }, function () { this.destroy(); next(number + 1); });
    next(0);`;
  await runThere(network, NODE ?? "", "-e", script);
}

/** The program `openssl`, one process a handshake. */
async function openssl(
  network: Network,
  { address, port, count }: Target,
): Promise<void> {
  const script = `for number in $(seq ${count}); do
    openssl s_client -connect ${address}:${port} -alpn http/1.1 \\
      -servername openssl$number.example </dev/null >/dev/null 2>&1
  done; exit 0`;
  await runThere(network, "bash", "-c", script);
}

/** Deno itself. */
async function deno(
  network: Network,
  { address, port, count }: Target,
): Promise<void> {
  const script = `for (let number = 0; number < ${count}; number++) {
    const connection = await Deno.connectTls({
      hostname: "${address}", port: ${port}, alpnProtocols: ["h2", "http/1.1"],
    });
    await connection.handshake();
    connection.close();
  }`;
  await runThere(
    network,
    ...[Deno.execPath(), "eval", "--unsafely-ignore-certificate-errors"],
    script,
  );
}

/** Whether the library of `openssl` has X25519MLKEM768, and offers it. */
async function isPostQuantumOpenssl(): Promise<boolean> {
  const { stdout } = await run("openssl", ["version"]);
  const [, major = "0", minor = "0"] = /^OpenSSL (\d+)\.(\d+)/.exec(stdout) ??
    [];
  return Number(major) * 100 + Number(minor) >= 305;
}

const CLIENTS: readonly {
  readonly name: string;
  readonly client: Client;
  readonly isHere: boolean;
  readonly isPostQuantum: boolean;
}[] = [
  {
    name: "Chromium",
    client: browse,
    isHere: !hasChromium.ignore,
    isPostQuantum: true,
  },
  { name: "Go", client: go, isHere: hasGo, isPostQuantum: true },
  {
    name: "Node.js",
    client: node,
    isHere: NODE !== undefined,
    isPostQuantum: true,
  },
  {
    name: "openssl",
    client: openssl,
    isHere: true,
    isPostQuantum: await isPostQuantumOpenssl(),
  },
  // Deno 2.9 offers no post-quantum key share.
  { name: "Deno", client: deno, isHere: true, isPostQuantum: false },
];

/** ClientHellos of a client whose are not post-quantum: in one segment, and compared as well. */
const OTHERS = 10;

Deno.test({
  name:
    "capture reads the post-quantum ClientHellos of real clients as their server does",
  ignore: inNetwork.ignore || hasChromium.ignore,
  async fn(t) {
    const here = CLIENTS.filter(({ isHere }) => isHere);
    const share = Math.ceil(
      HELLOS / here.filter(({ isPostQuantum }) => isPostQuantum).length,
    );
    let postQuantum = 0;
    for (const { name, client, isPostQuantum } of here) {
      await t.step(name, async () => {
        const count = isPostQuantum ? share : OTHERS;
        const found = await compare(client, count);
        ok(found.all >= count, `${found.all} of ${count}`);
        ok(found.postQuantum >= (isPostQuantum ? count : 0));
        postQuantum += found.postQuantum;
      });
    }
    ok(postQuantum >= HELLOS, `${postQuantum} post-quantum ClientHellos`);
  },
});

/** Has a client send ClientHellos; returns how many there were. */
async function compare(
  client: Client,
  count: number,
): Promise<{ all: number; postQuantum: number }> {
  await using folder = await temporaryFolder();
  await using network = await startNetwork();
  const address = network.near.v4;
  // The page has to know the port, which is not known before the server listens.
  const page = "<script>document.write(" +
    `Array.from({length: ${count}}, (_, n) => '<img src="https://host' + n + '.example:' + ` +
    `location.port + '/x">').join(""))</script>`;
  await using server = await startServer(folder.path, address, page);
  const socket = `${folder.path}/network.socket`;
  using reader = listenForEvents(socket);
  await using _daemon = await startDaemon(
    folder.path,
    `[capture]
    interface = "${network.near.interface}"
    ports = [${server.port}]
    [socket]
    path = "${socket}"`,
  );
  await client(network, {
    folder: folder.path,
    address,
    port: server.port,
    count,
  });
  const events = await eventually(
    "as many events as the server saw ClientHellos",
    () => {
      const found = handshakes(reader.events);
      return found.length === server.hellos.size ? found : undefined;
    },
    30_000,
  );
  let postQuantum = 0;
  for (const event of events) {
    const sent = server.hellos.get(event.src_port);
    deepStrictEqual(factsOf(event), sent);
    if (!sent?.keyShareGroups.includes(POST_QUANTUM)) continue;
    postQuantum++;
    const { post_quantum, hello_segments, out_of_order } = event;
    deepStrictEqual(
      { post_quantum, hello_segments, out_of_order },
      { post_quantum: true, hello_segments: 2, out_of_order: false },
    );
  }
  return { all: events.length, postQuantum };
}

/** What {@linkcode helloFacts} says, as the event has it. */
function factsOf(event: HandshakeEvent): HelloFacts {
  strictEqual(event.status, "complete");
  return {
    ja4: event.ja4 ?? "",
    sni: event.sni,
    alpns: event.client_alpns ?? [],
    keyShareGroups: event.key_share_groups ?? [],
    bytes: event.hello_bytes ?? 0,
  };
}
