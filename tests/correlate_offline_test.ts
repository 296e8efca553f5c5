/** `task join` on two files, and the running correlator on the same events through its sockets. */
import assert from "node:assert/strict";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import { connectionEnd, handshake, request } from "../correlate/testing.ts";
import { randomOf } from "../correlate/port_reuse.ts";
import { correlateIn, Sensor, WebServer } from "./correlate_process.ts";

Deno.test("task join gives the same rows as the live path on the same events", async () => {
  await using folder = await temporaryFolder();
  const rows = `${folder.path}/rows.ndjson`;
  const join = { http_hold_ms: 300, tls_orphan_after_ms: 60_000 };
  await using correlate = await correlateIn(folder.path, {
    ...{ join, spool: { enabled: false } },
    file: { enabled: true, path: rows },
  });
  await correlate.start();
  using sensor = new Sensor(correlate.network);
  using server = new WebServer(correlate.http);
  const random = randomOf(5);
  const startUs = Date.now() * 1000;
  const hellos: unknown[] = [];
  const requests: unknown[] = [];
  let seq = 0;
  for (let n = 0; n < 150; n++) {
    const ts = startUs + n * 100;
    const place = { src_ip: `198.51.100.${n % 40}`, src_port: 2000 + n % 3 };
    const kind = random();
    // Every tenth hello is unseen, every tenth connection sends nothing.
    if (kind > 0.1) {
      hellos.push(handshake({
        ...{ ...place, ts, seq: hellos.length + 1, sni: `h${n}` },
        client_random_hash: `r${n}`,
      }));
    }
    if (kind < 0.9) {
      for (let req_idx = 0; req_idx < 1 + n % 3; req_idx++) {
        requests.push(request({
          ...{ ...place, conn: n, conn_ts: ts, pid: 1, seq: ++seq, req_idx },
          ...{ ts: ts + 10 + req_idx, url_path: `/${n}/${req_idx}` },
          url_scheme: n % 20 === 7 ? "http" : "https",
        }));
      }
    }
    if (n % 5 === 0) {
      requests.push(connectionEnd({
        ...{ ...place, conn: n, ts: ts + 50, pid: 1, seq: ++seq },
      }));
    }
  }
  // Handshakes first: a file has no delays, and the live path must not differ by them.
  for (const event of hellos) assert.ok(await sensor.send(event));
  await eventually(
    "the handshakes",
    async () =>
      await correlate.metric(
        'correlate_events_received_total{source="network"}',
      ) === hellos.length,
  );
  for (const event of requests) assert.ok(await server.send(event));
  await eventually(
    "the requests",
    async () =>
      await correlate.metric(
          'correlate_events_received_total{source="http"}',
        ) ===
        requests.length &&
      await correlate.metric('correlate_events_held{source="http"}') === 0,
    60_000,
  );
  assert.equal(await correlate.stop(), 0);

  const files = ["hellos", "requests"].map((name) => `${folder.path}/${name}`);
  for (const [i, events] of [hellos, requests].entries()) {
    await Deno.writeTextFile(
      files[i] ?? "",
      events.map((event) => JSON.stringify(event) + "\n").join(""),
    );
  }
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "correlate/join_files.ts", ...files],
    cwd: new URL("..", import.meta.url),
    env: {
      JA4_JOIN__HTTP_HOLD_MS: "300",
      JA4_JOIN__TLS_ORPHAN_AFTER_MS: "60000",
    },
  }).output();
  assert.ok(success);
  const live = sorted(await Deno.readTextFile(rows));
  const offline = sorted(new TextDecoder().decode(stdout));
  assert.ok(live.length > 250, `${live.length} rows`);
  assert.deepEqual(
    new Set(live.map((line) => Object.fromEntries(JSON.parse(line))["match"])),
    new Set(["conn", "none", "tls_only"]),
  );
  assert.deepEqual(offline, live);
});

/** Rows without their identifiers, in an order of their own. */
function sorted(text: string): string[] {
  return text.trim().split("\n").map((line) => {
    const { event_id: _, ...row } = JSON.parse(line);
    return JSON.stringify(
      Object.entries(row).sort(([a], [b]) => a < b ? -1 : 1),
    );
  }).sort();
}
