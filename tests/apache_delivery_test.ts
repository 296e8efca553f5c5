/**
 * What becomes of events that nobody takes: httpd serves on, each is in the count, and the error log
 * has one line an interval. Real readers that are absent, stopped, slow or gone.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { eventually, needs } from "../lib/testing.ts";
import { curl } from "./support/curl.ts";
import { EventReceiver } from "./support/http_events.ts";
import { findHttpd } from "./support/httpd.ts";
import { ONE_CHILD, type Site, startSite } from "./support/site.ts";

const HTTPD = needs(findHttpd() !== undefined, "httpd is not installed");

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
  "a receiver that comes after many events were dropped has the next ones, and a request that began before it",
  HTTPD,
  async () => {
    await using site = await startSite({ extra: ONE_CHILD });
    const length = 50_000_000;
    await Deno.writeFile(`${site.folder}/htdocs/long`, new Uint8Array());
    await Deno.truncate(`${site.folder}/htdocs/long`, length);
    const lost = 300;
    const urls = Array.from({ length: lost }, (_, i) => `${site.http}/?${i}`);
    ok((await curl(urls)).every(({ status }) => status === 200));
    // More than the sockets hold: the request lasts until all is read.
    using slow = await Deno.connect({ port: site.httpd.port });
    await slow.write(new TextEncoder().encode(
      "GET /long HTTP/1.1\r\nHost: a\r\nX-Early: 1\r\nConnection: close\r\n\r\n",
    ));
    await slow.read(new Uint8Array(1));

    await using receiver = new EventReceiver(site.socketPath);
    const first = await eventually("events again", async () => {
      await curl([`${site.http}/again`]);
      return receiver.requests[0];
    });
    ok(first.events_dropped !== undefined && first.events_dropped >= lost);
    // Looked for every 20 ms: of the requests that come one by one, few are lost on the way.
    ok(first.events_dropped < lost + 60, `${first.events_dropped}`);
    for await (const _ of slow.readable) { /* to its end */ }
    const [long] = await receiver.waitForPath("/long");
    equal(
      [long?.status_code, long?.response_bytes, long?.header_names],
      [200, length, ["Host", "X-Early", "Connection"]],
    );
    ok((await settle(site, receiver, 0)).dropped < lost + 60);
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
    // A queue that stayed full is tried every 50 ms.
    const after = await eventually("an event", async () => {
      await curl([`${site.http}/after`]);
      return receiver.requests[0];
    });
    // Some waited in the queue (net.unix.max_dgram_qlen) and went down with it; the rest is counted.
    const { seq = 0, events_dropped = 0 } = after;
    ok(events_dropped > 0 && seq - 1 - events_dropped > 0);
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
