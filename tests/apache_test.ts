/**
 * mod_reqin_log in a real httpd, its events read from a real UNIX datagram socket.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, needs } from "../lib/testing.ts";
import type { RequestEvent } from "../lib/events.ts";
import { curl, sendRaw } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import { findHttpd } from "./support/httpd.ts";
import { startSite } from "./support/site.ts";

const HTTPD = needs(findHttpd() !== undefined, "httpd is not installed");

function only<T>(list: readonly T[]): T {
  equal(list.length, 1);
  return list[0] as T;
}

Deno.test(
  "an event has every fact of an HTTP/1.1 request over TLS",
  HTTPD,
  async () => {
    await using site = await startSite();
    await using receiver = new EventReceiver(site.socketPath);
    const before = Date.now() * 1000;
    const [transfer] = await curl([`${site.https}/a/b?x=1&y=%20`], [
      ...site.trust,
      "--http1.1",
      ...["-H", "Host: LocalHost:1234", "-H", "Cookie: sid=s3cr3t; theme=d4rk"],
      ...[
        "-H",
        "Authorization: Bearer t0k3n",
        "-H",
        "Referer: https://r.example/",
      ],
      ...["-H", 'sec-ch-ua-platform: "Linux"', "-H", "Unlisted: value"],
      ...["-A", "Mozilla/5.0 (X11)", "--data", "12345"],
    ]);
    const {
      src_port,
      dest_port,
      conn,
      conn_ts,
      ts,
      pid,
      duration_us,
      header_names,
      ...rest
    } = only(await receiver.waitForRequests(1));
    const after = Date.now() * 1000;

    equal(src_port, transfer?.localPort);
    equal(dest_port, site.httpd.tlsPort);
    ok(conn !== undefined && conn < 2 ** 53);
    ok(conn_ts !== undefined && before - 1000 <= conn_ts && conn_ts <= ts);
    ok(ts <= after && (duration_us ?? -1) >= 0);
    ok(pid !== undefined && pid !== site.httpd.pid);
    equal(rest as unknown, {
      src_ip: "127.0.0.1",
      dest_ip: "127.0.0.1",
      event_type: "request",
      req_idx: 0,
      seq: 1,
      events_dropped: 0,
      url_scheme: "https",
      http_version: "1.1",
      status_code: 404,
      request_bytes: 5,
      response_bytes: transfer?.bytes,
      tls_version: "1.3",
      tls_cipher: "TLS_AES_256_GCM_SHA384",
      tls_resumed: false,
      tls_sni: "localhost",
      http_method: "POST",
      http_host: "localhost",
      url_path: "/a/b",
      url_query: "x=1&y=%20",
      headers: {
        accept: "*/*",
        cookie: { len: 22 },
        authorization: { len: 12 },
        referer: "https://r.example/",
        "sec-ch-ua-platform": '"Linux"',
        "user-agent": "Mozilla/5.0 (X11)",
        "content-type": "application/x-www-form-urlencoded",
      },
      cookie_count: 2,
    });
    equal(header_names.toSorted(), [
      "Accept",
      "Authorization",
      "Content-Length",
      "Content-Type",
      "Cookie",
      "Host",
      "Referer",
      "Unlisted",
      "User-Agent",
      "sec-ch-ua-platform",
    ]);
  },
);

Deno.test(
  "every request of a connection has what TLS agreed on",
  HTTPD,
  async () => {
    await using site = await startSite();
    await using receiver = new EventReceiver(site.socketPath);
    const urls = Array.from({ length: 5 }, (_, i) => `${site.https}/${i}`);
    const versions = [["--http1.1"], ["--http2"], ["--http2", "--parallel"]];
    let sent = 0;
    for (const version of [["--tlsv1.3"], ["--tls-max", "1.2"]]) {
      for (const args of versions) {
        await curl(urls, [...site.trust, ...version, ...args]);
        const events = await receiver.waitForRequests(sent += urls.length);
        const old = version[0] === "--tls-max";
        for (const event of events.slice(-urls.length)) {
          equal(
            [event.tls_version, event.tls_sni, event.tls_resumed],
            [old ? "1.2" : "1.3", "localhost", Boolean(0)],
          );
          equal(
            /^(ECDHE-|TLS_)/.exec(event.tls_cipher ?? "")?.[1],
            old ? "ECDHE-" : "TLS_",
          );
        }
      }
    }
  },
);

Deno.test(
  "header_names keep order and case; a repeated header stands at its first place",
  HTTPD,
  async () => {
    await using site = await startSite();
    await using receiver = new EventReceiver(site.socketPath);
    await sendRaw(
      site.httpd.port,
      "GET /h1 HTTP/1.1\r\nX-Dup: 1\r\nhost: a\r\nACCEPT: b\r\nx-dup: 2\r\nuser-agent: c\r\n" +
        "Connection: close\r\n\r\n",
    );
    const [h1] = await receiver.waitForPath("/h1");
    equal(h1?.header_names, [
      "X-Dup",
      "host",
      "ACCEPT",
      "user-agent",
      "Connection",
    ]);
    equal(h1?.headers, { accept: "b", "user-agent": "c" });

    // mod_http2 writes names in its own case and puts :authority, as Host, last.
    await curl([`${site.https}/h2`], [
      ...site.trust,
      "--http2",
      ...["-H", "x-second: 2", "-H", "x-first: 1"],
    ]);
    const [h2] = await receiver.waitForPath("/h2");
    equal(h2?.header_names, [
      "User-Agent",
      "Accept",
      "X-Second",
      "X-First",
      "Host",
    ]);
  },
);

Deno.test(
  "a request that httpd refuses or redirects inside gives one event",
  HTTPD,
  async (t) => {
    await using site = await startSite({
      extra: `
ErrorDocument 404 /index.html
<Directory "\${JA4_ROOT}">
RewriteEngine On
RewriteRule ^moved$ /index.html
</Directory>
`,
    });
    await using receiver = new EventReceiver(site.socketPath);
    const rows = [
      {
        name: "no HTTP at all",
        bytes: "GARBAGE\r\n\r\n",
        want: { status_code: 400, http_method: "GARBAGE", url_path: "" },
      },
      {
        name: "a header without a colon",
        bytes: "GET /x HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n",
        want: { status_code: 400, http_method: "GET", url_path: "/x" },
      },
      {
        name: "no Host",
        bytes: "GET /nohost HTTP/1.1\r\n\r\n",
        want: { status_code: 400, url_path: "/nohost", http_host: "" },
      },
      {
        name: "a control byte in the target",
        bytes: "GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
        want: { status_code: 400, url_path: "/a\x01b", control_bytes: 1 },
      },
      {
        name: "a request line beyond httpd's limit",
        bytes: `GET /${"x".repeat(9000)} HTTP/1.1\r\n\r\n`,
        want: { status_code: 414, truncated: true },
      },
      {
        name: "HTTP/1.0 in absolute form",
        bytes: "GET http://Ab.Example:8/q?z HTTP/1.0\r\n\r\n",
        want: {
          status_code: 404,
          http_version: "1.0",
          http_host: "ab.example",
          url_path: "/q",
          url_query: "z",
          response_bytes: 9,
        },
      },
      {
        name: "HTTP/0.9",
        bytes: "GET /\r\n\r\n",
        want: { status_code: 200, http_version: "0.9" },
      },
      {
        name: "the asterisk form, an IPv6 host",
        bytes:
          "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
        want: { http_method: "OPTIONS", url_path: "*", http_host: "[::1]" },
      },
      {
        name: "a redirect inside the server",
        bytes: "GET /moved?a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        want: {
          status_code: 200,
          url_path: "/moved",
          url_query: "a",
          response_bytes: 9,
        },
      },
      {
        name: "bytes that are not UTF-8",
        bytes: Uint8Array.from(
          'GET /8 HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xe2\x82\xac"\\\t\xc0\xaf\r\nConnection: close\r\n\r\n',
          (c) => c.charCodeAt(0),
        ),
        want: {
          url_path: "/8",
          bad_utf8: 3,
          control_bytes: undefined,
          headers: { "user-agent": '\ufffd€"\\\t\ufffd\ufffd' },
        },
      },
    ];
    for (const { name, bytes, want } of rows) {
      await t.step(name, async () => {
        const { localPort } = await sendRaw(site.httpd.port, bytes);
        const of = () =>
          receiver.events.filter((event) => event.src_port === localPort);
        await eventually(
          "the end of the connection",
          () => of().some((event) => event.event_type === "connection_end"),
        );
        const event = only(
          of().filter((event) => event.event_type === "request"),
        );
        for (const [field, value] of Object.entries(want)) {
          equal(event[field as keyof RequestEvent] as unknown, value, field);
        }
      });
    }
    receiver.assertNoFaults();
  },
);

Deno.test(
  "response_bytes is the body's length, from none to large",
  HTTPD,
  async () => {
    await using site = await startSite();
    await using receiver = new EventReceiver(site.socketPath);
    await Deno.writeFile(`${site.folder}/htdocs/none`, new Uint8Array(0));
    await Deno.writeFile(
      `${site.folder}/htdocs/large`,
      new Uint8Array(5_000_000),
    );
    for (const version of ["--http1.1", "--http2"]) {
      await curl([`${site.https}/none`, `${site.https}/large`], [
        ...site.trust,
        version,
      ]);
    }
    const requests = await receiver.waitForRequests(4);
    equal(
      requests.map((event) => [event.http_version, event.response_bytes]),
      [["1.1", 0], ["1.1", 5_000_000], ["2", 0], ["2", 5_000_000]],
    );
  },
);

for (const mpm of ["worker", "prefork"] as const) {
  Deno.test(`the ${mpm} MPM sends the same events`, HTTPD, async () => {
    await using site = await startSite({ mpm });
    await using receiver = new EventReceiver(site.socketPath);
    const transfers = await curl([`${site.https}/`, `${site.https}/b`], [
      ...site.trust,
      mpm === "worker" ? "--http2" : "--http1.1",
    ]);
    const requests = await receiver.waitForRequests(2);
    equal(
      requests.map((
        event,
      ) => [
        event.src_port,
        event.http_version,
        event.status_code,
        event.req_idx,
      ]),
      transfers.map((
        each,
        i,
      ) => [each.localPort, each.version, each.status, i]),
    );
    await site.httpd.stop();
    await eventually("the end", () => receiver.ends.length >= 1);
    equal(receiver.ends.length, 1);
  });
}
