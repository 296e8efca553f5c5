/**
 * nginx, HAProxy and Caddy as sources of request events, by configuration alone: the files of
 * apache/feeders in the real programs, their log read from a real UNIX datagram socket.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import type { RequestEvent } from "../lib/events.ts";
import { curl, sendRaw } from "./support/curl.ts";
import { makeCertificates } from "./support/httpd.ts";
import {
  CADDY,
  FeedReceiver,
  freePorts,
  HAPROXY,
  LARGE_BYTES,
  NGINX,
  NGINX_NJS,
  type Place,
  startUpstream,
  startWebServer,
  type WebServer,
} from "./support/web_servers.ts";

/** Gives `use` a folder with what a server needs, and an upstream. */
async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  await Deno.chmod(folder, 0o755);
  await using upstream = startUpstream();
  await use({
    folder,
    socketPath: `${folder}/feed.socket`,
    certificates: await makeCertificates(folder),
    ports: freePorts(),
    upstream: upstream.port,
  });
}

/** Runs `server` and gives `use` what it needs. */
function withServer(
  server: WebServer,
  use: (place: Place, receiver: FeedReceiver) => Promise<void>,
): Promise<void> {
  return withPlace(async (place) => {
    await using receiver = new FeedReceiver(place.socketPath, server.format);
    await using _running = await startWebServer(server, place);
    await use(place, receiver);
  });
}

const ARGS = [
  ...["-H", "X-B: 1", "-H", "X-A: 2", "-H", "x-dup: 1", "-H", "X-dup: 2"],
  ...["-H", 'Referer: "\\\u20ac?a&token=s3cr3t'],
  ...["-H", "Cookie: sid=s3cr3t; b=2", "-H", "Authorization: Bearer t0k3n"],
];

for (const server of [NGINX, NGINX_NJS, HAPROXY, CADDY]) {
  const { name, present, names, conn, format } = server;
  const here = needs(present, `${name} is not installed`);

  Deno.test(
    `${name}: an event has the facts of its request`,
    here,
    () =>
      withServer(server, async ({ ports, certificates }, receiver) => {
        const url = `https://localhost:${ports.https}`;
        const transfers = [];
        for (const version of ["--http1.1", "--http2"]) {
          transfers.push(
            ...await curl([
              `${url}/a;sid=s3cr3t/b?x=1&API%5Fkey=s3cr3t`,
              `${url}/empty`,
            ], [
              ...["--cacert", certificates.authority, version],
              ...ARGS,
            ]),
          );
        }
        const events = await receiver.waitForRequests(4);
        equal(
          events.map((event) => [
            event.src_port,
            event.http_version,
            event.status_code,
            event.url_path,
            event.url_query,
            event.response_bytes === 0,
          ]),
          transfers.map(({ localPort, version, status }, i) => [
            localPort,
            version,
            status,
            ["/a;sid=*/b", "/empty"][i % 2],
            ["x=1&API%5Fkey=*", undefined][i % 2],
            // HAProxy counts the head of the answer too.
            i % 2 === 1 && format !== "haproxy",
          ]),
        );
        const nowUs = Date.now() * 1000;
        for (const [i, event] of events.entries()) {
          equal(event.src_ip, "127.0.0.1");
          equal(
            [event.dest_ip, event.dest_port, event.url_scheme],
            [format === "caddy" ? "::" : "127.0.0.1", ports.https, "https"],
          );
          equal([event.http_host, event.http_method], ["localhost", "GET"]);
          equal([event.tls_version, event.tls_sni], ["1.3", "localhost"]);
          ok(/^TLS_(AES|CHACHA20)_/.test(event.tls_cipher ?? ""));
          equal([event.tls_resumed], [false]);
          ok(event.ts <= nowUs && event.ts > nowUs - 20e6);
          ok((event.duration_us ?? -1) >= 0);
          equal(event.headers["referer"], '"\\\u20ac?a&token=*');
          ok(String(event.headers["user-agent"]).startsWith("curl/"));
          const length = names === "none" ? 0 : undefined;
          if (format !== "nginx" || length === undefined) {
            equal(event.headers["cookie"], { len: length ?? 15 });
            equal(event.headers["authorization"], { len: length ?? 12 });
          }
          // Caddy hides how many there are.
          equal(event.cookie_count, format === "caddy" ? 1 : 2);
          const received = [
            ...["host", "user-agent", "accept", "x-b", "x-a", "x-dup", "x-dup"],
            ...["referer", "cookie"],
          ];
          // curl has a place of its own for Authorization.
          equal(
            event.header_names.map((each) => each.toLowerCase())
              .filter((each) => each !== "authorization"),
            names === "none" ? [] : received,
          );
          equal(
            event.header_names.includes("X-B"),
            names === "as received" && i < 2,
          );
        }
        // nginx numbers its connections and tells when they began.
        equal(events.every((event) => event.conn !== undefined), conn);
        if (conn) {
          equal(new Set(events.map((event) => event.conn)).size, 2);
          equal(events.map((event) => event.req_idx), [0, 1, 0, 1]);
          ok(events.every((event) => (event.conn_ts ?? 0) <= event.ts));
        }
        // HAProxy has what the ClientHello offered: TLS_AES_256_GCM_SHA384 and server_name are in it.
        const offers = events.map((event) =>
          event.tls_cipher_suites?.includes(0x1302) === true &&
          event.tls_extensions?.includes(0) === true
        );
        equal(new Set(offers), new Set([format === "haproxy"]));
      }),
  );

  Deno.test(
    `${name}: what a client can make hard to read is an event all the same`,
    here,
    (t) =>
      withServer(server, async ({ ports }, receiver) => {
        const rows: {
          name: string;
          bytes: string;
          want: Partial<RequestEvent>;
        }[] = [
          {
            name: "bytes that are not UTF-8",
            bytes:
              'GET /8 HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xe2\x82\xac"\\\xc0\xaf\r\nConnection: close\r\n\r\n',
            want: {
              url_path: "/8",
              // HAProxy's writer drops such bytes; Go's replaces them before they are logged.
              ...format === "nginx"
                ? {
                  bad_utf8: 3,
                  headers: { "user-agent": '\ufffd\u20ac"\\\ufffd\ufffd' },
                }
                : {},
            },
          },
          {
            name: "a long value",
            bytes: `GET /long?${
              "q".repeat(5000)
            } HTTP/1.1\r\nHost: a\r\nReferer: ${
              "r".repeat(3000)
            }\r\nConnection: close\r\n\r\n`,
            want: { url_path: "/long", truncated: true },
          },
          {
            name: "X-Forwarded-For",
            bytes:
              "GET /f HTTP/1.1\r\nHost: A:80\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n",
            want: { url_path: "/f", http_host: "a" },
          },
        ];
        for (const { name, bytes, want } of rows) {
          await t.step(name, async () => {
            const { localPort } = await sendRaw(
              ports.http,
              Uint8Array.from(bytes, (char) => char.charCodeAt(0)),
            );
            const event = await eventually(
              "the event",
              () =>
                receiver.requests.find((each) => each.src_port === localPort),
            );
            for (const [field, value] of Object.entries(want)) {
              equal(
                event[field as keyof RequestEvent] as unknown,
                value,
                field,
              );
            }
            equal(event.client_ip, undefined);
            ok((event.url_query ?? "").length <= 4096);
          });
        }
        await t.step("a request that the server refuses", async () => {
          const { localPort } = await sendRaw(
            ports.http,
            "GET /x HTTP/1.1\r\nBad Header: 1\r\n\r\n",
          );
          // Go answers 400 without a word to its handlers: Caddy logs nothing.
          if (format === "caddy") return;
          const event = await eventually(
            "the event",
            () => receiver.requests.find((each) => each.src_port === localPort),
          );
          equal(event.status_code, 400);
        });
        equal(receiver.faults, []);
      }),
  );
}

Deno.test(
  "the length of an answer is as nginx sent it",
  needs(NGINX.present, "nginx is not installed"),
  () =>
    withServer(NGINX, async ({ ports }, receiver) => {
      await curl([`http://localhost:${ports.http}/large`]);
      const [event] = await receiver.waitForRequests(1);
      equal(event?.response_bytes, LARGE_BYTES);
    }),
);

for (const server of [NGINX, HAPROXY]) {
  Deno.test(
    `${server.name} serves on while nobody reads its log, and writes to the next reader`,
    needs(server.present, `${server.name} is not installed`),
    () =>
      withPlace(async (place) => {
        const idle = Deno.listenDatagram({
          transport: "unixpacket",
          path: place.socketPath,
        });
        await Deno.chmod(place.socketPath, 0o666);
        await using _running = await startWebServer(server, place);
        // More than the longest usual queue holds.
        const urls = Array.from(
          { length: 700 },
          (_, i) => `http://localhost:${place.ports.http}/${i}`,
        );
        const transfers = await curl(urls);
        equal(transfers.filter(({ status }) => status === 200).length, 700);
        idle.close();
        await Deno.remove(place.socketPath);
        equal((await curl(urls.slice(0, 20))).length, 20);
        await using receiver = new FeedReceiver(
          place.socketPath,
          server.format,
        );
        await eventually("an event", async () => {
          await curl([`http://localhost:${place.ports.http}/back`]);
          return receiver.requests.some(({ url_path }) => url_path === "/back");
        });
      }),
  );
}
