/**
 * nginx and HAProxy as sources of request events, by configuration alone: the files of
 * apache/feeders in the real programs, with the events read from a real UNIX datagram socket.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import {
  eventually,
  exists,
  freePort,
  needs,
  temporaryFolder,
} from "../lib/testing.ts";
import type { HttpEvent, RequestEvent } from "../lib/events.ts";
import { parseHttpEvent } from "../correlate/parse.ts";
import { curl } from "./support/curl.ts";
import { type Certificates, makeCertificates } from "./support/httpd.ts";

const FEEDERS = new URL("../apache/feeders/", import.meta.url).pathname;
const NGINX = "/usr/sbin/nginx";
const NJS = "/usr/lib/nginx/modules/ngx_http_js_module.so";
const HAPROXY = "/usr/sbin/haproxy";

interface Place {
  readonly folder: string;
  readonly port: number;
  readonly certificates: Certificates;
}

/** A feeder's file with the paths of an installed system replaced by the test's. */
async function feeder(name: string, { folder }: Place): Promise<string> {
  const text = await Deno.readTextFile(FEEDERS + name);
  ok(text.includes("/run/ja4/http.socket"));
  return text.replaceAll("/run/ja4/http.socket", `${folder}/http.socket`)
    .replaceAll("/usr/share/ja4-platform/feeders/", FEEDERS);
}

async function nginx(place: Place): Promise<[string, ...string[]]> {
  const { folder, port, certificates } = place;
  await Deno.writeTextFile(
    `${folder}/feeder.conf`,
    await feeder("nginx.conf", place),
  );
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `load_module ${NJS};
pid ${folder}/nginx.pid;
error_log stderr warn;
daemon off;
worker_processes 2;
events {}
http {
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  include ${folder}/feeder.conf;
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${certificates.certificate};
    ssl_certificate_key ${certificates.key};
    location / { return 404 "none"; }
  }
}
`,
  );
  return [NGINX, "-c", `${folder}/nginx.conf`, "-e", "stderr"];
}

async function haproxy(place: Place): Promise<[string, ...string[]]> {
  const { folder, port, certificates } = place;
  const pem = `${folder}/both.pem`;
  await Deno.writeTextFile(
    pem,
    await Deno.readTextFile(certificates.certificate) +
      await Deno.readTextFile(certificates.key),
  );
  await Deno.writeTextFile(
    `${folder}/haproxy.cfg`,
    `${await feeder("haproxy.cfg", place)}
  bind 127.0.0.1:${port} ssl crt ${pem} alpn h2,http/1.1
  timeout client 5s
  http-request return status 404 content-type text/plain string none
`,
  );
  return [HAPROXY, "-db", "-q", "-f", `${folder}/haproxy.cfg`];
}

/** Runs `program` and gives back the events of what `use` does. */
async function withFeeder(
  configure: (place: Place) => Promise<[string, ...string[]]>,
  use: (
    place: Place,
    requests: (n: number) => Promise<RequestEvent[]>,
  ) => Promise<void>,
): Promise<void> {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  await Deno.chmod(folder, 0o755);
  const place = {
    folder,
    port: freePort(),
    certificates: await makeCertificates(folder),
  };
  const path = `${folder}/http.socket`;
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  await Deno.chmod(path, 0o666);
  const events: HttpEvent[] = [];
  const faults: string[] = [];
  const reading = (async () => {
    for await (const [bytes] of socket) {
      const text = new TextDecoder().decode(bytes);
      // nginx writes a syslog prefix; the correlator removes it too.
      const parsed = parseHttpEvent(text.slice(text.indexOf("{")));
      if (parsed.ok) events.push(parsed.event);
      else faults.push(`${parsed.reason}: ${text}`);
    }
  })();

  const [program, ...args] = await configure(place);
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  try {
    await eventually(
      "the server to listen",
      () =>
        Deno.connect({ hostname: "127.0.0.1", port: place.port }).then(
          (connection) => {
            connection.close();
            return true;
          },
          () => false,
        ),
    );
    await use(place, async (n) => {
      await eventually(
        `${n} events`,
        () => events.length >= n || faults.length > 0,
      );
      equal(faults, []);
      return events.filter((event) => event.event_type === "request");
    });
  } finally {
    child.kill("SIGTERM");
    await child.status;
    await said;
    socket.close();
    await reading;
  }
}

const ARGS = [
  ...["-H", "X-B: 1", "-H", "X-A: 2", "-H", "x-dup: 1", "-H", "X-dup: 2"],
  ...["-H", 'Referer: "\\\u20ac', "-H", "Cookie: sid=s3cr3t; b=2"],
  ...["-H", "Authorization: Bearer t0k3n"],
];

for (
  const { name, configure, present, case_kept, conn } of [
    {
      name: "nginx",
      configure: nginx,
      present: exists(NGINX) && exists(NJS),
      case_kept: true,
      conn: true,
    },
    {
      name: "HAProxy",
      configure: haproxy,
      present: exists(HAPROXY),
      case_kept: false,
      conn: false,
    },
  ]
) {
  Deno.test(
    `the ${name} feeder writes request events with the client's port and headers in order`,
    needs(present, `${name} is not installed`),
    () =>
      withFeeder(configure, async ({ port, certificates }, requests) => {
        const url = `https://localhost:${port}`;
        const transfers = [];
        for (const version of ["--http1.1", "--http2"]) {
          transfers.push(
            ...await curl([`${url}/a/b?x=1&y=2`, `${url}/c`], [
              ...["--cacert", certificates.authority, version],
              ...ARGS,
            ]),
          );
        }
        const events = await requests(4);
        equal(
          events.map((event) => [
            event.src_port,
            event.http_version,
            event.status_code,
            event.url_path,
            event.url_query,
          ]),
          transfers.map(({ localPort, version, status }, i) => [
            localPort,
            version,
            status,
            ["/a/b", "/c"][i % 2],
            ["x=1&y=2", undefined][i % 2],
          ]),
        );
        for (const [i, event] of events.entries()) {
          equal(event.src_ip, "127.0.0.1");
          equal([event.dest_port, event.url_scheme], [port, "https"]);
          equal([event.http_host, event.http_method], ["localhost", "GET"]);
          equal([event.tls_version, event.tls_sni], ["1.3", "localhost"]);
          ok(Math.abs(event.ts / 1000 - Date.now()) < 20_000);
          equal(event.headers["referer"], '"\\\u20ac');
          equal(event.headers["cookie"], { len: 15 });
          equal(event.headers["authorization"], { len: 12 });
          equal(event.cookie_count, 2);
          const lower = [
            ...["host", "user-agent", "accept", "x-b", "x-a", "x-dup", "x-dup"],
            ...["referer", "cookie"],
          ];
          const names = event.header_names;
          // curl has a place of its own for Authorization.
          equal(
            names.map((each) => each.toLowerCase())
              .filter((each) => each !== "authorization"),
            lower,
          );
          equal(names.includes("X-B"), case_kept && i < 2);
        }
        // nginx numbers its connections and tells when they began.
        equal(events.every((event) => event.conn !== undefined), conn);
        if (conn) {
          equal(new Set(events.map((event) => event.conn)).size, 2);
          equal(events.map((event) => event.req_idx), [0, 1, 0, 1]);
          ok(events.every((event) => (event.conn_ts ?? 0) <= event.ts));
        }
      }),
  );
}
