/**
 * mod_reqin_log in a real httpd, its events read from a real UNIX datagram socket.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, freePort, needs } from "../lib/testing.ts";
import type { RequestEvent } from "../lib/events.ts";
import { curl, sendRaw } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import { findHttpd } from "./support/httpd.ts";
import { ONE_CHILD, type Site, startSite } from "./support/site.ts";

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
  "requests of a connection share conn and count up; connection_end follows",
  HTTPD,
  async () => {
    await using site = await startSite({ extra: ONE_CHILD });
    await using receiver = new EventReceiver(site.socketPath);
    const paths = ["/", "/1", "/2"].map((path) => site.http + path);
    await curl(paths);
    await curl(paths);
    await receiver.waitForRequests(6);
    // A request is reported after its answer: the last of one connection may come behind the next's first.
    const requests = receiver.requests.toSorted((a, b) =>
      (a.conn ?? 0) - (b.conn ?? 0) || (a.req_idx ?? 0) - (b.req_idx ?? 0)
    );
    equal(requests.map((event) => event.req_idx), [0, 1, 2, 0, 1, 2]);
    equal(new Set(requests.slice(0, 3).map((event) => event.conn)).size, 1);
    equal(new Set(requests.map((event) => event.conn)).size, 2);
    ok(requests[0]?.conn_ts === requests[2]?.conn_ts);

    await site.httpd.stop();
    await eventually("all events", () => receiver.events.length >= 8);
    const ends = receiver.ends.toSorted((a, b) => a.conn - b.conn);
    equal(
      ends.map((end) => [end.conn, end.src_port]),
      [requests[0], requests[3]].map((event) => [event?.conn, event?.src_port]),
    );
    const order = receiver.events.map((event) => event.seq ?? 0);
    equal(order.toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8]);
    // The end of a connection comes behind its last request.
    for (const [index, end] of ends.entries()) {
      const last = requests[index * 3 + 2];
      ok((end.seq ?? 0) > (last?.seq ?? Infinity));
    }
    receiver.assertNoFaults();
  },
);

Deno.test(
  "client_ip is the claim of a trusted proxy alone; src_ip stays the peer",
  HTTPD,
  async (t) => {
    const trusted = freePort();
    const untrusted = freePort();
    const proxied = freePort();
    const dual = freePort();
    await using site = await startSite({
      extra: `
Listen 127.0.0.1:${trusted}
Listen 127.0.0.1:${untrusted}
Listen 127.0.0.1:${proxied}
Listen [::]:${dual}
<VirtualHost *:${trusted}>
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
</VirtualHost>
<VirtualHost *:${untrusted}>
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 192.0.2.1
</VirtualHost>
<VirtualHost *:${proxied}>
RemoteIPProxyProtocol On
</VirtualHost>
`,
    });
    await using receiver = new EventReceiver(site.socketPath);
    const get = (path: string, forwarded: string) =>
      `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${forwarded}\r\nConnection: close\r\n\r\n`;

    async function check(
      port: number,
      path: string,
      bytes: string,
      want: Partial<RequestEvent>,
      hostname?: string,
    ): Promise<void> {
      const { localPort } = await sendRaw(port, bytes, hostname);
      const event = only(await receiver.waitForPath(path));
      equal(
        {
          src_ip: event.src_ip,
          src_port: event.src_port,
          client_ip: event.client_ip,
          client_ip_source: event.client_ip_source,
        } as unknown,
        {
          src_ip: "127.0.0.1",
          src_port: localPort,
          client_ip: undefined,
          client_ip_source: undefined,
          ...want,
        },
      );
    }

    await t.step("X-Forwarded-For from a trusted peer", async () => {
      await check(trusted, "/t", get("/t", "203.0.113.9"), {
        client_ip: "203.0.113.9",
        client_ip_source: "x_forwarded_for",
      } as Partial<RequestEvent>);
      const event = only(await receiver.waitForPath("/t"));
      equal(event.headers["x-forwarded-for"], "203.0.113.9");
      equal(event.header_names, ["Host", "X-Forwarded-For", "Connection"]);
    });
    await t.step(
      "an IPv6 claim becomes canonical",
      () =>
        check(trusted, "/t6", get("/t6", "192.0.2.7, 2001:DB8:0::9"), {
          client_ip: "2001:db8::9",
          client_ip_source: "x_forwarded_for",
        } as Partial<RequestEvent>),
    );
    await t.step(
      "X-Forwarded-For from an untrusted peer",
      () => check(untrusted, "/u", get("/u", "203.0.113.9"), {}),
    );
    await t.step(
      "no X-Forwarded-For is asked for",
      () => check(site.httpd.port, "/n", get("/n", "203.0.113.9"), {}),
    );
    await t.step(
      "PROXY protocol, and a header that repeats its claim",
      () =>
        check(
          proxied,
          "/p",
          `PROXY TCP4 198.51.100.7 10.0.0.1 4444 443\r\n${
            get("/p", "198.51.100.7")
          }`,
          {
            client_ip: "198.51.100.7",
            client_ip_source: "proxy_protocol",
          } as Partial<RequestEvent>,
        ),
    );
    await t.step(
      "an IPv4 client of an IPv6 socket is IPv4",
      () => check(dual, "/m", get("/m", "x"), {}),
    );
    await t.step("IPv6", () =>
      check(
        dual,
        "/6",
        get("/6", "x"),
        { src_ip: "::1" } as Partial<RequestEvent>,
        "::1",
      ));
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

/**
 * Asks on until the counts of a server with one child add up: each event so far was received, now or
 * `earlier`, or is in the module's count of dropped ones. httpd logs a request after its answer and
 * the end of a connection later still, so that a count is exact only at rest.
 */
function settle(
  site: Site,
  receiver: EventReceiver,
  earlier: number,
): Promise<{ received: number; dropped: number }> {
  return eventually("counts that add up", async () => {
    await curl([`${site.http}/rest`]);
    receiver.assertNoFaults();
    const { requests, ends, events } = receiver;
    const last = requests.findLast((event) => event.url_path === "/rest");
    const ended = new Set(ends.map((event) => event.conn));
    if (!requests.every((event) => ended.has(event.conn ?? 0))) return;
    const seq = last?.seq ?? 0;
    const dropped = last?.events_dropped ?? 0;
    const before = events.filter((event) => (event.seq ?? 0) < seq).length;
    if (earlier + before + dropped !== seq - 1) return;
    return { received: earlier + events.length, dropped };
  });
}

Deno.test(
  "without a receiver httpd serves on, counts, and loses nothing once there is one",
  HTTPD,
  async () => {
    await using site = await startSite({ extra: ONE_CHILD });
    const twenty = Array.from({ length: 20 }, (_, i) => `${site.http}/?${i}`);
    equal(
      new Set((await curl(twenty)).map((each) => each.status)),
      new Set([200]),
    );
    // httpd logs a request after its answer: the last of them may still be on its way.
    await eventually(
      "a report",
      async () => (await site.httpd.errorLog()).includes("Cannot send"),
    );
    let counts = { received: 0, dropped: 0 };
    {
      await using receiver = new EventReceiver(site.socketPath);
      await curl([`${site.http}/first`]);
      await receiver.waitForPath("/first");
      counts = await settle(site, receiver, 0);
      // Twenty and the end of their connection, but for what came late.
      ok(counts.dropped >= 19 && counts.dropped <= 21);
    }
    await curl([`${site.http}/lost`]);
    {
      await using receiver = new EventReceiver(site.socketPath);
      await curl([`${site.http}/second`]);
      await receiver.waitForPath("/second");
      const later = await settle(site, receiver, counts.received);
      ok(later.dropped - counts.dropped <= 3);
    }
    const log = await site.httpd.errorLog();
    equal(log.match(/Cannot send an event to/g)?.length, 1);
    ok(
      /No such file or directory.*Cannot send an event to ".*http\.socket"; this process has dropped 1 so far/
        .test(log),
      log,
    );
  },
);

Deno.test(
  "a receiver that does not read delays nothing; each drop is in the count",
  HTTPD,
  async () => {
    await using site = await startSite({ extra: ONE_CHILD });
    const socket = Deno.listenDatagram({
      transport: "unixpacket",
      path: site.socketPath,
    });
    await Deno.chmod(site.socketPath, 0o666);
    const urls = Array.from({ length: 2000 }, (_, i) => `${site.http}/?${i}`);
    const statuses = (await curl(urls)).map((each) => each.status);
    equal(statuses.filter((status) => status === 200).length, 2000);
    socket.close();
    await Deno.remove(site.socketPath);

    await using receiver = new EventReceiver(site.socketPath);
    await curl([`${site.http}/after`]);
    const after = only(await receiver.waitForPath("/after"));
    // Some waited in the queue (net.unix.max_dgram_qlen) and went down with it; the rest is counted.
    const queued = (after.seq ?? 0) - 1 - (after.events_dropped ?? 0);
    ok((after.events_dropped ?? 0) > 0 && queued > 0);
  },
);

Deno.test(
  "with a slow reader and with one whose socket file is gone, each drop is in the count",
  HTTPD,
  async () => {
    await using site = await startSite({ extra: ONE_CHILD });
    const urls = Array.from({ length: 900 }, (_, i) => `${site.http}/?${i}`);
    // Slower than the events come, so that the longest usual queue (512) fills up.
    const socket = Deno.listenDatagram({
      transport: "unixpacket",
      path: site.socketPath,
    });
    await Deno.chmod(site.socketPath, 0o666);
    const taken: { seq: number; events_dropped?: number }[] = [];
    const reading = (async () => {
      for await (const [bytes] of socket) {
        taken.push(JSON.parse(new TextDecoder().decode(bytes)));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    await curl(urls);
    // Its file goes; the reader lives on and is sent to.
    await Deno.remove(site.socketPath);
    const last = await eventually("counts that add up", async () => {
      await curl([`${site.http}/rest`]);
      const newest = taken.at(-1);
      if (newest?.events_dropped === undefined || newest.seq < 900) return;
      return newest.seq - newest.events_dropped === taken.length
        ? newest
        : undefined;
    }, 30_000);
    ok((last.events_dropped ?? 0) > 0 && taken.length > 0);
    socket.close();
    await reading;
  },
);

Deno.test(
  "trouble and its end are one line an interval and child, whatever happens",
  HTTPD,
  async () => {
    await using site = await startSite({
      extra: `${ONE_CHILD}LogLevel info
JsonSockLogLevel INFO
JsonSockLogErrorReportInterval 1
<VirtualHost 127.0.0.1:\${JA4_PORT}>
ServerName other
JsonSockLogSocket \${JA4_FOLDER}/other.socket
</VirtualHost>
`,
    });
    const mine = async () =>
      (await site.httpd.errorLog()).split("\n")
        .filter((line) => line.includes("reqin_log:"));
    const started = performance.now();
    // Two sockets, one that comes and goes, one that never is there.
    for (let round = 0; performance.now() - started < 3500; round++) {
      const one = `${site.http}/?${round}`;
      const two = `${site.https}/?${round}`;
      await curl([one, two, two], [...site.trust]);
      await using _receiver = new EventReceiver(site.socketPath);
      await curl([one, two, two], [...site.trust]);
    }
    const lines = await mine();
    const seconds = (performance.now() - started) / 1000;
    ok(lines.some((line) => line.includes("Cannot send an event")));
    ok(lines.length >= 2 && lines.length <= seconds + 1, lines.join("\n"));
    await using _receiver = new EventReceiver(site.socketPath);
    await eventually("the word that all is well", async () => {
      await curl([`${site.https}/`], [...site.trust]);
      return (await mine()).some((line) =>
        line.includes("again; this process")
      );
    });
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

Deno.test(
  "conn is never given twice, also across a graceful restart",
  HTTPD,
  async () => {
    await using site = await startSite();
    await using receiver = new EventReceiver(site.socketPath);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) await curl([`${site.http}/${round}`]);
      const before = await site.httpd.errorLog();
      const restarts = before.match(/resuming normal operations/g)?.length ?? 0;
      Deno.kill(site.httpd.pid, "SIGUSR1");
      await eventually(
        "the graceful restart",
        async () =>
          ((await site.httpd.errorLog()).match(/resuming normal operations/g)
            ?.length ?? 0) > restarts,
      );
    }
    const requests = await receiver.waitForRequests(15);
    const conns = requests.map((event) => event.conn ?? 0);
    equal(conns, [...new Set(conns)].toSorted((a, b) => a - b));
  },
);
