/**
 * Turns what simulated clients do into the events that the sensor and the web server would emit,
 * with a label for each request.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Random } from "../../detect/random.ts";
import type {
  HandshakeEvent,
  IpAddress,
  RequestEvent,
  UnixMicros,
} from "../../lib/events.ts";
import { ipBytes, isIpv4 } from "../../lib/ip.ts";
import { logNormal, normal } from "./sampling.ts";
import type { HttpStack, RequestKind, TcpStack } from "./stacks.ts";
import type { TlsStack } from "./tls_stacks.ts";

/** Who a client really is. */
export interface Truth {
  readonly label: "human" | "good_bot" | "bot";
  /** Such as `cred_stuffing` or `vpn`. */
  readonly family: string;
  /** How hard it is to tell: `easy`, `medium` or `hard`; empty for people. */
  readonly tier: string;
  /** One person or one bot: split evaluations by it. */
  readonly actor: string;
  readonly campaign?: string;
}

/** The truth about one request. */
export interface Label extends Truth {
  readonly ts: UnixMicros;
  readonly src_ip: IpAddress;
  readonly src_port: number;
}

/** All that a run yields; each list in order of time. */
export interface Traffic {
  readonly handshakes: readonly HandshakeEvent[];
  readonly requests: readonly RequestEvent[];
  readonly labels: readonly Label[];
}

/** A simulated client at one address. */
export interface Client {
  readonly truth: Truth;
  readonly src_ip: IpAddress;
  readonly tls: TlsStack;
  readonly tcp: TcpStack;
  readonly http: HttpStack;
  readonly userAgent?: string | undefined;
  readonly clientHints?: {
    readonly ua: string;
    readonly platform: string;
    readonly mobile: boolean;
  } | undefined;
  readonly language?: string | undefined;
  /** SYN to ClientHello, milliseconds, and its relative spread. */
  readonly helloMs: number;
  readonly jitter: number;
  /** Milliseconds that TLS starts further away than TCP ends: a proxy. @default 0 */
  readonly proxyMs?: number;
}

/** One request to record. */
export interface Ask {
  /** Seconds from the start of the run. */
  readonly at: number;
  readonly kind: RequestKind;
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly status: number;
  readonly bytes: number;
  readonly referrer?: string | undefined;
  /** sec-fetch-site and so on follow from it. @default "same-origin" */
  readonly site?: "none" | "same-origin" | "cross-site";
  readonly dest?: string;
  readonly cookies?: number;
}

/** A connection that is open; made by {@linkcode Recorder.connect}. */
export interface OpenConnection {
  readonly client: Client;
  readonly srcPort: number;
  readonly conn: number;
  readonly connTs: number;
  readonly resumed: boolean;
  /** Microseconds from the SYN until the first request can be there: every request waits as long. */
  readonly delay: number;
  requests: number;
}

/** The one site that the traffic goes to. */
export const HOST = "www.example.com";
const SERVER = "192.0.2.10" as IpAddress;
const SERVER_V6 = "2001:db8::10" as IpAddress;

/** Collects events; call {@linkcode Recorder.finish} once. */
export class Recorder {
  readonly #random: Random;
  /** Start of the run, microseconds. */
  readonly #start: number;
  /** Of the web server: runs that begin at different times are different processes. */
  readonly #pid: number;
  readonly #handshakes: HandshakeEvent[] = [];
  readonly #requests: RequestEvent[] = [];
  readonly #labels: Label[] = [];
  readonly #ports = new Map<string, number>();
  #connections = 0;

  constructor(random: Random, start: UnixMicros) {
    this.#random = random;
    this.#start = start;
    this.#pid = 1000 + Math.floor(start / 1e6) % 30_000;
  }

  get requests(): number {
    return this.#requests.length;
  }

  /** Opens a connection at `at` seconds; `resume` offers a session of an earlier one. */
  connect(
    client: Client,
    at: number,
    options: { resume?: boolean } = {},
  ): OpenConnection {
    const random = this.#random;
    const { tls, tcp, src_ip } = client;
    const said = options.resume === true && tls.resumed || tls.hello;
    const gap = Math.max(
      0.3,
      client.helloMs * (1 + client.jitter * normal(random)),
    ) * 1000;
    const rtt = Math.max(
      150,
      (gap - (client.proxyMs ?? 0) * 1000) * (0.86 + 0.13 * random.uniform()),
    );
    const syn = this.#start + Math.round(at * 1e6);
    const hello = syn + Math.round(gap);
    const port = this.#port(src_ip);
    const conn = ++this.#connections;
    if (random.uniform() >= 0.015) { // the rest is not seen by the sensor
      this.#handshakes.push({
        event_type: "handshake",
        ts: hello as UnixMicros,
        seq: 0,
        sensor: "sensor-1",
        boot: Math.floor(this.#start / 1e6) - 60,
        src_ip,
        src_port: port,
        dest_ip: isIpv4(client.src_ip) ? SERVER : SERVER_V6,
        dest_port: 443,
        transport: "tcp",
        community_id: communityId(src_ip, port),
        status: "complete",
        hello: 0,
        ...said,
        ...(sendsName(tls) ? { sni: HOST } : {}),
        tls_version_offered: "1.3",
        hello_records: 1,
        hello_segments: said.post_quantum ? 2 : 1,
        ip_ttl: tcp.ttl - 5 - Math.floor(random.uniform() * 12),
        ip_df: true,
        ip_id: tcp.ttl === 128 ? random.below(65536) : 0,
        tcp_window: tcp.window,
        tcp_mss: tcp.mss,
        tcp_wscale: tcp.wscale,
        tcp_options: tcp.options,
        tcp_rtt_us: Math.round(rtt),
        syn_to_hello_us: Math.round(gap),
      });
    }
    const connTs = hello + Math.round(40 + 400 * random.uniform());
    const delay = connTs - syn + Math.round(client.helloMs * 1000);
    return {
      client,
      srcPort: port,
      conn,
      connTs,
      resumed: said.psk,
      delay,
      requests: 0,
    };
  }

  /** Records one request. */
  ask(connection: OpenConnection, ask: Ask): void {
    const random = this.#random;
    const { client } = connection;
    const { http } = client;
    const ts = (this.#start + Math.round(ask.at * 1e6) +
      connection.delay) as UnixMicros;
    const headers = headersOf(client, ask);
    const names = http.order[ask.kind].filter((name) =>
      headers[name] !== undefined
    );
    this.#requests.push({
      event_type: "request",
      ts,
      src_ip: client.src_ip,
      src_port: connection.srcPort,
      dest_ip: isIpv4(client.src_ip) ? SERVER : SERVER_V6,
      dest_port: 443,
      conn: connection.conn,
      conn_ts: connection.connTs as UnixMicros,
      req_idx: connection.requests++,
      pid: this.#pid,
      seq: 0,
      url_scheme: "https",
      http_method: ask.method ?? "GET",
      http_host: HOST,
      url_path: ask.path,
      ...(ask.query === undefined ? {} : { url_query: ask.query }),
      http_version: http.version,
      status_code: ask.status,
      request_bytes: 300 + random.below(400),
      response_bytes: ask.bytes,
      duration_us: Math.round(logNormal(random, 9000, 0.6)),
      header_names: names,
      headers: Object.fromEntries(
        names.filter((name) => KEPT.has(name)).map((name) => [
          name,
          headers[name] as string,
        ]),
      ),
      cookie_count: names.includes("cookie") ? ask.cookies ?? 0 : 0,
      tls_version: "1.3",
      tls_cipher: "TLS_AES_128_GCM_SHA256",
      tls_resumed: connection.resumed,
      ...(sendsName(client.tls) ? { tls_sni: HOST } : {}),
    });
    this.#labels.push({
      ts,
      src_ip: client.src_ip,
      src_port: connection.srcPort,
      ...client.truth,
    });
  }

  /** The events in order of time, those after `end` left out, with their sequence numbers. */
  finish(end: UnixMicros): Traffic {
    const handshakes = this.#handshakes.filter((event) => event.ts <= end)
      .sort((a, b) => a.ts - b.ts)
      .map((event, i) => ({ ...event, seq: i + 1 }));
    const order = [...this.#requests.keys()]
      .filter((i) => (this.#requests[i] as RequestEvent).ts <= end)
      .sort((a, b) =>
        (this.#requests[a] as RequestEvent).ts -
        (this.#requests[b] as RequestEvent).ts
      );
    return {
      handshakes,
      requests: order.map((i, seq) => ({
        ...(this.#requests[i] as RequestEvent),
        seq: seq + 1,
      })),
      labels: order.map((i) => this.#labels[i] as Label),
    };
  }

  #port(src_ip: string): number {
    const last = this.#ports.get(src_ip) ?? 32_768 + this.#random.below(20_000);
    const next = last >= 60_999 ? 32_768 : last + 1 + this.#random.below(3);
    this.#ports.set(src_ip, next);
    return next;
  }
}

/** Whether the client's handshakes have server_name. */
function sendsName({ hello }: TlsStack): boolean {
  return hello.extensions.includes(0);
}

/** Community ID v1 of a connection to the server (corelight/community-id-spec). */
function communityId(src_ip: IpAddress, src_port: number): string {
  const end = (ip: IpAddress, port: number) => ({
    ip: isIpv4(ip) ? ipBytes(ip).subarray(12) : ipBytes(ip),
    port: Uint8Array.of(port >> 8, port & 255),
  });
  const server = end(isIpv4(src_ip) ? SERVER : SERVER_V6, 443);
  const client = end(src_ip, src_port);
  const [low, high] = Buffer.compare(client.ip, server.ip) <= 0
    ? [client, server]
    : [server, client];
  const hash = createHash("sha1");
  for (
    const part of [[0, 0], low.ip, high.ip, [6, 0], low.port, high.port]
  ) hash.update(Uint8Array.from(part));
  return `1:${hash.digest("base64")}`;
}

/** Headers whose values the web server logs. */
const KEPT = new Set([
  "user-agent",
  "accept",
  "accept-language",
  "accept-encoding",
  "referer",
  "content-type",
  "sec-ch-ua",
  "sec-ch-ua-mobile",
  "sec-ch-ua-platform",
  "sec-fetch-site",
  "sec-fetch-mode",
  "sec-fetch-dest",
]);

/** Values by name, undefined where the client sends none in this request. */
function headersOf(
  client: Client,
  ask: Ask,
): Record<string, string | undefined> {
  const { http, clientHints } = client;
  const navigation = ask.kind === "document" || ask.kind === "form";
  const hasBody = ask.method === "POST" || ask.method === "PUT";
  return {
    host: http.version === "2" ? undefined : HOST,
    connection: "keep-alive",
    "user-agent": client.userAgent,
    accept: navigation ? http.acceptDocument : http.acceptAsset,
    "accept-language": client.language,
    "accept-encoding": http.acceptEncoding,
    referer: ask.referrer,
    cookie: (ask.cookies ?? 0) > 0 ? "1" : undefined,
    "content-type": hasBody
      ? navigation ? "application/x-www-form-urlencoded" : "application/json"
      : undefined,
    "content-length": hasBody ? "64" : undefined,
    origin: hasBody ? `https://${HOST}` : undefined,
    "cache-control": ask.kind === "form" ? "max-age=0" : undefined,
    "upgrade-insecure-requests": navigation ? "1" : undefined,
    "sec-ch-ua": clientHints?.ua,
    "sec-ch-ua-mobile": clientHints === undefined
      ? undefined
      : clientHints.mobile
      ? "?1"
      : "?0",
    "sec-ch-ua-platform": clientHints === undefined
      ? undefined
      : `"${clientHints.platform}"`,
    "sec-fetch-site": ask.site ?? "same-origin",
    "sec-fetch-mode": navigation
      ? "navigate"
      : ask.kind === "fetch"
      ? "cors"
      : "no-cors",
    "sec-fetch-user": navigation ? "?1" : undefined,
    "sec-fetch-dest": ask.dest ?? (navigation ? "document" : "empty"),
    priority: "u=0, i",
    te: "trailers",
    from: "crawler@example.com",
    authorization: "1",
  };
}
