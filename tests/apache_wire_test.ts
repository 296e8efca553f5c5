/**
 * The key of the join: the port in every event is the one that the client used and the one that the
 * packets show, over HTTP/1.1 keep-alive and HTTP/2.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, exists, needs } from "../lib/testing.ts";
import { curl, type Transfer } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import { findHttpd } from "./support/httpd.ts";
import { startSite } from "./support/site.ts";

const TCPDUMP = "/usr/bin/tcpdump";

/** A ClientHello on the wire. */
interface Hello {
  /** Microseconds since the epoch. */
  readonly ts: number;
  readonly srcPort: number;
}

/** Watches the loopback interface for ClientHellos to `port`. */
class HelloWatch {
  readonly #child: Deno.ChildProcess;
  readonly #hellos: Hello[] = [];
  readonly #reading: Promise<void>;
  readonly #errors: ReadableStreamDefaultReader<string>;

  constructor(port: number) {
    const payload = "tcp[((tcp[12] & 0xf0) >> 2)";
    this.#child = new Deno.Command(TCPDUMP, {
      // deno-fmt-ignore
      args: ["-i", "lo", "-tt", "-n", "-q", "-l", "-B", "65536", "-Z", "root",
        `tcp dst port ${port} and ${payload}] = 0x16 and ${payload} + 5] = 0x01`],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#errors = this.#child.stderr
      .pipeThrough(new TextDecoderStream()).getReader();
    this.#reading = this.#read();
  }

  /** Resolves once packets are seen. */
  async ready(): Promise<void> {
    let text = "";
    while (!text.includes("listening on")) {
      const { value, done } = await this.#errors.read();
      if (done) throw new Error(`tcpdump ended: ${text}`);
      text += value;
    }
  }

  async #read(): Promise<void> {
    let rest = "";
    const text = this.#child.stdout.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, seconds, micros, port] =
          /^(\d+)\.(\d{6}) IP 127\.0\.0\.1\.(\d+) >/.exec(line) ?? [];
        this.#hellos.push({
          ts: Number(seconds) * 1e6 + Number(micros),
          srcPort: Number(port),
        });
      }
    }
  }

  /** The hellos seen, once there are at least `n`. */
  async waitFor(n: number): Promise<readonly Hello[]> {
    await eventually(`${n} hellos`, () => this.#hellos.length >= n);
    return this.#hellos;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#errors.cancel();
    await this.#reading;
    await this.#child.status;
  }
}

function byPort(ports: readonly number[]): number[] {
  return ports.toSorted((a, b) => a - b);
}

Deno.test(
  "src_port agrees with client and packets for every request",
  needs(
    findHttpd() !== undefined && exists(TCPDUMP) && Deno.uid() === 0,
    "httpd and tcpdump are not installed, or this is not root",
  ),
  async () => {
    await using site = await startSite();
    await using receiver = new EventReceiver(site.socketPath);
    await using watch = new HelloWatch(site.httpd.tlsPort);
    await watch.ready();

    const clients = [
      ["--http1.1"],
      ["--http2"],
      ["--http2", "--parallel"],
      ["--http1.1", "--parallel", "--parallel-max", "2"],
    ];
    // Seven requests and two ends of connections wait in the shortest queue a kernel has (ten), so
    // that nothing is lost however slow this machine is.
    const urls = Array.from({ length: 7 }, (_, i) => `${site.https}/?${i}`);
    const transfers: Transfer[] = [];
    for (const args of [...clients, ...clients, ...clients, ...clients]) {
      transfers.push(...await curl(urls, [...site.trust, ...args]));
      await receiver.waitForRequests(transfers.length);
      const open = new Set(receiver.requests.map((event) => event.conn)).size;
      await eventually(
        "the ends of the connections",
        () => receiver.ends.length === open,
      );
    }
    ok(transfers.length > 100);

    const requests = receiver.requests;
    equal(requests.length, transfers.length);
    equal(
      byPort(requests.map((event) => event.src_port)),
      byPort(transfers.map((transfer) => transfer.localPort)),
    );
    const conns = new Set(requests.map((event) => event.conn));
    const hellos = await watch.waitFor(conns.size);
    // Every hello belongs to a connection of the events, and every request to a hello.
    const ports = new Set(hellos.map((hello) => hello.srcPort));
    equal(hellos.length, conns.size);
    equal(
      requests.filter((event) => !ports.has(event.src_port)).length,
      0,
    );
    // The interval in which the correlator looks: the hello comes from 2 s before accept() on.
    for (const event of requests) {
      const hello = hellos.find(({ srcPort }) => srcPort === event.src_port);
      const delay = (hello?.ts ?? 0) - (event.conn_ts ?? 0);
      ok(delay >= -2_000_000 && delay <= 10_000_000, `${delay} us`);
    }
  },
);
