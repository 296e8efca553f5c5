/**
 * The whole way with real parts: clients that hammer a real httpd over TLS, the sensor on the
 * loopback interface, the module, the join. At least 99.9 % of the requests have their handshake, and
 * where one has not, the reason is true.
 */
import assert from "node:assert/strict";
import type { CorrelatedEvent } from "../lib/events.ts";
import { eventually, exists, needs, temporaryFolder } from "../lib/testing.ts";
import { LineSplitter } from "../correlate/lines.ts";
import { correlateIn } from "./correlate_process.ts";
import { startDaemon } from "./support/capture.ts";
import {
  buildModule,
  findHttpd,
  makeCertificates,
  startHttpd,
} from "./support/httpd.ts";

/** Seconds of each client; `JA4_TEST_LIVE_S=60` for the long run. */
const SECONDS = Number(Deno.env.get("JA4_TEST_LIVE_S") ?? 2);
const JOINED_SHARE_MIN = 0.999;

Deno.test({
  name:
    "correlate: requests of wrk and h2load at a real httpd have their handshakes",
  ...needs(
    Deno.uid() === 0 && findHttpd() !== undefined,
    "needs root: live capture",
  ),
  async fn() {
    assert.ok(exists("/usr/bin/wrk") && exists("/usr/bin/h2load"));
    await using folder = await temporaryFolder();
    // The children of httpd run as another user.
    await Deno.chmod(folder.path, 0o755);
    const rows = `${folder.path}/rows.ndjson`;
    await using correlate = await correlateIn(folder.path, {
      http: { mode: "0666" },
      spool: { enabled: false },
      file: { enabled: true, path: rows },
    });
    await correlate.start();
    await using httpd = await startHttpd({
      modulePath: await buildModule(),
      socketPath: correlate.http,
      folder: folder.path,
      certificates: await makeCertificates(folder.path),
    });
    await using capture = await startDaemon(
      folder.path,
      `[capture]
interface = "lo"
ports = [${httpd.tlsPort}]
sensor = "live"
[socket]
path = "${correlate.network}"
`,
    );
    const url = `https://127.0.0.1:${httpd.tlsPort}/`;
    const duration = `${SECONDS}s`;
    await run("wrk", ["-t1", "-c8", `-d${duration}`, url]);
    // A connection for each request: handshakes, and ports that are soon used again.
    await run("wrk", [
      "-t1",
      "-c8",
      `-d${duration}`,
      "-HConnection: close",
      url,
    ]);
    await run("h2load", ["-c8", "-m10", "-t1", `-D${SECONDS}`, url]);

    const requests = 'correlate_events_received_total{source="http"}';
    let before = -1;
    await eventually("the last events", async () => {
      const now = await correlate.metric(requests);
      const held = await correlate.metric(
        'correlate_events_held{source="http"}',
      );
      const still = now === before && held === 0;
      before = now;
      return still;
    }, 60_000);
    assert.equal(await correlate.stop(), 0);
    const drops = await capture.metric("capture_kernel_drops_total");
    report(await readRows(rows), drops);
  },
});

/** Line by line: the rows of a long run are more than one text can hold. */
async function readRows(path: string): Promise<CorrelatedEvent[]> {
  const events: CorrelatedEvent[] = [];
  using file = await Deno.open(path);
  const splitter = new LineSplitter(1 << 20);
  const buffer = new Uint8Array(1 << 18);
  for (let n; (n = await file.read(buffer)) !== null;) {
    splitter.push(buffer.subarray(0, n), (lines) => {
      events.push(...lines.values() as CorrelatedEvent[]);
    });
  }
  return events;
}

function report(events: readonly CorrelatedEvent[], kernelDrops: number): void {
  const lone = new Map<number, number[]>();
  let joined = 0;
  let http2 = 0;
  const orphans: Extract<CorrelatedEvent, { match: "none" }>[] = [];
  for (const event of events) {
    if (event.match === "tls_only") {
      const { src_port, ts } = event;
      lone.set(src_port, [...lone.get(src_port) ?? [], ts]);
    } else if (event.url_scheme !== "https") continue;
    else if (event.match === "none") orphans.push(event);
    else {
      joined++;
      if (event.http_version === "2") http2++;
      assert.equal(event.match, "conn");
      assert.ok(event.ja4 !== undefined, "a handshake that could be read");
    }
  }
  const all = joined + orphans.length;
  const share = joined / all;
  // deno-lint-ignore no-console -- the figure is the point of the long run
  console.log(
    `${all} requests over TLS, ${http2} of them HTTP/2, ${
      (share * 100).toFixed(3)
    } % joined, ${orphans.length} not, ${kernelDrops} packets dropped by the kernel`,
  );
  assert.ok(joined > 1000 && http2 > 100, "there was load of both kinds");
  for (const { orphan_reason, src_port, conn_ts = 0 } of orphans) {
    // Nobody saw the handshake: no row has it alone.
    assert.equal(orphan_reason, "no_hello");
    const near = (lone.get(src_port) ?? []).filter((ts) =>
      Math.abs(ts - conn_ts) < 2_000_000
    );
    assert.deepEqual(near, [], `port ${src_port} had a handshake`);
  }
  assert.ok(share >= JOINED_SHARE_MIN, `${share} joined`);
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  assert.ok(
    success,
    `${program}: ${text.decode(stdout)}${text.decode(stderr)}`,
  );
}
