/**
 * Requests of real web servers through a real correlator: joined with their handshakes whatever
 * server wrote them, and what is lost while the correlator is away.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { handshake, stats } from "../correlate/testing.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { eventually, needs } from "../lib/testing.ts";
import {
  correlateIn,
  type CorrelateProcess,
  Sensor,
} from "./correlate_process.ts";
import { curl } from "./support/curl.ts";
import { findHttpd, makeCertificates } from "./support/httpd.ts";
import { ONE_CHILD, startSite } from "./support/site.ts";
import {
  CADDY,
  freePorts,
  HAPROXY,
  NGINX_NJS,
  startUpstream,
  startWebServer,
} from "./support/web_servers.ts";

type Row = CorrelatedEvent & {
  readonly url_path?: string;
  readonly ja4?: string;
  readonly events_dropped?: number;
};

/** A correlator in `folder` that writes its rows to a file and holds requests for long. */
async function correlator(
  folder: string,
  http: Readonly<Record<string, unknown>>,
): Promise<CorrelateProcess & { rows(): Promise<Row[]> }> {
  const path = `${folder}/rows`;
  const process = await correlateIn(folder, {
    http: { mode: "0666", ...http },
    spool: { enabled: false },
    join: { http_hold_ms: 5000 },
    file: { enabled: true, path },
  });
  return Object.assign(process, {
    async rows(): Promise<Row[]> {
      const text = await Deno.readTextFile(path).catch(() => "");
      return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    },
  });
}

const PRESENT = findHttpd() !== undefined &&
  [NGINX_NJS, HAPROXY, CADDY].every(({ present }) => present);

Deno.test(
  "the correlator joins the requests of httpd, nginx, HAProxy and Caddy with their handshakes",
  needs(PRESENT, "a web server is not installed"),
  async () => {
    await using site = await startSite();
    const { folder } = site;
    const feeds = [NGINX_NJS, HAPROXY, CADDY];
    await using process = await correlator(folder, {
      feeds: feeds.map(({ format }) => ({
        path: `${folder}/${format}.socket`,
        format,
        mode: "0666",
      })),
    });
    await process.start();
    using sensor = new Sensor(process.network);
    await using upstream = startUpstream();
    await using stack = new AsyncDisposableStack();
    const urls = [`${site.https}/reqin`];
    for (const feed of feeds) {
      const ports = freePorts();
      const own = `${folder}/${feed.format}`;
      await Deno.mkdir(own);
      const place = {
        folder: own,
        socketPath: `${folder}/${feed.format}.socket`,
        certificates: await makeCertificates(own),
        ports,
        upstream: upstream.port,
      };
      stack.use(await startWebServer(feed, place));
      urls.push(`https://localhost:${ports.https}/${feed.format}`);
    }
    const nowUs = () => Date.now() * 1000;
    const boot = Math.floor(Date.now() / 1000);
    await sensor.send(stats({ ts: nowUs(), boot }));
    for (const [i, url] of urls.entries()) {
      const beforeUs = nowUs();
      const [transfer] = await curl([url], ["--insecure"]);
      // The request waits for it.
      await sensor.send(handshake({
        ts: beforeUs,
        boot,
        seq: i + 1,
        src_ip: "127.0.0.1",
        src_port: transfer?.localPort,
        dest_ip: "127.0.0.1",
        dest_port: Number(new URL(url).port),
      }));
    }
    const { ja4 } = handshake();
    const want = [
      ["/reqin", "conn", ja4],
      ["/nginx", "conn", ja4],
      ["/haproxy", "window", ja4],
      ["/caddy", "window", ja4],
    ];
    await eventually(
      "a row of each",
      async () => (await process.rows()).length >= want.length,
    );
    equal(
      (await process.rows()).map(({ url_path, match, ja4 }) => [
        url_path,
        match,
        ja4,
      ]).toSorted(),
      want.toSorted(),
    );
  },
);

Deno.test(
  "a restart of the correlator loses what came while it was away, no more, and that is counted",
  needs(findHttpd() !== undefined, "httpd is not installed"),
  async () => {
    await using site = await startSite({ extra: ONE_CHILD });
    await using process = await correlator(site.folder, {});
    // Fewer at a time than the shortest queue holds.
    const send = async (path: string, count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += 5) {
        await curl(Array.from({ length: 5 }, () => `${site.http}/${path}`));
      }
    };
    const count = async (path: string): Promise<number> =>
      (await process.rows()).filter(({ url_path }) => url_path === `/${path}`)
        .length;
    for (let round = 0; round < 2; round++) {
      await process.start();
      await send(`up${round}`, 40);
      // Forty requests and the ends of eight connections.
      await eventually(
        "all events",
        async () =>
          await process.metric(
            'correlate_events_received_total{source="http"}',
          ) >= 48,
      );
      equal(await process.stop(), 0);
      await send(`away${round}`, 20);
    }
    await process.start();
    await send("last", 5);
    await eventually("the last rows", async () => await count("last") === 5);
    for (const round of [0, 1]) {
      equal([await count(`up${round}`), await count(`away${round}`)], [40, 0]);
    }
    const dropped = (await process.rows()).at(-1)?.events_dropped ?? 0;
    // As many while it was away, of which the last end may have come with the next start.
    ok(dropped >= 40 && dropped <= 48, `${dropped}`);
    equal((await site.httpd.errorLog()).match(/Cannot send/g)?.length, 1);
  },
);
