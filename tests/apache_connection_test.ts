/**
 * Who an event says it is from: the connection's number, its peer and what a proxy claims, with
 * mod_reqin_log in a real httpd.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, freePort, needs } from "../lib/testing.ts";
import type { RequestEvent } from "../lib/events.ts";
import { curl, sendRaw } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import { findHttpd } from "./support/httpd.ts";
import { ONE_CHILD, startSite } from "./support/site.ts";

const HTTPD = needs(findHttpd() !== undefined, "httpd is not installed");

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
      const events = await receiver.waitForPath(path);
      equal(
        events.map(({ src_ip, src_port, client_ip, client_ip_source }) => ({
          src_ip,
          src_port,
          client_ip,
          client_ip_source,
        })) as unknown,
        [{
          src_ip: "127.0.0.1",
          src_port: localPort,
          client_ip: undefined,
          client_ip_source: undefined,
          ...want,
        }],
      );
    }

    await t.step("X-Forwarded-For from a trusted peer", async () => {
      await check(trusted, "/t", get("/t", "203.0.113.9"), {
        client_ip: "203.0.113.9",
        client_ip_source: "x_forwarded_for",
      } as Partial<RequestEvent>);
      const [event] = await receiver.waitForPath("/t");
      equal(event?.headers["x-forwarded-for"], "203.0.113.9");
      equal(event?.header_names, ["Host", "X-Forwarded-For", "Connection"]);
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
