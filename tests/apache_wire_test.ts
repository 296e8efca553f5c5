/**
 * The key of the join: the address and port in every event are those in the packets, whatever server
 * wrote it and however its client spoke.
 *
 * @module
 */
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { exists, needs, temporaryFolder } from "../lib/testing.ts";
import { EventReceiver } from "./support/http_events.ts";
import {
  buildModule,
  findHttpd,
  makeCertificates,
  startHttpd,
} from "./support/httpd.ts";
import {
  CADDY,
  FeedReceiver,
  freePorts,
  HAPROXY,
  LARGE_BYTES,
  NGINX,
  NGINX_NJS,
  type Place,
  type Ports,
  startUpstream,
  startWebServer,
} from "./support/web_servers.ts";
import { Wire } from "./support/wire.ts";
import {
  Clients,
  eventsOf,
  markOf,
  type Running,
  visit,
} from "./support/wire_clients.ts";

/** What the whole test must have compared. */
const REQUESTS_MIN = 2000;

/** What httpd needs to listen and answer as the other servers do. */
function httpdExtra(ports: Ports, upstream: number): string {
  const modules = ["proxy", "proxy_http", "proxy_wstunnel", "proxy_connect"];
  const tls = `SSLEngine on
SSLCertificateFile \${JA4_CERTIFICATE}
SSLCertificateKeyFile \${JA4_KEY}
<IfModule !mpm_prefork_module>
Protocols h2 http/1.1
</IfModule>`;
  return `
${
    modules.map((name) =>
      `LoadModule ${name}_module \${JA4_MODULES}/mod_${name}.so`
    ).join("\n")
  }
RequestReadTimeout header=1
ProxyPass "/ws" "ws://127.0.0.1:${upstream}/ws"
Listen [::1]:${ports.https6}
Listen 127.0.0.1:${ports.proxied}
Listen 127.0.0.1:${ports.trusting}
<VirtualHost [::1]:${ports.https6}>
${tls}
</VirtualHost>
<VirtualHost 127.0.0.1:${ports.proxied}>
RemoteIPProxyProtocol On
${tls}
</VirtualHost>
<VirtualHost 127.0.0.1:${ports.trusting}>
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
ProxyRequests On
AllowCONNECT 9
</VirtualHost>
`;
}

const PRESENT = findHttpd() !== undefined && exists("/usr/bin/tcpdump") &&
  [NGINX, NGINX_NJS, HAPROXY, CADDY].every(({ present }) => present);

Deno.test(
  "source address and port agree with the packets for every request at every server",
  needs(
    PRESENT && Deno.uid() === 0,
    PRESENT ? "needs root" : "a server or tcpdump is not installed",
  ),
  async (t) => {
    await using temporary = await temporaryFolder();
    const folder = temporary.path;
    await Deno.chmod(folder, 0o755);
    await using upstream = startUpstream();
    const certificates = await makeCertificates(folder);
    const modulePath = await buildModule();
    const clients = new Clients();
    const servers: Running[] = [];
    let unmarked = 0;
    const mpms = ["event", "worker", "prefork"] as const;
    const feeds = [NGINX, NGINX_NJS, HAPROXY, CADDY];
    const places: Place[] = [];
    for (const name of [...mpms, ...feeds.map((feed) => feed.name)]) {
      const own = `${folder}/${name.replaceAll(" ", "_")}`;
      await Deno.mkdir(own);
      places.push({
        folder: own,
        socketPath: `${own}/http.socket`,
        certificates,
        ports: freePorts(),
        upstream: upstream.port,
      });
    }
    await using wire = new Wire(
      `${folder}/packets`,
      places.flatMap(({ ports }) => Object.values(ports)),
    );
    await wire.ready();

    async function compare(server: Running): Promise<void> {
      servers.push(server);
      unmarked += await visit(server, clients, folder);
    }

    for (const [i, mpm] of mpms.entries()) {
      const place = places[i] as Place;
      await t.step(`httpd, ${mpm}`, async () => {
        const { ports, socketPath } = place;
        await using receiver = new EventReceiver(socketPath);
        const documentRoot = `${place.folder}/htdocs`;
        await Deno.mkdir(documentRoot);
        await Deno.writeFile(`${documentRoot}/empty`, new Uint8Array());
        await Deno.writeFile(`${documentRoot}/large`, new Uint8Array());
        await Deno.truncate(`${documentRoot}/large`, LARGE_BYTES);
        await using _httpd = await startHttpd({
          modulePath,
          socketPath,
          folder: place.folder,
          certificates,
          documentRoot,
          port: ports.http,
          tlsPort: ports.https,
          mpm,
          extra: httpdExtra(ports, upstream.port),
        });
        await compare({
          name: mpm,
          kind: "httpd",
          http2: mpm !== "prefork",
          ports,
          receiver,
        });
      });
    }
    for (const [i, feed] of feeds.entries()) {
      const place = places[mpms.length + i] as Place;
      await t.step(feed.name, async () => {
        await using receiver = new FeedReceiver(place.socketPath, feed.format);
        await using _server = await startWebServer(feed, place);
        await compare({
          name: feed.name,
          kind: feed.format as Running["kind"],
          http2: true,
          ports: place.ports,
          receiver,
        });
      });
    }

    await t.step(
      "each event has the source of the packets with its mark",
      async () => {
        const packets = await wire.packets();
        const sources = new Set(packets.map(({ source }) => source));
        const firsts = new Map(
          packets.toReversed().map((packet) => [
            `${packet.source} ${packet.destPort}`,
            packet,
          ]),
        );
        const byMark = new Map<string, Set<string>>();
        for (const { marks, source } of packets) {
          for (const mark of marks) {
            byMark.set(mark, (byMark.get(mark) ?? new Set()).add(source));
          }
        }
        let compared = 0;
        const wrong: unknown[] = [];
        for (const { receiver, name, kind } of servers) {
          for (const event of receiver.requests) {
            const source = `${event.src_ip} ${event.src_port}`;
            const mark = markOf(event);
            const seen = mark === undefined ? sources : byMark.get(mark);
            compared++;
            if (seen?.has(source) !== true) wrong.push([name, source, mark]);
            if (kind !== "httpd") continue;
            // Also where the connection waited for a worker: half a second is far inside the correlator's interval.
            const first = firsts.get(`${source} ${event.dest_port}`)?.ts ?? 0;
            const delay = first - (event.conn_ts ?? 0);
            if (Math.abs(delay) > 500_000) {
              wrong.push([name, source, `${delay} us`]);
            }
          }
        }
        equal(wrong.slice(0, 5), []);
        for (
          const { server, mark, requests, localPorts } of clients.expectations
        ) {
          const ports = eventsOf(server, mark).map(({ src_port }) => src_port);
          equal(ports.length, requests);
          if (localPorts !== undefined) {
            equal(ports.toSorted(), localPorts.toSorted());
          }
        }
        const marked = clients.expectations.reduce(
          (sum, { requests }) => sum + requests,
          0,
        );
        ok(compared >= marked + unmarked);
        ok(compared >= REQUESTS_MIN, `only ${compared} requests`);
      },
    );
  },
);
