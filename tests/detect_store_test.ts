/** The detector on a real store: features of hand-made rows, cycles, outages, evaluation. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { detectorOptions, schema } from "../detect/config.ts";
import { Detector, type DetectorOptions } from "../detect/detector.ts";
import type { ModelBody } from "../detect/detector_model.ts";
import { featureMatrix } from "../detect/features.ts";
import { Learned } from "../detect/learned.ts";
import prior from "../detect/prior.json" with { type: "json" };
import { readWindows, type WindowFacts } from "../detect/windows.ts";
import type { Database } from "../lib/clickhouse.ts";
import type {
  CorrelatedEvent,
  Reason,
  RuleHit,
  UnixMicros,
} from "../lib/events.ts";
import { COLUMN, type FeatureName, FEATURES } from "../lib/features.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { sql } from "../lib/sql.ts";
import { eventually, freePort, temporaryFolder } from "../lib/testing.ts";
import { generateTraffic } from "../tools/traffic/generate.ts";
import { joinTraffic, writeLines } from "../tools/traffic/join.ts";
import { startStore } from "./support/store.ts";

const ROOT = new URL("../", import.meta.url);
const OPTIONS: DetectorOptions = {
  ...detectorOptions(v.parse(schema, {})),
  learnS: 3600,
  learnHours: 24,
};
/** The start of this hour: rows expire by the real clock. */
const HOUR = Math.floor(Date.now() / 3600e3) * 3600e6 - 3600e6 as UnixMicros;
const CHROME =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

let made = 0;

/** A request of Chrome 150 on Windows, `at` seconds into the hour, with some fields changed. */
function request(
  at: number,
  changed: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): CorrelatedEvent {
  const ts = HOUR + at * 1e6;
  return {
    event_type: "correlated",
    event_id: `00000001-0000-4000-8000-${
      (++made).toString(16).padStart(12, "0")
    }`,
    match: "conn",
    ts,
    hello_ts: ts - 1000,
    match_age_us: 1000,
    src_ip: "198.18.7.7",
    src_port: 40_000,
    dest_ip: "192.0.2.10",
    dest_port: 443,
    sensor: "test",
    transport: "tcp",
    community_id: "1:AAAA",
    status: "complete",
    hello: 0,
    ja4: "t13d1516h2_8daaf6152771_806a8c22fdea",
    sni: "www.example.com",
    client_alpns: ["h2", "http/1.1"],
    psk: false,
    ip_ttl: 118,
    tcp_window: 64240,
    tcp_mss: 1460,
    tcp_wscale: 8,
    tcp_options: "2-1-3-1-1-4",
    tcp_rtt_us: 20_000,
    syn_to_hello_us: 24_000,
    conn: 1,
    req_idx: 0,
    url_scheme: "https",
    http_method: "GET",
    http_host: "www.example.com",
    url_path: "/",
    http_version: "2",
    status_code: 200,
    response_bytes: 5000,
    cookie_count: 1,
    header_names: ["sec-ch-ua", "user-agent", "accept", "referer"],
    ...changed,
    headers: {
      "user-agent": CHROME,
      "accept-language": "fr-FR",
      "accept-encoding": "gzip, deflate, br, zstd",
      "sec-ch-ua": '"Chromium";v="150", "Google Chrome";v="150"',
      "sec-ch-ua-platform": '"Windows"',
      "sec-fetch-site": "same-origin",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
      referer: "https://www.example.com/",
      ...headers,
    },
  } as unknown as CorrelatedEvent;
}

async function insert(
  db: Database,
  events: readonly CorrelatedEvent[],
): Promise<void> {
  for (let at = 0; at < events.length; at += 20_000) {
    const part = events.slice(at, at + 20_000);
    await db.insert("http_events", httpEventColumns(part), part.length);
  }
}

async function readHour(db: Database): Promise<WindowFacts[]> {
  return await readWindows(
    db,
    { from: HOUR, to: HOUR + 3600e6 as UnixMicros },
    { windowS: 3600, coldBits: 7 },
  );
}

Deno.test("window_facts and featureMatrix() on hand-made rows", async (t) => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  const learned = new Learned((prior as unknown as ModelBody).learned);

  const check = async (
    name: string,
    events: readonly CorrelatedEvent[],
    want: Partial<Record<FeatureName, number>>,
  ): Promise<void> => {
    await t.step(name, async () => {
      await db.command(sql`TRUNCATE TABLE http_events`);
      await insert(db, events);
      const windows = await readHour(db);
      assert.equal(windows.length, 1);
      const { values } = featureMatrix(windows, learned);
      assert.equal(values.length, FEATURES.length);
      for (const [feature, value] of Object.entries(want)) {
        const found = values[COLUMN[feature as FeatureName]] as number;
        assert.ok(
          Math.abs(found - value) < 1e-3,
          `${feature} is ${found}, not ${value}`,
        );
      }
    });
  };

  await check("one request: nothing is unusual", [request(0)], {
    requests: 1,
    peak_10s: 1,
    span_s: 0,
    connections: 1,
    hello_ms: 24,
    proxy_gap_ms: 4,
    hint_mismatch: 0,
    sec_fetch_missing: 0,
    language_missing: 0,
    alpn_mismatch: 0,
    sni_mismatch: 0,
    referrer_missing: 0,
    cookie_missing: 0,
    pause_regularity: 0,
    path_entropy: 0.5,
    cold_path_bits: 7,
  });
  await check(
    "a loop every ten seconds",
    Array.from({ length: 21 }, (_, i) =>
      request(10 * i, {
        url_path: `/item/${100 + i}`,
        src_port: 40_000 + i,
        cookie_count: 0,
      }, { referer: "", "accept-language": "" })),
    {
      requests: 21,
      peak_10s: 1,
      span_s: 200,
      connections: 21,
      requests_per_connection: 1,
      pause_mode_share: 1,
      pause_regularity: 10,
      pause_bits_missing: 4,
      id_walk: Math.log2(21),
      language_missing: 1,
      referrer_missing: Math.log2(22),
      cookie_missing: Math.log2(22),
      resume_shortage: Math.log2(21),
      path_entropy: 1,
      pages_without_assets: Math.log2(22),
    },
  );
  await check(
    "layers that disagree",
    [
      request(0, { client_alpns: ["http/1.1"], sni: "other.example.com" }, {
        "sec-ch-ua": '"Chromium";v="131"',
        "sec-fetch-dest": "empty",
      }),
      request(1, { header_names: ["accept", "user-agent"], tcp_mss: 8961 }, {
        "sec-ch-ua-platform": '"Linux"',
        "sec-fetch-mode": "",
      }),
    ],
    {
      alpn_mismatch: 0.5,
      sni_mismatch: 0.5,
      hint_mismatch: 1,
      sec_fetch_missing: 0.5,
      sec_fetch_impossible: 0.5,
      order_monotony: Math.log2(3) / 2,
    },
  );
  await check(
    "failing to sign in, probing",
    [
      ...Array.from({ length: 6 }, (_, i) =>
        request(i, {
          http_method: "POST",
          url_path: "/account/login",
          status_code: 401,
        })),
      request(7, { url_path: "/.env", status_code: 404 }),
      request(8, { url_path: "/.git/config", status_code: 404 }),
      request(9, { http_method: "HEAD", url_query: "a=1" }),
    ],
    {
      auth_failures: 6,
      sign_in_posts: 6,
      blind_posts: 6,
      probe_hits: 2,
      not_found_paths: 2,
      client_error_load: 8 / 9 * Math.log2(10),
      odd_method_share: 1 / 9,
      distinct_queries: 1,
    },
  );
  await check(
    "without a handshake the TLS and TCP features are 0",
    [request(0, {
      match: "none",
      orphan_reason: "no_hello",
      ja4: undefined,
      sni: undefined,
      client_alpns: undefined,
      syn_to_hello_us: undefined,
      tcp_rtt_us: undefined,
      ip_ttl: undefined,
      tcp_mss: undefined,
    })],
    {
      ua_ja4_bits: 0,
      ja4_ua_bits: 0,
      ja4_rarity_bits: 0,
      tcp_os_bits: 0,
      mss_bits: 0,
      alpn_mismatch: 0,
      sni_mismatch: 0,
      hello_ms: 0,
      proxy_gap_ms: 0,
    },
  );
  await t.step(
    "a resumed handshake is one window with the full one",
    async () => {
      await db.command(sql`TRUNCATE TABLE http_events`);
      await insert(db, [
        request(0, { src_port: 1 }),
        request(1, {
          src_port: 2,
          psk: true,
          ja4: "t13d1517h2_8daaf6152771_a87ad97598a9",
        }),
        request(2, {
          src_port: 3,
          psk: true,
          ja4: "t13d1517h2_8daaf6152771_a87ad97598a9",
        }),
      ]);
      const windows = await readHour(db);
      const [window, ...others] = windows;
      assert.deepEqual(others, []);
      assert.equal(window?.ja4, "t13d1516h2_8daaf6152771_806a8c22fdea");
      assert.deepEqual(window.ja4s_seen.toSorted(), [
        "t13d1516h2_8daaf6152771_806a8c22fdea",
        "t13d1517h2_8daaf6152771_a87ad97598a9",
      ]);
      assert.equal(window.client_resumed, 2);
      const families = await db.query<{ ja4_family: string }>(
        sql`SELECT DISTINCT ja4_family FROM client_facts`,
      );
      assert.deepEqual(families, [{ ja4_family: "t13_8daaf6152771" }]);
    },
  );
});

interface DetectionRow {
  readonly id: string;
  readonly src_ip: string;
  readonly severity: string;
  readonly score: number;
  readonly base: number;
  readonly title: string;
  readonly summary: string;
  readonly reasons: string;
  readonly rules: string;
  readonly requests: string;
  readonly windows: number;
}

function detections(db: Database): Promise<DetectionRow[]> {
  return db.query<DetectionRow>(
    sql`SELECT * FROM detections FINAL ORDER BY id`,
  );
}

/** A tool that says what it is, three requests. */
function curl(at: number): CorrelatedEvent[] {
  return [0, 1, 2].map((i) =>
    request(at + i, {
      src_ip: "203.0.113.5",
      src_port: 50_000,
      ja4: "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
      header_names: ["user-agent", "accept"],
      ip_ttl: 60,
      tcp_options: "2-4-8-1-3",
      cookie_count: 0,
    }, {
      "user-agent": "curl/8.5.0",
      "accept-language": "",
      "accept-encoding": "",
      "sec-ch-ua": "",
      "sec-ch-ua-platform": "",
      "sec-fetch-site": "",
      "sec-fetch-mode": "",
      "sec-fetch-dest": "",
      referer: "",
    })
  );
}

Deno.test("Detector.cycle() on a fresh site: curl is explained at once, Chrome is not high, repeats change nothing", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  await insert(db, [
    ...curl(60),
    request(30),
    request(31, { url_path: "/a.css" }, {
      "sec-fetch-mode": "no-cors",
      "sec-fetch-dest": "style",
    }),
  ]);
  const now = HOUR + 3600e6 as UnixMicros;
  const detector = new Detector(db, OPTIONS);
  const report = await detector.cycle(now);
  assert.equal(report.windows, 2);
  assert.ok(report.model.learning);

  const found = await detections(db);
  const [tool] = found.filter((row) => row.src_ip.endsWith("203.0.113.5"));
  assert.ok(tool !== undefined, "curl is shown");
  assert.match(tool.id, /^D-[0-9A-HJKMNP-TV-Z]{8}$/);
  assert.match(tool.title, /^Automation by curl on www\.example\.com$/);
  assert.deepEqual(
    (JSON.parse(tool.rules) as RuleHit[]).map(({ rule }) => rule),
    ["declared_automation"],
  );
  const reasons = JSON.parse(tool.reasons) as Reason[];
  assert.equal(reasons.length, FEATURES.length);
  const sum = reasons.reduce((a, b) => a + b.contribution, tool.base);
  assert.ok(Math.abs(sum - tool.score) < 1e-6, `${sum} is not ${tool.score}`);
  for (const row of found) {
    assert.ok(row === tool || row.severity === "low", row.title);
  }

  await detector.cycle(now);
  await new Detector(db, OPTIONS).cycle(now);
  assert.deepEqual(await detections(db), found);
  const [scores] = await db.query<{ rows: string }>(
    sql`SELECT count() AS rows FROM scores FINAL`,
  );
  assert.equal(scores?.rows, "2");

  await insert(db, curl(120));
  await detector.cycle(now + 1e6 as UnixMicros);
  const after = await detections(db);
  assert.equal(after.length, found.length, "one detection, updated");
  const updated = after.find(({ id }) => id === tool.id);
  assert.equal(updated?.requests, "6");
  assert.equal(updated?.windows, 1);
});

Deno.test("the daemon says when it is ready, and outlives the database", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  {
    await using db = await store.database("ja4");
    await insert(db, curl(60));
  }
  const listen = `127.0.0.1:${freePort()}`;
  const config = `${folder.path}/detect.toml`;
  await Deno.writeTextFile(
    config,
    `[detect]
cycle_s = 1
[clickhouse]
url = "${store.url}"
password_file = "${store.passwordFile("ja4")}"
[health]
listen = "${listen}"
`,
  );
  const daemon = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "detect/main.ts", "--config", config],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const log = new Response(daemon.stderr).text();
  const ready = async (): Promise<boolean> => {
    try {
      const response = await fetch(`http://${listen}/readyz`);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  };
  try {
    await eventually("the first cycle", ready, 20_000);
    await store.kill();
    await eventually("it not being ready", async () => !await ready(), 20_000);
    await store.restart();
    await eventually("it being ready again", ready, 20_000);
    const metrics = await (await fetch(`http://${listen}/metrics`)).text();
    assert.match(metrics, /detect_learning 1/);
    assert.match(metrics, /detect_cycle_failures_total [1-9]/);
    await using db = await store.database("ja4");
    assert.equal((await detections(db)).length, 1);
    const stored = await db.query<{ metric: string }>(
      sql`SELECT DISTINCT metric FROM pipeline_metrics WHERE component = 'detect'`,
    );
    assert.ok(stored.some(({ metric }) => metric === "detect_windows"));
  } finally {
    daemon.kill("SIGTERM");
  }
  const { code } = await daemon.status;
  assert.equal(code, 0, await log);
  const lines = (await log).trim().split("\n");
  assert.equal(
    lines.filter((line) => line.includes("Cycle failed")).length,
    1,
    "one line an outage",
  );
});

Deno.test("evaluate scores a draw by the real path: bots above people, one line a window", async () => {
  await using folder = await temporaryFolder();
  const traffic = generateTraffic({
    seed: 11,
    hours: 6,
    events: 12_000,
    end: Date.UTC(2026, 5, 1) * 1000 as UnixMicros,
  });
  const events = `${folder.path}/events.ndjson`;
  await writeLines(events, await joinTraffic(traffic));
  const out = `${folder.path}/scores.ndjson`;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "detect/evaluate.ts", events, "--scores", out],
    cwd: ROOT,
    stderr: "piped",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const rows = (await Deno.readTextFile(out)).trim().split("\n").map((line) =>
    JSON.parse(line) as {
      window_start: string;
      src_ip: string;
      ja4: string;
      host: string;
      score: number;
      alert: boolean;
      severity: string;
      reasons: string[];
    }
  );
  const wanted = new Set(
    traffic.requests.map(({ ts, src_ip }) =>
      `${Math.floor(ts / 3600e6)} ${src_ip}`
    ),
  );
  const labels = new Map(
    traffic.labels.map(({ src_ip, label }) => [src_ip as string, label]),
  );
  const seen = new Set<string>();
  const scores: Record<string, number[]> = { human: [], bot: [] };
  for (const row of rows) {
    assert.match(row.window_start, /^2026-0\d-\d\dT\d\d:00:00\.000Z$/);
    assert.equal(row.host, "www.example.com");
    assert.equal(row.alert, row.severity !== "");
    seen.add(`${Date.parse(row.window_start) / 3600e3} ${row.src_ip}`);
    scores[labels.get(row.src_ip) ?? ""]?.push(row.score);
  }
  assert.deepEqual(seen, wanted, "every client has a line in every hour");
  const median = (values: number[]) =>
    values.toSorted((a, b) => a - b)[values.length >> 1] as number;
  assert.ok(median(scores["bot"] ?? []) > 0.5);
  assert.ok(median(scores["human"] ?? []) < 0.3);
});

Deno.test("evaluate refuses what it cannot use, with one line", async () => {
  await using folder = await temporaryFolder();
  const events = `${folder.path}/events.ndjson`;
  await Deno.writeTextFile(events, '{"event_type":"request"}\n');
  const run = async (...args: string[]): Promise<[number, string]> => {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "detect/evaluate.ts", ...args],
      cwd: ROOT,
      stderr: "piped",
    }).output();
    return [code, new TextDecoder().decode(stderr)];
  };
  const [noFile, why] = await run("/nowhere", "--scores", "/tmp/x");
  assert.equal(noFile, 66);
  assert.match(why, /^ja4-evaluate: Cannot read "\/nowhere": [^\n]+\n$/);
  assert.equal((await run(events))[0], 64);
  const [badData, what] = await run(events, "--scores", `${folder.path}/out`);
  assert.equal(badData, 65);
  assert.match(what, /line 1: event_type/);
});

Deno.test("Detector.cycle() keeps one campaign of addresses that act as one", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  const fleet = (at: number, addresses: readonly number[]) =>
    addresses.flatMap((n) =>
      curl(at + n).map((event) => ({
        ...event,
        src_ip: `203.0.113.${n}`,
      } as CorrelatedEvent))
    );
  const campaigns = () =>
    db.query<{ id: string; addresses: number; members: string[] }>(
      sql`SELECT id, addresses, detections AS members FROM campaigns FINAL`,
    );
  const now = HOUR + 3600e6 as UnixMicros;
  const detector = new Detector(db, OPTIONS);
  await insert(db, fleet(60, [1, 2, 3, 4, 5]));
  await detector.cycle(now);
  await insert(db, fleet(300, [5, 6, 7]));
  await detector.cycle(now + 1e6 as UnixMicros);
  const [campaign, ...others] = await campaigns();
  assert.deepEqual(others, []);
  assert.equal(campaign?.id, "C-1");
  assert.equal(campaign.addresses, 7);
  const stored = await db.query<{ id: string }>(
    sql`SELECT id FROM detections FINAL WHERE campaign_id = 'C-1' ORDER BY id`,
  );
  assert.deepEqual(stored.map(({ id }) => id), campaign.members);
});
