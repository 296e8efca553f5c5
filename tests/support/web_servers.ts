/**
 * nginx, HAProxy and Caddy with the files of apache/feeders, on free ports of loopback, in front of a
 * small server that every test shares; and a reader for the socket that they write to.
 *
 * @module
 */
import { type FeedFormat, readFeed } from "../../correlate/feeds.ts";
import { checkHttpEvent, parseHttpEvent } from "../../correlate/parse.ts";
import type { HttpEvent, RequestEvent } from "../../lib/events.ts";
import type { Certificates } from "./httpd.ts";
import { eventually, exists, freePort } from "../../lib/testing.ts";

const FEEDERS = new URL("../../apache/feeders/", import.meta.url).pathname;
const NJS = "/usr/lib/nginx/modules/ngx_http_js_module.so";

/** Where a server listens; all answer the same. */
export interface Ports {
  /** Plain HTTP, 127.0.0.1. */
  readonly http: number;
  /** HTTPS with HTTP/2, 127.0.0.1. */
  readonly https: number;
  /** HTTPS with HTTP/2, [::1]. */
  readonly https6: number;
  /** HTTPS behind the PROXY protocol, 127.0.0.1. */
  readonly proxied: number;
  /** Plain HTTP, 127.0.0.1; believes X-Forwarded-For of 127.0.0.1. */
  readonly trusting: number;
}

/** Five free ports. */
export function freePorts(): Ports {
  const [http, https, https6, proxied, trusting] = Array.from(
    { length: 5 },
    freePort,
  ) as [number, number, number, number, number];
  return { http, https, https6, proxied, trusting };
}

/** What a server is configured with. */
export interface Place {
  /** Existing folder, open to all users. */
  readonly folder: string;
  readonly socketPath: string;
  readonly certificates: Certificates;
  readonly ports: Ports;
  /** Port of {@linkcode startUpstream}. */
  readonly upstream: number;
}

/** A server that can be started. */
export interface WebServer {
  readonly name: string;
  readonly format: FeedFormat;
  readonly present: boolean;
  /** Whether header names come as received, in lower case, or not at all. */
  readonly names: "as received" | "lower case" | "none";
  /** Whether the event has `conn`, `conn_ts` and `req_idx`. */
  readonly conn: boolean;
  /** Writes the configuration; the command to run. */
  configure(place: Place): Promise<readonly [string, ...string[]]>;
}

export const NGINX: WebServer = {
  name: "nginx",
  format: "nginx",
  present: exists("/usr/sbin/nginx"),
  names: "none",
  conn: true,
  configure: (place) => nginx(place, "nginx.conf", ""),
};

export const NGINX_NJS: WebServer = {
  name: "nginx with njs",
  format: "nginx",
  present: exists("/usr/sbin/nginx") && exists(NJS),
  names: "as received",
  conn: true,
  configure: (place) => nginx(place, "nginx_njs.conf", `load_module ${NJS};\n`),
};

export const HAPROXY: WebServer = {
  name: "HAProxy",
  format: "haproxy",
  present: exists("/usr/sbin/haproxy"),
  names: "lower case",
  conn: false,
  configure: haproxy,
};

export const CADDY: WebServer = {
  name: "Caddy",
  format: "caddy",
  present: exists("/usr/bin/caddy"),
  names: "none",
  conn: false,
  configure: caddy,
};

/** A feeder's file with the paths of an installed system replaced by the test's. */
async function feeder(name: string, { folder, socketPath }: Place) {
  const text = (await Deno.readTextFile(FEEDERS + name))
    .replaceAll(/\/run\/ja4\/\w+\.socket/g, socketPath)
    .replaceAll(
      "/usr/share/ja4-platform/feeders/nginx_log.conf",
      `${folder}/nginx_log.conf`,
    )
    .replaceAll("/usr/share/ja4-platform/feeders/", FEEDERS);
  await Deno.writeTextFile(`${folder}/${name}`, text);
  return text;
}

async function nginx(
  place: Place,
  entry: string,
  modules: string,
): Promise<readonly [string, ...string[]]> {
  const { folder, ports, certificates, upstream } = place;
  await feeder("nginx_log.conf", place);
  await feeder(entry, place);
  const tls = `ssl_certificate ${certificates.certificate};
    ssl_certificate_key ${certificates.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:1m;`;
  await Deno.writeTextFile(
    `${folder}/main.conf`,
    `${modules}pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
daemon off;
worker_processes 2;
events {}
http {
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_header_timeout 1s;
  proxy_http_version 1.1;
  proxy_max_temp_file_size 0;
  map $http_upgrade $ja4_test_connection { default upgrade; "" ""; }
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection $ja4_test_connection;
  include ${folder}/${entry};
  server {
    listen 127.0.0.1:${ports.http};
    listen 127.0.0.1:${ports.https} ssl http2;
    listen [::1]:${ports.https6} ssl http2;
    ${tls}
    location / { proxy_pass http://127.0.0.1:${upstream}; }
  }
  server {
    listen 127.0.0.1:${ports.proxied} ssl http2 proxy_protocol;
    ${tls}
    set_real_ip_from 127.0.0.1;
    real_ip_header proxy_protocol;
    location / { proxy_pass http://127.0.0.1:${upstream}; }
  }
  server {
    listen 127.0.0.1:${ports.trusting};
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    location / { proxy_pass http://127.0.0.1:${upstream}; }
  }
}
`,
  );
  return ["/usr/sbin/nginx", "-c", `${folder}/main.conf`, "-e", "stderr"];
}

async function haproxy(
  place: Place,
): Promise<readonly [string, ...string[]]> {
  const { folder, ports, certificates, upstream } = place;
  const pem = `${folder}/both.pem`;
  await Deno.writeTextFile(
    pem,
    await Deno.readTextFile(certificates.certificate) +
      await Deno.readTextFile(certificates.key),
  );
  const tls = `ssl crt ${pem} alpn h2,http/1.1`;
  await Deno.writeTextFile(
    `${folder}/haproxy.cfg`,
    `${await feeder("haproxy.cfg", place)}
  bind 127.0.0.1:${ports.http}
  bind 127.0.0.1:${ports.https} ${tls}
  bind [::1]:${ports.https6} ${tls}
  bind 127.0.0.1:${ports.proxied} accept-proxy ${tls}
  bind 127.0.0.1:${ports.trusting}
  timeout client 20s
  timeout http-request 1s
  http-request set-src hdr_ip(x-forwarded-for) if { dst_port ${ports.trusting} } { src 127.0.0.1 } { req.hdr(x-forwarded-for) -m found }
  default_backend upstream

backend upstream
  mode http
  timeout connect 5s
  timeout server 20s
  timeout tunnel 20s
  server one 127.0.0.1:${upstream}
`,
  );
  return ["/usr/sbin/haproxy", "-db", "-q", "-f", `${folder}/haproxy.cfg`];
}

async function caddy(place: Place): Promise<readonly [string, ...string[]]> {
  const { folder, ports, certificates, upstream } = place;
  await feeder("Caddyfile", place);
  const site = `import ja4
  reverse_proxy 127.0.0.1:${upstream}`;
  const tls = `tls ${certificates.certificate} ${certificates.key}`;
  await Deno.writeTextFile(
    `${folder}/main.caddyfile`,
    `{
  admin off
  auto_https off
  storage file_system ${folder}/storage
  log default {
    output file ${folder}/error.log
    level WARN
  }
}
import ${folder}/Caddyfile
http://:${ports.http}, http://:${ports.trusting} {
  bind 127.0.0.1
  ${site}
}
https://:${ports.https} {
  bind 127.0.0.1
  ${tls}
  ${site}
}
https://:${ports.https6} {
  bind ::1
  ${tls}
  ${site}
}
`,
  );
  // deno-fmt-ignore
  return ["/usr/bin/env", `HOME=${folder}`, "/usr/bin/caddy", "run", "--adapter", "caddyfile",
    "--config", `${folder}/main.caddyfile`];
}

/** Starts `server` and waits until it listens. */
export async function startWebServer(
  server: WebServer,
  place: Place,
): Promise<AsyncDisposable> {
  const [program, ...args] = await server.configure(place);
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    await status;
    await said;
  };
  try {
    for (const port of [place.ports.http, place.ports.https]) {
      await eventually(`port ${port}`, () => {
        if (ended) throw new Error("it ended");
        return Deno.connect({ hostname: "127.0.0.1", port }).then(
          (connection) => {
            connection.close();
            return true;
          },
          () => false,
        );
      });
    }
  } catch (error) {
    await stop();
    throw new Error(`Cannot start ${server.name}: ${await said}`, {
      cause: error,
    });
  }
  return { [Symbol.asyncDispose]: stop };
}

/** Bytes of the answer to `/large`. */
export const LARGE_BYTES = 50_000_000;

/**
 * The server behind the servers: `/large` and `/empty` answer with so much, a WebSocket gets its
 * messages back, everything else is a short text.
 */
export function startUpstream(): AsyncDisposable & { readonly port: number } {
  const chunk = new Uint8Array(1_000_000);
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    onError: () => new Response(null, { status: 500 }),
  }, (request) => {
    if (request.headers.get("upgrade") === "websocket") {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(data);
      return response;
    }
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/empty")) return new Response(null);
    if (!pathname.startsWith("/large")) {
      return new Response("<p>Hello", {
        headers: { "content-type": "text/html" },
      });
    }
    let left = LARGE_BYTES / chunk.length;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (left-- > 0) controller.enqueue(chunk.slice());
          else controller.close();
        },
      }),
      { headers: { "content-length": String(LARGE_BYTES) } },
    );
  });
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** An open socket that a server of any format writes to. */
export class FeedReceiver implements AsyncDisposable {
  /** In the order of arrival. */
  readonly events: HttpEvent[] = [];
  /** Lines that are no events, with the reason. */
  readonly faults: string[] = [];
  readonly #socket: Deno.DatagramConn;
  readonly #path: string;
  readonly #reading: Promise<void>;

  constructor(path: string, format: FeedFormat) {
    this.#path = path;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path });
    Deno.chmodSync(path, 0o666);
    this.#reading = this.#read(format);
  }

  get requests(): RequestEvent[] {
    return this.events.filter((event) => event.event_type === "request");
  }

  /** The events of requests, once there are at least `n`. */
  async waitForRequests(n: number): Promise<RequestEvent[]> {
    await eventually(
      `${n} requests`,
      () => this.requests.length >= n || this.faults.length > 0,
    );
    if (this.faults.length > 0) throw new Error(this.faults.join("\n"));
    return this.requests;
  }

  async #read(format: FeedFormat): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(65_536);
    while (true) {
      let bytes: Uint8Array;
      try {
        [bytes] = await this.#socket.receive(buffer);
      } catch {
        return;
      }
      const text = decoder.decode(bytes);
      const parsed = format === "reqin"
        ? parseHttpEvent(text)
        : checkHttpEvent(readFeed(format, text));
      if (parsed.ok) this.events.push(parsed.event);
      // HAProxy also logs connections that never came to a request.
      else if (format === "haproxy" && text.includes("SSL handshake failure")) {
        continue;
      } else this.faults.push(`${parsed.reason}: ${text}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#reading;
    await Deno.remove(this.#path);
  }
}
