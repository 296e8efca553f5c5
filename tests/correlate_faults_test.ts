/**
 * What can fail around a running correlator, with the number that each case must reach. The spool's
 * own faults (damage, missing segments, a second instance) are in correlate/spool_test.ts and
 * tests/correlate_cli_test.ts, kill -9 under load is in tests/correlate_test.ts.
 */
import assert from "node:assert/strict";
import type { Database } from "../lib/clickhouse.ts";
import { sql } from "../lib/sql.ts";
import { eventually, needs, temporaryFolder } from "../lib/testing.ts";
import { handshake, request } from "../correlate/testing.ts";
import {
  correlateIn,
  type CorrelateProcess,
  correlateTools,
  Sensor,
  slowDisk,
  WebServer,
} from "./correlate_process.ts";
import { startStore, type Store } from "./support/store.ts";

/** For a machine that is busy with other tests. */
const PATIENCE_MS = 120_000;
/** Length of an outage of the database; `JA4_TEST_OUTAGE_S=60` for the long run. */
const OUTAGE_S = Number(Deno.env.get("JA4_TEST_OUTAGE_S") ?? 2);
/** Restarts under load; `JA4_TEST_RESTARTS=20` for the long run. */
const RESTARTS = Number(Deno.env.get("JA4_TEST_RESTARTS") ?? 2);
const NOWHERE = { url: "http://127.0.0.1:9" };

function nowUs(): number {
  return Date.now() * 1000;
}

function ofStore(store: Store): Record<string, string> {
  return { url: store.url, password_file: store.passwordFile("ja4") };
}

/** A network namespace of its own, whose queue of datagrams has a length of 512. */
const QUEUE_512 = [
  ...["unshare", "-n", "sh", "-c"],
  'echo 512 > /proc/sys/net/unix/max_dgram_qlen; ip link set lo up 2>/dev/null; exec "$@"',
  "sh",
];
const canUnshare = Deno.uid() === 0 &&
  (await new Deno.Command("unshare", { args: ["-n", "true"] }).output().catch(
    () => ({ success: false }),
  )).success;

interface Sent {
  readonly sent: number;
  readonly dropped: number;
}

/** Sends `count` requests of producer `pid` in clear text, `rate` a second. */
async function send(
  tools: string,
  http: string,
  { pid, count, rate, full }: {
    pid: number;
    count: number;
    rate: number;
    full: "drop" | "wait";
  },
): Promise<Sent> {
  const { stdout } = await new Deno.Command(tools, {
    args: ["send", http, "-", ...[pid, count, rate].map(String), full],
    stderr: "inherit",
  }).output();
  const found = /sent (\d+) dropped (\d+)/.exec(
    new TextDecoder().decode(stdout),
  );
  return { sent: Number(found?.[1]), dropped: Number(found?.[2]) };
}

async function stored(
  db: Database,
): Promise<{ rows: number; paths: number; ids: number }> {
  const [found] = await db.query<Record<string, number>>(
    sql`SELECT toFloat64(count()) AS rows, toFloat64(uniqExact(url_path)) AS paths,
        toFloat64(uniqExact(event_id)) AS ids FROM http_events WHERE match != 'tls_only'`,
  );
  assert.ok(found);
  return found as { rows: number; paths: number; ids: number };
}

async function drained(correlate: CorrelateProcess): Promise<void> {
  await eventually(
    "an empty spool",
    async () => await correlate.metric("correlate_spool_rows") === 0,
    PATIENCE_MS,
  );
}

async function residentMiB(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1024;
}

Deno.test("correlate: an outage of the database, and another before all is drained, cost no row", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  const tools = await correlateTools(folder.path);
  await using correlate = await correlateIn(folder.path, {
    clickhouse: ofStore(store),
  });
  await correlate.start();
  const rate = 1000;
  let sent = 0;
  let pid = 0;
  const load = async (seconds: number): Promise<void> => {
    const count = rate * seconds;
    const found = await send(tools, correlate.http, {
      ...{ pid: ++pid, count, rate, full: "wait" },
    });
    assert.equal(found.sent, count);
    sent += count;
  };
  await load(1);
  await drained(correlate);
  const before = await residentMiB(correlate.pid);
  await store.kill();
  await load(OUTAGE_S);
  const grown = await residentMiB(correlate.pid) - before;
  await store.restart();
  const upMs = performance.now();
  // Again in the middle of the drain.
  await eventually(
    "the drain to begin",
    async () => await correlate.metric("correlate_sink_rows_total") > 0,
    PATIENCE_MS,
  );
  await store.kill();
  await store.restart();
  await drained(correlate);
  const drainS = (performance.now() - upMs) / 1000;
  await using db = await store.database("ja4");
  assert.deepEqual(await stored(db), { rows: sent, paths: sent, ids: sent });
  // deno-lint-ignore no-console -- the figures are the point of the long run
  console.log(
    `outage of ${OUTAGE_S} s: ${sent} rows, 0 lost, 0 twice, drained in ${
      drainS.toFixed(1)
    } s, memory +${grown.toFixed(0)} MiB`,
  );
  assert.ok(grown <= 50, `memory grew by ${grown} MiB`);
});

Deno.test("correlate: the database restarts in the middle of batches, and replies are lost", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  const tools = await correlateTools(folder.path);
  await using proxy = losingProxy(store.port, 0.1);
  await using correlate = await correlateIn(folder.path, {
    clickhouse: {
      url: `http://127.0.0.1:${proxy.port}`,
      password_file: store.passwordFile("ja4"),
    },
    spool: { batch_rows: 200, batch_ms: 20 },
  });
  await correlate.start();
  const count = 3000;
  const sending = send(tools, correlate.http, {
    ...{ pid: 1, count, rate: 1500, full: "wait" },
  });
  await eventually(
    "some rows",
    async () => await correlate.metric("correlate_sink_rows_total") > 500,
    PATIENCE_MS,
  );
  await store.kill();
  await store.restart();
  assert.equal((await sending).sent, count);
  await drained(correlate);
  await using db = await store.database("ja4");
  assert.deepEqual(await stored(db), { rows: count, paths: count, ids: count });
  const doubt = await correlate.metric("correlate_sink_in_doubt_total");
  // deno-lint-ignore no-console -- the figures say that something was lost
  console.log(`${proxy.lost} replies lost, ${doubt} inserts in doubt, 0 twice`);
  assert.ok(proxy.lost > 0 && doubt > 0);
});

/** Passes HTTP through to a port of this host; loses a share of the answers. */
function losingProxy(
  to: number,
  share: number,
): { readonly port: number; readonly lost: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  let lost = 0;
  const close = (connection: Deno.Conn): void => {
    if (open.delete(connection)) connection.close();
  };
  const pass = async (
    from: Deno.Conn,
    into: Deno.Conn,
    { loses }: { loses: number },
  ): Promise<void> => {
    const buffer = new Uint8Array(65_536);
    try {
      for (let n; (n = await from.read(buffer)) !== null;) {
        if (Math.random() < loses) {
          lost++;
          break;
        }
        for (let at = 0; at < n;) {
          at += await into.write(buffer.subarray(at, n));
        }
      }
    } catch {
      // One of the two is gone: so is the other.
    }
    close(from);
    close(into);
  };
  const accepting = (async () => {
    for await (const client of listener) {
      open.add(client);
      try {
        const server = await Deno.connect({ hostname: "127.0.0.1", port: to });
        open.add(server);
        void pass(client, server, { loses: 0 });
        void pass(server, client, { loses: share });
      } catch {
        close(client);
      }
    }
  })();
  return {
    port: listener.addr.port,
    get lost(): number {
      return lost;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      for (const connection of open) close(connection);
      await accepting;
    },
  };
}

Deno.test("correlate: both sockets flooded with garbage: nothing stops, all is counted", async () => {
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: NOWHERE,
    file: { enabled: true, path: `${folder.path}/rows.ndjson` },
    spool: { dead_letter_bytes: 65_536 },
  });
  await correlate.start();
  using sensor = new Sensor(correlate.network);
  using server = new WebServer(correlate.http);
  const noise = await Deno.connect({
    transport: "unix",
    path: correlate.network,
  });
  const whole = JSON.stringify(request({ conn: 1 }));
  const junk: (() => Uint8Array)[] = [
    () => crypto.getRandomValues(new Uint8Array(900)),
    () => new Uint8Array(60_000).fill(123),
    () => new TextEncoder().encode(whole.slice(0, Math.random() * 400)),
    () => new TextEncoder().encode("[".repeat(5000)),
    () => new TextEncoder().encode('{"event_type":"request","ts":-1}'),
    () => new TextEncoder().encode(`${whole}${whole}`),
  ];
  const flood = async (write: (bytes: Uint8Array) => Promise<unknown>) => {
    for (let n = 0; n < 1500; n++) {
      await write(junk[n % junk.length]?.() ?? new Uint8Array());
    }
  };
  const raw = Deno.listenDatagram({
    path: `${folder.path}/raw.socket`,
    transport: "unixpacket",
  });
  const to = { path: correlate.http, transport: "unixpacket" } as const;
  const good = 300;
  const ts = nowUs();
  await Promise.all([
    flood((bytes) => raw.send(bytes, to)),
    flood(async (bytes) => {
      for (let at = 0; at < bytes.length;) {
        at += await noise.write(bytes.subarray(at));
      }
      await noise.write(new Uint8Array([10]));
    }),
    (async () => {
      for (let n = 0; n < good; n++) {
        const place = { src_ip: `198.51.100.${n % 250}`, src_port: 1000 + n };
        await sensor.send(handshake({
          ...{ ...place, ts, seq: n + 1, client_random_hash: `${n}` },
        }));
        await server.send(request({
          ...{ ...place, ts, conn: n, conn_ts: ts, pid: 1, seq: n + 1 },
        }));
      }
    })(),
  ]);
  raw.close();
  noise.close();
  await eventually(
    "all good ones to be joined",
    async () =>
      await correlate.metric('correlate_join_matched_total{match="conn"}') >=
        good,
    PATIENCE_MS,
  );
  await checkLaw(correlate, "http", good + 1500);
  await checkLaw(correlate, "network");
  const { size } = await Deno.stat(`${correlate.spool}/dead-letter.ndjson`);
  assert.ok(size <= 65_536, `${size} bytes of dead letters`);
  assert.equal(await correlate.stop(), 0);
  const lines = (await Deno.readTextFile(`${folder.path}/rows.ndjson`)).trim()
    .split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.filter(({ match }) => match === "conn").length, good);
});

/** received = emitted + discarded + held, from the metrics of a process at rest. */
async function checkLaw(
  correlate: CorrelateProcess,
  source: "http" | "network",
  wanted?: number,
): Promise<void> {
  await eventually(`the law of ${source}`, async () => {
    const text = await correlate.metrics();
    const sum = (pattern: RegExp): number =>
      [...text.matchAll(pattern)].reduce(
        (n, [_, value]) => n + Number(value),
        0,
      );
    const of = `source="${source}"`;
    const received = sum(
      new RegExp(`^correlate_events_received_total\\{${of}\\} (\\d+)`, "gm"),
    );
    const discarded = sum(
      new RegExp(
        `^correlate_events_discarded_total\\{${of},[^}]*\\} (\\d+)`,
        "gm",
      ),
    );
    const held = sum(
      new RegExp(`^correlate_events_held\\{${of}\\} (\\d+)`, "gm"),
    );
    if (wanted !== undefined && received !== wanted) return false;
    if (source === "network") return received >= discarded + held;
    const emitted = sum(/^correlate_join_matched_total\{[^}]*\} (\d+)/gm) +
      sum(/^correlate_join_orphans_total\{[^}]*\} (\d+)/gm);
    return received === emitted + discarded + held;
  });
}

Deno.test("correlate: kill -9 shows its losses at the next start", async () => {
  await using folder = await temporaryFolder();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: NOWHERE,
    join: { http_hold_ms: 30_000 },
  });
  await correlate.start();
  using server = new WebServer(correlate.http);
  const held = 25;
  let seq = 0;
  const one = (changes: Record<string, unknown>): Promise<boolean> =>
    server.send(request({ ts: nowUs(), pid: 7, seq: ++seq, ...changes }));
  for (let n = 0; n < 10; n++) await one({ url_scheme: "http" });
  for (let n = 0; n < held; n++) {
    await one({ conn: n, conn_ts: nowUs(), src_port: 2000 + n });
  }
  await eventually(
    "the requests to wait",
    async () =>
      await correlate.metric('correlate_events_held{source="http"}') === held,
  );
  // Written down with the next tick.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await correlate.kill();
  // Sent while nobody listens: numbers that never come.
  for (let n = 0; n < 5; n++) await one({ url_scheme: "http" });
  await correlate.start();
  assert.equal(
    await correlate.metric("correlate_killed_requests_lost_total"),
    held,
  );
  assert.match(correlate.log, /killed while requests waited.*"requests":25/);
  await one({ url_scheme: "http" });
  await eventually(
    "the gap to be counted",
    async () =>
      await correlate.metric('correlate_input_lost_total{source="http"}') === 5,
  );
  // After a stop in peace nothing is missed.
  assert.equal(await correlate.stop(), 0);
  await correlate.start();
  assert.equal(
    await correlate.metric("correlate_killed_requests_lost_total"),
    0,
  );
  await one({ url_scheme: "http" });
  await eventually(
    "the event",
    async () =>
      await correlate.metric('correlate_events_received_total{source="http"}') >
        0,
  );
  assert.equal(
    await correlate.metric('correlate_input_lost_total{source="http"}'),
    0,
  );
});

Deno.test("correlate: when_full = block stops reading, and goes on without a loss", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  const tools = await correlateTools(folder.path);
  await store.kill();
  await using correlate = await correlateIn(folder.path, {
    clickhouse: ofStore(store),
    spool: {
      ...{ max_bytes: 2 ** 21, segment_bytes: 2 ** 17, when_full: "block" },
    },
    join: { http_hold_ms: 500 },
  });
  await correlate.start();
  const count = 6000;
  const sending = send(tools, correlate.http, {
    ...{ pid: 1, count, rate: 20_000, full: "wait" },
  });
  await eventually(
    "the inputs to be blocked",
    async () => await correlate.metric("correlate_inputs_blocked") === 1,
    PATIENCE_MS,
  );
  await store.restart();
  assert.equal((await sending).sent, count);
  await eventually(
    "all rows",
    async () =>
      await correlate.metric('correlate_spool_rows_total{what="written"}') ===
        count,
    PATIENCE_MS,
  );
  await drained(correlate);
  await using db = await store.database("ja4");
  assert.deepEqual(await stored(db), { rows: count, paths: count, ids: count });
  for (const reason of ["full", "refused", "damaged"]) {
    assert.equal(
      await correlate.metric(
        `correlate_rows_dropped_total{reason="${reason}"}`,
      ),
      0,
      reason,
    );
  }
});

Deno.test("correlate: a spool folder that was emptied, and a row the database refuses", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  const tools = await correlateTools(folder.path);
  await using correlate = await correlateIn(folder.path, {
    clickhouse: ofStore(store),
    spool: { batch_ms: 2000, batch_rows: 10_000 },
  });
  await using db = await store.database("ja4");
  let sent = 0;
  for (let run = 1; run <= 2; run++) {
    await correlate.start();
    const count = 700;
    await send(tools, correlate.http, {
      ...{ pid: run, count, rate: 50_000, full: "wait" },
    });
    sent += count;
    assert.equal(await correlate.stop(), 0);
    await eventually(
      "the rows of this run",
      async () => (await stored(db)).rows === sent,
      PATIENCE_MS,
    );
    await Deno.remove(correlate.spool, { recursive: true });
  }
  assert.deepEqual(await stored(db), { rows: sent, paths: sent, ids: sent });

  await db.command(
    sql`ALTER TABLE http_events ADD CONSTRAINT poison CHECK url_path != '/3/6283'`,
  );
  await correlate.start();
  const rows = 10_000;
  await send(tools, correlate.http, {
    ...{ pid: 3, count: rows, rate: 100_000, full: "wait" },
  });
  await eventually(
    "the neighbours",
    async () => (await stored(db)).rows === sent + rows - 1,
    PATIENCE_MS,
  );
  await drained(correlate);
  assert.equal(await correlate.metric("correlate_sink_dead_rows_total"), 1);
  const dead = await Deno.readTextFile(`${correlate.spool}/dead-letter.ndjson`);
  assert.equal(dead.trim().split("\n").length, 1);
  assert.ok(dead.includes("/3/6283"));
});

Deno.test({
  name:
    "correlate: SIGTERM under load with a socket that systemd holds loses nothing",
  ...needs(canUnshare, "needs root: a network namespace"),
  async fn() {
    await using folder = await temporaryFolder();
    const tools = await correlateTools(folder.path);
    const http = `${folder.path}/http.socket`;
    await using correlate = await correlateIn(folder.path, {
      clickhouse: NOWHERE,
      http: { reader: "ffi" },
      spool: { drain_ms: 0 },
    }, { wrapper: [...QUEUE_512, tools, "hold", http], flags: ["-A"] });
    await correlate.start();
    const rate = 1000;
    let sending = true;
    let total: Sent = { sent: 0, dropped: 0 };
    const load = (async () => {
      for (let pid = 1; sending; pid++) {
        const found = await send(tools, http, {
          ...{ pid, count: rate, rate, full: "wait" },
        });
        total = {
          sent: total.sent + found.sent,
          dropped: total.dropped + found.dropped,
        };
      }
    })();
    const longest = { ms: 0 };
    for (let restart = 0; restart < RESTARTS; restart++) {
      const ready = correlate.log.split('"message":"Ready"').length;
      const stoppedMs = performance.now();
      await stopHeld(correlate);
      await eventually(
        "the next start",
        () => correlate.log.split('"message":"Ready"').length > ready,
        PATIENCE_MS,
      );
      longest.ms = Math.max(longest.ms, performance.now() - stoppedMs);
    }
    sending = false;
    await load;
    assert.equal(total.dropped, 0);
    await stopHeld(correlate);
    await eventually(
      "the rows of all runs in the spool",
      () => correlate.log.includes(`"rows":${total.sent}`),
      PATIENCE_MS,
    );
    assert.ok(!/"level":"error"/.test(correlate.log), correlate.log);
    // deno-lint-ignore no-console -- the figure is the point of the long run
    console.log(
      `${RESTARTS} restarts: ${total.sent} sent, 0 lost, stop and start took ${
        (longest.ms / 1000).toFixed(1)
      } s at most`,
    );
  },
});

/** Asks the held process to stop: the one under the holder, which starts it again. */
async function stopHeld(correlate: CorrelateProcess): Promise<void> {
  const children = await Deno.readTextFile(
    `/proc/${correlate.pid}/task/${correlate.pid}/children`,
  );
  Deno.kill(Number(children.trim().split(" ")[0]), "SIGTERM");
}

Deno.test({
  name: "correlate: a slow disk costs no input at 5000 events a second",
  ...needs(canUnshare, "needs root: a network namespace"),
  async fn() {
    await using folder = await temporaryFolder();
    const tools = await correlateTools(folder.path);
    const library = await slowDisk(folder.path);
    await using correlate = await correlateIn(folder.path, {
      clickhouse: NOWHERE,
      // Segments small enough that some are closed meanwhile.
      spool: { segment_bytes: 2 ** 20, drain_ms: 0 },
    }, { wrapper: [...QUEUE_512, "env", `LD_PRELOAD=${library}`] });
    await correlate.start();
    const count = 10_000;
    const found = await send(tools, correlate.http, {
      ...{ pid: 1, count, rate: 5000, full: "drop" },
    });
    assert.equal(await correlate.stop(), 0);
    assert.match(correlate.log, new RegExp(`"rows_left":${found.sent}`));
    assert.ok(
      found.dropped <= count * DROPPED_SHARE_MAX,
      `${found.dropped} of ${count} dropped by a full queue`,
    );
  },
});

Deno.test({
  name:
    "correlate: a main thread that stands still 200 ms a second costs no input",
  ...needs(canUnshare, "needs root: a network namespace"),
  async fn() {
    await using folder = await temporaryFolder();
    const tools = await correlateTools(folder.path);
    const http = `${folder.path}/http.socket`;
    const reader = new Deno.Command(QUEUE_512[0] ?? "", {
      args: [
        ...QUEUE_512.slice(1),
        ...[Deno.execPath(), "run", "-q", "-A"],
        ...[`${import.meta.dirname}/support/stalled_reader.ts`, http, "200"],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = reader.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    assert.equal((await lines.read()).value, "ready\n");
    const count = 24_000;
    const found = await send(tools, http, {
      ...{ pid: 1, count, rate: 8000, full: "drop" },
    });
    await reader.stdin.close();
    const { value } = await lines.read();
    await reader.status;
    assert.equal(value, `${found.sent}\n`, "what was sent was taken");
    assert.ok(
      found.dropped <= count * DROPPED_SHARE_MAX,
      `${found.dropped} of ${count} dropped by a full queue`,
    );
  },
});

/** On a quiet machine it is 0; here other tests may keep a thread from running for a while. */
const DROPPED_SHARE_MAX = Number(Deno.env.get("JA4_TEST_DROPPED_MAX") ?? 0.02);
