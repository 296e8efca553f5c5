/**
 * Real clients that speak to a web server in every way that one is spoken to. Each marks what it sends in
 * clear, its server name or its path, and every request carries the same mark in its path, so that an
 * event can be held against the packets with its mark.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import type { RequestEvent } from "../../lib/events.ts";
import { eventually } from "../../lib/testing.ts";
import { findChromium, startBrowser } from "./browser.ts";
import { curl, sendRaw } from "./curl.ts";
import { LARGE_BYTES, type Ports } from "./web_servers.ts";
import { marksIn } from "./wire.ts";

/** Requests of one curl; with the ends of their connections they fit the shortest queue a kernel has (ten). */
const AT_ONCE = 7;
/** Runs of each kind of curl, at each server. */
const RUNS = 7;
/** Requests of Chromium, at each server. */
const BROWSED = 40;
/** The address that PROXY headers claim. */
const CLAIMED = "198.51.100.7";

/** A server that runs, and what it tells. */
export interface Running {
  readonly name: string;
  readonly kind: "httpd" | "nginx" | "haproxy" | "caddy";
  readonly http2: boolean;
  readonly ports: Ports;
  readonly receiver: {
    readonly requests: RequestEvent[];
    readonly faults: string[];
  };
}

/** What the test knows of a request without looking at packets. */
export interface Expectation {
  readonly server: Running;
  readonly mark: string;
  readonly requests: number;
  /** Ports the client says it used, where it says so. */
  readonly localPorts?: readonly number[];
}

/** Gives each client a mark of its own, and waits for the events of each. */
export class Clients {
  readonly expectations: Expectation[] = [];
  #count = 0;

  mark(): string {
    return `m${this.#count++}`;
  }

  async expect(expectation: Expectation): Promise<RequestEvent[]> {
    const { server, mark, requests } = expectation;
    this.expectations.push(expectation);
    const found = () => eventsOf(server, mark);
    await eventually(
      `${requests} events of ${server.name} with mark ${mark}`,
      () => found().length >= requests || server.receiver.faults.length > 0,
    );
    equal(server.receiver.faults, []);
    return found();
  }
}

export function markOf(event: RequestEvent): string | undefined {
  return marksIn(`${event.url_path}?${event.url_query}`)[0];
}

export function eventsOf({ receiver }: Running, mark: string): RequestEvent[] {
  return receiver.requests.filter((event) => markOf(event) === mark);
}

/** curl with connections that are kept, over TLS or not, IPv4 or IPv6. */
async function curls(server: Running, clients: Clients): Promise<void> {
  const { ports, http2 } = server;
  const two = http2 ? "--http2" : "--http1.1";
  const kinds = [
    {
      scheme: "https",
      port: ports.https,
      to: "127.0.0.1",
      args: ["--http1.1"],
    },
    { scheme: "https", port: ports.https, to: "127.0.0.1", args: [two] },
    {
      scheme: "https",
      port: ports.https,
      to: "127.0.0.1",
      args: ["--http1.1", "--parallel", "--parallel-max", "2"],
    },
    {
      scheme: "https",
      port: ports.https6,
      to: "[::1]",
      args: [two, "--parallel"],
    },
    { scheme: "http", port: ports.http, to: "127.0.0.1", args: ["--http1.1"] },
  ];
  for (let run = 0; run < RUNS; run++) {
    for (const { scheme, port, to, args } of kinds) {
      const mark = clients.mark();
      const urls = Array.from(
        { length: AT_ONCE },
        (_, i) => `${scheme}://x-${mark}-x.localhost:${port}/x-${mark}-x/${i}`,
      );
      const transfers = await curl(urls, [
        "--insecure",
        "--connect-to",
        `::${to}:${port}`,
        ...args,
      ]);
      await clients.expect({
        server,
        mark,
        requests: AT_ONCE,
        localPorts: transfers.map(({ localPort }) => localPort),
      });
    }
  }
}

/** Answers of no bytes and of 50 MB. */
async function sizes(server: Running, clients: Clients): Promise<void> {
  for (
    const version of server.http2 ? ["--http1.1", "--http2"] : ["--http1.1"]
  ) {
    const mark = clients.mark();
    const port = server.ports.https;
    const base = `https://x-${mark}-x.localhost:${port}`;
    const transfers = await curl(
      ["/empty", "/large"].map((path) => `${base}${path}?x-${mark}-x`),
      ["--insecure", "--connect-to", `::127.0.0.1:${port}`, version],
    );
    equal(transfers.map(({ bytes }) => bytes), [0, LARGE_BYTES]);
    await clients.expect({
      server,
      mark,
      requests: 2,
      localPorts: transfers.map(({ localPort }) => localPort),
    });
  }
}

/** openssl, which takes up the TLS session of its first connection with the second. */
async function resumption(
  server: Running,
  clients: Clients,
  folder: string,
): Promise<void> {
  for (const version of ["-tls1_2", "-tls1_3"]) {
    const mark = clients.mark();
    for (const session of ["-sess_out", "-sess_in"]) {
      const child = new Deno.Command("openssl", {
        // deno-fmt-ignore
        args: ["s_client", "-connect", `127.0.0.1:${server.ports.https}`, "-servername", `x-${mark}-x.localhost`,
          version, "-quiet", "-ign_eof", session, `${folder}/session`],
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(
        `GET /x-${mark}-x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      ));
      await child.status;
      await writer.close().catch(() => {}); // it has ended
      const begun = session === "-sess_out" ? 1 : 2;
      await eventually(
        "the event of openssl",
        () => eventsOf(server, mark).length >= begun,
      );
    }
    const events = await clients.expect({ server, mark, requests: 2 });
    equal(
      events.map((event) => event.tls_resumed),
      [false, true],
      `${server.name} ${version}`,
    );
  }
}

/** X-Forwarded-For to a server that believes it and to one that does not. */
async function forwarded(server: Running, clients: Clients): Promise<void> {
  for (const port of [server.ports.http, server.ports.trusting]) {
    const mark = clients.mark();
    const { localPort } = await sendRaw(
      port,
      `GET /x-${mark}-x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${CLAIMED}\r\nConnection: close\r\n\r\n`,
    );
    const [event] = await clients.expect({
      server,
      mark,
      requests: 1,
      localPorts: [localPort],
    });
    // Caddy 2.6 believes nobody.
    const believed = port === server.ports.trusting && server.kind !== "caddy";
    equal(
      [event?.client_ip, event?.client_ip_source],
      believed ? [CLAIMED, "x_forwarded_for"] : [undefined, undefined],
    );
  }
}

/** curl through a proxy of ours that begins each connection with a PROXY header. */
async function proxied(server: Running, clients: Clients): Promise<void> {
  const v1 = new TextEncoder().encode(
    `PROXY TCP4 ${CLAIMED} 127.0.0.1 4444 ${server.ports.proxied}\r\n`,
  );
  // deno-fmt-ignore
  const v2 = Uint8Array.from([0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12,
    198, 51, 100, 7, 127, 0, 0, 1, 4444 >> 8, 4444 & 255, 1, 187]);
  for (const header of [v1, v2]) {
    const mark = clients.mark();
    await using relay = startRelay(server.ports.proxied, header);
    const urls = Array.from(
      { length: 4 },
      (_, i) => `https://x-${mark}-x.localhost:${relay.port}/x-${mark}-x/${i}`,
    );
    await curl(urls, [
      "--insecure",
      "--connect-to",
      `::127.0.0.1:${relay.port}`,
    ]);
    const events = await clients.expect({
      server,
      mark,
      requests: urls.length,
      localPorts: urls.map(() => relay.localPorts[0] ?? 0),
    });
    for (const event of events) {
      equal([event.client_ip, event.client_ip_source], [
        CLAIMED,
        "proxy_protocol",
      ]);
    }
  }
}

/** Copies bytes between clients and `port`, after `header`. */
function startRelay(port: number, header: Uint8Array<ArrayBuffer>): {
  readonly port: number;
  /** Of the connections to the server. */
  readonly localPorts: number[];
} & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const localPorts: number[] = [];
  const serving = (async () => {
    const copies: Promise<unknown>[] = [];
    for await (const client of listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      localPorts.push((server.localAddr as Deno.NetAddr).port);
      await server.write(header);
      copies.push(
        client.readable.pipeTo(server.writable).catch(() => {}),
        server.readable.pipeTo(client.writable).catch(() => {}),
      );
    }
    await Promise.all(copies);
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    localPorts,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

/** A WebSocket that says one word and hears it. */
async function webSocket(server: Running, clients: Clients): Promise<void> {
  const mark = clients.mark();
  using connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.ports.http,
  });
  const { port } = connection.localAddr as Deno.NetAddr;
  const buffer = new Uint8Array(4096);
  let heard = "";
  const hear = async (word: string) => {
    while (!heard.includes(word)) {
      const n = await connection.read(buffer);
      if (n === null) throw new Error(`no ${word} in ${heard}`);
      heard += new TextDecoder("latin1").decode(buffer.subarray(0, n));
    }
  };
  await connection.write(new TextEncoder().encode(
    `GET /ws?x-${mark}-x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  ));
  await hear("\r\n\r\n");
  ok(heard.startsWith("HTTP/1.1 101 "), heard);
  // Text and close frames with a mask of zeros (RFC 6455, section 5.2).
  await connection.write(
    Uint8Array.from([
      0x81,
      0x84,
      0,
      0,
      0,
      0,
      ...new TextEncoder().encode("word"),
    ]),
  );
  await hear("word");
  await connection.write(Uint8Array.from([0x88, 0x80, 0, 0, 0, 0]));
  await connection.closeWrite();
  const [event] = await clients.expect({
    server,
    mark,
    requests: 1,
    localPorts: [port],
  });
  // Caddy 2.6 does not log the status of a connection that it hands over.
  equal(event?.status_code, server.kind === "caddy" ? 0 : 101);
}

/** Requests of raw bytes, the last ones of which no server likes: an event with the client's port each. */
async function raw(server: Running): Promise<number> {
  const { ports, kind, receiver } = server;
  const rows: { bytes: string; port?: number; silent?: boolean }[] = [
    { bytes: "HEAD / HTTP/1.0\r\n\r\n" },
    {
      bytes: `CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n\r\n`,
      port: ports.trusting,
    },
    // Go answers these itself, without a word to Caddy.
    { bytes: "GARBAGE\r\n\r\n", silent: kind === "caddy" },
    { bytes: "GET / HTTP/1.1\r\nBad Header\r\n\r\n", silent: kind === "caddy" },
    {
      bytes: "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
      silent: kind === "caddy",
    },
    { bytes: "GET / HTTP/9.9\r\nHost: a\r\n\r\n", silent: kind === "caddy" },
    { bytes: `GET /${"x".repeat(20_000)} HTTP/1.0\r\n\r\n` },
  ];
  let events = 0;
  for (const { bytes, port, silent } of rows) {
    const { localPort } = await sendRaw(port ?? ports.http, bytes);
    if (silent) continue;
    events++;
    await eventually(
      `an event of ${server.name} for ${bytes.slice(0, 30)}`,
      () => receiver.requests.some((event) => event.src_port === localPort),
    );
  }
  return events;
}

/** A request that never ends: the server gives up after a second. Caddy waits for longer. */
async function timeout(server: Running): Promise<number> {
  if (server.kind === "caddy") return 0;
  using connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: server.ports.http,
  });
  const { port } = connection.localAddr as Deno.NetAddr;
  await connection.write(new TextEncoder().encode("GET /late HTTP/1.1\r\nHo"));
  const buffer = new Uint8Array(4096);
  while (await connection.read(buffer) !== null);
  const event = await eventually(
    `an event of ${server.name} for the timeout`,
    () => server.receiver.requests.find(({ src_port }) => src_port === port),
  );
  equal(event.status_code, 408);
  return 1;
}

/** Chromium with one page and what it fetches. */
async function browse(server: Running, clients: Clients): Promise<void> {
  const mark = clients.mark();
  const origin = `https://x-${mark}-x.localhost:${server.ports.https}`;
  await using browser = await startBrowser();
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(`${origin}/x-${mark}-x/page`);
  for (let done = 1; done < BROWSED; done += AT_ONCE) {
    const count = Math.min(AT_ONCE, BROWSED - done);
    await page.evaluate(async ([path, count]) => {
      const one = (i: number) => fetch(`${path}/${i}`, { cache: "no-store" });
      await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
    }, [`/x-${mark}-x/${done}`, count] as const);
    await eventually(
      "the events of a batch",
      () => eventsOf(server, mark).length >= done + count,
    );
  }
  await context.close();
  await clients.expect({ server, mark, requests: BROWSED });
}

/** Visits `server` in every way; how many requests had no mark. */
export async function visit(
  server: Running,
  clients: Clients,
  folder: string,
): Promise<number> {
  await curls(server, clients);
  await sizes(server, clients);
  await resumption(server, clients, folder);
  await forwarded(server, clients);
  // Caddy 2.6 does not know the PROXY protocol.
  if (server.kind !== "caddy") await proxied(server, clients);
  await webSocket(server, clients);
  const unmarked = await raw(server) + await timeout(server);
  if (findChromium() !== undefined) await browse(server, clients);
  equal(server.receiver.faults, []);
  return unmarked;
}
