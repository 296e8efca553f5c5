/** The correlator as a process, between real sockets and a real database. */
import assert from "node:assert/strict";
import { sql } from "../lib/sql.ts";
import { eventually, temporaryFolder } from "../lib/testing.ts";
import {
  connectionEnd,
  handshake,
  request,
  stats,
} from "../correlate/testing.ts";
import { correlateIn, Sensor, WebServer } from "./correlate_process.ts";
import { startStore } from "./support/store.ts";

function nowUs(): number {
  return Date.now() * 1000;
}

const LATENCY_50 = 'correlate_store_latency_seconds{quantile="0.5"}';
const LATENCY_95 = 'correlate_store_latency_seconds{quantile="0.95"}';

/** Connection details that are new for each number. */
function connectionOf(n: number): Record<string, unknown> {
  return {
    src_ip: `198.51.${n >> 8 & 255}.${n & 255}`,
    src_port: 1024 + n % 50_000,
  };
}

Deno.test("correlate: from both sockets to the tables", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: { url: store.url, password_file: store.passwordFile("ja4") },
    file: { enabled: true, path: `${folder.path}/events.ndjson` },
    join: { http_hold_ms: 200, tls_orphan_after_ms: 300 },
  });
  await correlate.start();
  await using db = await store.database("ja4");
  using sensor = new Sensor(correlate.network);
  using server = new WebServer(correlate.http);
  const ts = nowUs();
  const conn = { conn: 1, conn_ts: ts };

  assert.ok(
    await sensor.send(
      stats({ ts, packets: 70, kernel_drops: 3, memory_bytes: 5e7 }),
    ),
  );
  assert.ok(await sensor.send(handshake({ ts, seq: 1 })));
  assert.ok(
    await sensor.send(
      handshake({ ts, seq: 2, src_port: 2, client_random_hash: "b" }),
    ),
  );
  // Over IPv6-mapped text, as a dual-stack server reports it.
  const mapped = { ...conn, src_ip: "::ffff:192.0.2.1" };
  await server.send(
    request({ ...mapped, ts: ts + 500, url_path: "/a", pid: 1, seq: 1 }),
  );
  await server.send(
    request({ ...mapped, ts: ts + 900, url_path: "/b", pid: 1, seq: 2 }),
  );
  await server.send(
    request({ ...mapped, ts: ts + 900, url_path: "/b", pid: 1, seq: 2 }),
  );
  await server.send(
    request({ ts, url_scheme: "http", url_path: "/clear", src_port: 9 }),
  );
  await server.send(
    "<190>Nov 23 10:31:00 ja4: " + JSON.stringify(request({
      ...{ ts, url_path: "/syslog", src_port: 10, url_scheme: "http" },
    })),
  );
  await server.send('{"event_type":"request"');
  await server.send("\xff\xfe");
  await server.send(connectionEnd({ conn: 1, ts: ts + 1000 }));

  const rows = await eventually("five rows", async () => {
    const found = await db.query<Record<string, string>>(
      sql`SELECT match, orphan_reason, url_path, ja4, toString(src_ip) AS src_ip, match_age_us, sensor, header_order, toString(event_id) AS id
        FROM http_events ORDER BY url_path`,
    );
    return found.length >= 5 && found;
  });
  assert.deepEqual(
    rows.map((
      { match, orphan_reason, url_path },
    ) => [match, orphan_reason, url_path]),
    [
      ["tls_only", "", ""],
      ["conn", "", "/a"],
      ["conn", "", "/b"],
      ["none", "plaintext", "/clear"],
      ["none", "plaintext", "/syslog"],
    ],
  );
  assert.equal(rows[1]?.["ja4"], handshake().ja4);
  assert.equal(rows[1]?.["src_ip"], "::ffff:192.0.2.1");
  assert.equal(rows[1]?.["match_age_us"], "500");
  assert.equal(rows[1]?.["sensor"], "edge1");
  assert.equal(
    rows[1]?.["header_order"],
    "host,user-agent,accept,accept-language",
  );
  assert.equal(new Set(rows.map(({ id }) => id)).size, 5);

  const catalogue = await db.query(
    sql`SELECT ja4, length(cipher_suites) AS suites FROM ja4_catalog FINAL`,
  );
  assert.deepEqual(catalogue, [{ ja4: handshake().ja4, suites: "9" }]);
  await eventually("the batches to be noted", async () => {
    const [noted] = await db.query<{ n: string }>(
      sql`SELECT sum(rows) AS n FROM ingest_batches`,
    );
    return noted?.n === "5";
  });
  const metrics = await db.query<{ metric: string }>(
    sql`SELECT DISTINCT metric FROM pipeline_metrics WHERE component = 'correlate'`,
  );
  assert.ok(
    metrics.some(({ metric }) => metric === "correlate_input_lost_total"),
  );

  // The law: what came in is accounted for.
  const value = (name: string): Promise<number> => correlate.metric(name);
  const source = 'source="http"';
  const received = await value(`correlate_events_received_total{${source}}`);
  assert.equal(received, 8);
  let accounted = await value(`correlate_events_held{${source}}`);
  for (const reason of ["not_json", "control", "duplicate"]) {
    accounted += await value(
      `correlate_events_discarded_total{${source},reason="${reason}"}`,
    );
  }
  accounted += await value('correlate_join_matched_total{match="conn"}');
  accounted += await value('correlate_join_orphans_total{reason="plaintext"}');
  assert.equal(accounted, received);

  assert.equal(await value("correlate_store_latency_seconds_count"), 5);
  assert.equal(await correlate.stop(), 0);
  const sensors = await db.query<Record<string, unknown>>(
    sql`SELECT instance, metric, argMax(value, ts) AS newest FROM pipeline_metrics
      WHERE component = 'capture' AND metric IN ('capture_packets_total', 'capture_kernel_drops_total', 'process_resident_memory_bytes')
      GROUP BY instance, metric ORDER BY metric`,
  );
  assert.deepEqual(
    sensors.map(({ instance, metric, newest }) => [instance, metric, newest]),
    [
      ["edge1", "capture_kernel_drops_total", 3],
      ["edge1", "capture_packets_total", 70],
      ["edge1", "process_resident_memory_bytes", 5e7],
    ],
  );
  // Batches of 100 ms, one of 300 ms waits; nothing takes longer than the test.
  const [latency] = await db.query<{ n: string; p50: number; p95: number }>(
    sql`SELECT count() AS n, maxIf(value, metric = ${LATENCY_50}) AS p50, maxIf(value, metric = ${LATENCY_95}) AS p95
      FROM pipeline_metrics WHERE component = 'correlate' AND metric IN (${LATENCY_50}, ${LATENCY_95})`,
  );
  assert.ok(latency && Number(latency.n) >= 2, "the latency is stored");
  assert.ok(latency.p50 > 0.02 && latency.p50 <= latency.p95, "a latency");
  assert.ok(latency.p95 < (nowUs() - ts) / 1e6, `p95 is ${latency.p95} s`);
  const lines = (await Deno.readTextFile(`${folder.path}/events.ndjson`)).trim()
    .split("\n");
  assert.equal(lines.length, 5);
  const dead = await Deno.readTextFile(`${correlate.spool}/dead-letter.ndjson`);
  assert.equal(dead.trim().split("\n").length, 2);
  assert.ok(!correlate.log.includes('"level":"error"'), correlate.log);
});

/** Kills of the loop below; `JA4_TEST_KILLS=100` for the long run. */
const KILLS = Number(Deno.env.get("JA4_TEST_KILLS") ?? 5);
/** For a machine that is busy with other tests, and a spool of a hundred lives. */
const PATIENCE_MS = 240_000;
/**
 * What a killed process may take with it: 64 requests that it had read or that were queued for it,
 * on the average of many kills, and as many again that come while the kernel closes its socket.
 */
const LOST_PER_KILL = { inside: 64, all: 128 } as const;
const KILLS_OF_AN_AVERAGE = 50;

Deno.test("correlate: kill -9 under load stores no row twice and loses few", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: { url: store.url, password_file: store.passwordFile("ja4") },
    join: { http_hold_ms: 50 },
  });
  await correlate.start();
  await using db = await store.database("ja4");
  using sensor = new Sensor(correlate.network);
  using server = new WebServer(correlate.http);
  let accepted = 0;
  let stopping = false;
  /** Where the paths are that were sent while a process died: from, to. */
  const dying: (readonly [number, number])[] = [];
  const load = (async () => {
    for (let n = 0; !stopping; n++) {
      const ts = nowUs();
      const connection = connectionOf(n);
      await sensor.send(
        handshake({
          ...connection,
          ts,
          seq: n + 1,
          client_random_hash: `r${n}`,
        }),
      );
      const event = request({
        ...connection,
        ts,
        conn: n,
        conn_ts: ts,
        url_path: `/${n}`,
      });
      while (!await server.send(event)) {
        if (stopping) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      accepted++;
      if (n % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const enough = accepted + 200 + 97 * (kill % 7);
      await eventually("some load", () => accepted > enough, PATIENCE_MS);
      const alive = accepted;
      await correlate.kill();
      dying.push([alive, accepted]);
      await correlate.start();
    }
  } finally {
    stopping = true;
    await load;
  }
  assert.equal(await correlate.stop(), 0);
  await correlate.start();
  await eventually(
    "an empty spool",
    async () => await correlate.metric("correlate_spool_rows") === 0,
    PATIENCE_MS,
  );
  const [counts] = await db.query<{ n: string; paths: string; ids: string }>(
    sql`SELECT count() AS n, uniqExact(url_path) AS paths, uniqExact(event_id) AS ids
      FROM http_events WHERE match != 'tls_only'`,
  );
  assert.ok(counts);
  assert.equal(counts.n, counts.paths, "no request is stored twice");
  assert.equal(counts.n, counts.ids);
  const lost = accepted - Number(counts.n);
  const isStored = new Uint8Array(accepted + 1);
  for (
    const { n } of await db.query<{ n: number }>(
      sql`SELECT toUInt32(substring(url_path, 2)) AS n FROM http_events WHERE match != 'tls_only'`,
    )
  ) isStored[n] = 1;
  const outside = dying.reduce(
    (sum, [from, to]) =>
      sum + isStored.subarray(from, to).filter((stored) => stored === 0).length,
    0,
  );
  const inside = lost - outside;
  // deno-lint-ignore no-console -- the figure is the point of the long run
  console.log(
    `${KILLS} kills, ${accepted} accepted, 0 twice, ${lost} lost: ${inside} read or queued, ${outside} sent to a dying process`,
  );
  assert.ok(
    lost >= 0 && lost <= LOST_PER_KILL.all * KILLS,
    `${lost} of ${accepted} lost`,
  );
  if (KILLS >= KILLS_OF_AN_AVERAGE) {
    assert.ok(inside <= LOST_PER_KILL.inside * KILLS, `${inside} lost inside`);
  }
  const [sums] = await db.query<{ n: string }>(
    sql`SELECT sum(requests) AS n FROM entity_5m`,
  );
  assert.equal(sums?.n, counts.n, "the aggregates have what the table has");
});

Deno.test("correlate: a restart under load keeps long connections joined", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: { url: store.url, password_file: store.passwordFile("ja4") },
    // Shorter than a restart, so that it cannot help.
    join: { http_hold_ms: 50, tls_orphan_after_ms: 100 },
  });
  await correlate.start();
  await using db = await store.database("ja4");
  using sensor = new Sensor(correlate.network);
  using server = new WebServer(correlate.http);
  const ts = nowUs();
  const connections = 40;
  for (let n = 0; n < connections; n++) {
    assert.ok(
      await sensor.send(
        handshake({
          ...{ ...connectionOf(n), ts, seq: n + 1 },
          client_random_hash: `r${n}`,
        }),
      ),
    );
  }
  await eventually(
    "the handshakes to be known",
    async () =>
      await correlate.metric('correlate_events_held{source="network"}') ===
        connections,
  );
  let accepted = 0;
  let stopping = false;
  const load = (async () => {
    // The last connections have no request before the restart.
    for (let n = 0; !stopping; n++) {
      const conn = n % (accepted < 500 ? connections - 5 : connections);
      const sent = await server.send(
        request({
          ...{ ...connectionOf(conn), conn, conn_ts: ts, ts: nowUs() },
          ...{ url_path: `/${n}`, pid: 1, seq: n + 1 },
        }),
      );
      if (sent) accepted++;
      await new Promise((resolve) => setTimeout(resolve, sent ? 1 : 5));
    }
  })();
  try {
    for (let restart = 1; restart <= 2; restart++) {
      await eventually("some load", () => accepted > 250 * restart);
      assert.equal(await correlate.stop(), 0);
      await correlate.start();
    }
    await eventually("some load", () => accepted > 900);
  } finally {
    stopping = true;
    await load;
  }
  assert.equal(await correlate.stop(), 0);
  const [counts] = await db.query<Record<string, string>>(
    sql`SELECT count() AS n, uniqExact(url_path) AS paths, countIf(match = 'conn') AS joined,
        uniqExactIf(conn, match = 'conn') AS connections
      FROM http_events WHERE match != 'tls_only'`,
  );
  assert.ok(counts);
  assert.equal(counts["n"], counts["paths"], "no request is stored twice");
  assert.equal(counts["joined"], counts["n"], "each has its handshake");
  assert.equal(counts["connections"], String(connections));
  const lost = accepted - Number(counts["n"]);
  assert.ok(lost >= 0 && lost < 64, `${lost} of ${accepted} lost`);
  // The length of the kernel's queue is the machine's matter, and worth a warning on its own.
  const warnings = correlate.log.split("\n").filter((line) =>
    line.includes('"level":"warn') && !line.includes("max_dgram_qlen")
  );
  assert.deepEqual(warnings, []);
});

Deno.test("correlate: a database that is down and comes back costs no row", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: { url: store.url, password_file: store.passwordFile("ja4") },
  });
  await correlate.start();
  using server = new WebServer(correlate.http);
  let sent = 0;
  const send = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const event = { ts: nowUs(), url_scheme: "http", url_path: `/${sent++}` };
      assert.ok(await server.send(request(event)));
    }
  };
  await send(500);
  await store.kill();
  await send(1000);
  await eventually(
    "the fault to be known",
    async () => await correlate.metric("correlate_sink_retries_total") > 0,
  );
  await send(500);
  await store.restart();
  await send(500);
  await eventually(
    "an empty spool",
    async () =>
      await correlate.metric("correlate_spool_rows") === 0 &&
      await correlate.metric('correlate_spool_rows_total{what="written"}') ===
        sent,
  );
  await using db = await store.database("ja4");
  const [counts] = await db.query<{ n: string; paths: string }>(
    sql`SELECT count() AS n, uniqExact(url_path) AS paths FROM http_events`,
  );
  assert.deepEqual(counts, { n: String(sent), paths: String(sent) });
});
