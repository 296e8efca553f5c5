/** The detector as a service: a day of cycles, what people say and set, kills, alerts, the registry. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { deliver, type Send } from "../detect/alert_store.ts";
import { nameServerResolver } from "../detect/bot_names.ts";
import { detectorOptions, schema } from "../detect/config.ts";
import { Detector, type DetectorOptions } from "../detect/detector.ts";
import { listModels, loadModel, setState } from "../detect/registry.ts";
import { writeLabel } from "../detect/review.ts";
import { rateFor } from "../detect/settings.ts";
import { serveDns } from "../detect/testing_dns.ts";
import type { Database } from "../lib/clickhouse.ts";
import type { CorrelatedEvent, IpAddress, UnixMicros } from "../lib/events.ts";
import { httpEventColumns } from "../lib/http_events.ts";
import { sql } from "../lib/sql.ts";
import { eventually, freePort, temporaryFolder } from "../lib/testing.ts";
import { generateTraffic } from "../tools/traffic/generate.ts";
import { joinTraffic } from "../tools/traffic/join.ts";
import { startStore } from "./support/store.ts";

const ROOT = new URL("../", import.meta.url);
const HOUR_US = 3600e6;
/** A full hour: rows expire by the real clock. */
const END = Math.floor(Date.now() / 3600e3) * HOUR_US as UnixMicros;
/** Length of the simulated operation: a day where it is asked for, else what a few seconds hold. */
const HOURS = Number(Deno.env.get("JA4_TEST_HOURS") ?? 1);
/** From cycle to cycle, as the detector does by itself; half as often where it has to be short. */
const CYCLE_S = HOURS > 1 ? 300 : 600;
/** The heap may grow by what the tables of a day take. */
const HEAP_GROWTH_MAX_MB = 60;

const OPTIONS: DetectorOptions = {
  ...detectorOptions(v.parse(schema, {})),
  alerts: { minSeverity: "medium", cooldownUs: 6 * HOUR_US },
  outputs: ["test"],
};

async function insert(
  db: Database,
  events: readonly CorrelatedEvent[],
): Promise<void> {
  for (let at = 0; at < events.length; at += 20_000) {
    const part = events.slice(at, at + 20_000);
    await db.insert("http_events", httpEventColumns(part), part.length);
  }
}

/** Traffic of the hours before END, in order of time. */
async function traffic(
  hours: number,
  events: number,
  seed = 21,
): Promise<CorrelatedEvent[]> {
  const joined = await joinTraffic(
    generateTraffic({ seed, hours, events, end: END }),
  );
  return joined.sort((a, b) => a.ts - b.ts);
}

async function count(db: Database, from: "scores" | "http_events"): Promise<
  { windows: number }
> {
  const [row] = from === "scores"
    ? await db.query<{ windows: number }>(
      sql`SELECT toUInt32(count()) AS windows FROM scores FINAL`,
    )
    : await db.query<{ windows: number }>(
      sql`SELECT toUInt32(uniqExact(toStartOfHour(ts), src_ip, ja4, http_host)) AS windows FROM client_facts`,
    );
  return { windows: row?.windows ?? 0 };
}

Deno.test(`${HOURS} hours of operation: each window scored, no alert told twice, a killed detector missed by nobody, memory flat`, async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  const events = await traffic(HOURS, 2500 * HOURS);
  const told: string[] = [];
  const outputs = new Map<string, Send>([
    ["test", (message) => Promise.resolve(void told.push(message.id))],
  ]);
  let detector = new Detector(db, OPTIONS);
  const heapMb: number[] = [];
  let at = 0;
  let deaths = 0;
  const cycles = HOURS * 3600 / CYCLE_S;
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const now = END - (cycles - cycle) * CYCLE_S * 1e6 as UnixMicros;
    const first = at;
    while (at < events.length && (events[at]?.ts ?? 0) < now) at++;
    await insert(db, events.slice(first, at));
    if (cycle % 3 === 0) {
      // It dies: before this cycle, or in the middle of it.
      if (cycle % 2 === 0) {
        const dies = AbortSignal.timeout(60 + 40 * (cycle % 5));
        await detector.cycle(now, dies).catch(() => undefined);
      }
      detector = new Detector(db, OPTIONS);
      deaths++;
    }
    await detector.cycle(now);
    await deliver(db, outputs, { now, signal: new AbortController().signal });
    heapMb.push(Deno.memoryUsage().heapUsed / 1e6);
  }
  assert.equal(at, events.length);
  assert.deepEqual(
    await count(db, "scores"),
    await count(db, "http_events"),
    "a score for each window, and no more",
  );
  assert.ok(told.length > 0);
  assert.equal(new Set(told).size, told.length, "each told once");
  const opened = await db.query<{ alert_id: string; times: number }>(
    sql`
SELECT alert_id, count() AS times FROM alert_deliveries FINAL
WHERE JSONExtractString(body, 'occasion') = 'opened' GROUP BY alert_id HAVING times > 1`,
  );
  assert.deepEqual(opened, [], "no alert opened twice within a day");
  // What is left after the collector has run: the least of each third.
  const third = Math.floor(heapMb.length / 3);
  const early = Math.min(...heapMb.slice(0, third));
  const late = Math.min(...heapMb.slice(-third));
  assert.ok(
    late < early + HEAP_GROWTH_MAX_MB,
    `heap from ${early} to ${late} MB`,
  );
  if (HOURS === 1) return;
  const { windows } = await count(db, "scores");
  // deno-lint-ignore no-console -- the figures are the point of the long run
  console.log(
    `${cycles} cycles, ${deaths} deaths, ${windows} windows, ${told.length} told, 0 twice, heap ${
      early.toFixed(0)
    } to ${late.toFixed(0)} MB`,
  );
});

Deno.test("kill -9 of the daemon within a cycle: the next one does all of it, and --once says so", async () => {
  await using store = await startStore();
  await using folder = await temporaryFolder();
  await using db = await store.database("ja4");
  const events = await traffic(1, 4000, 22);
  await insert(db, events);
  const config = `${folder.path}/detect.toml`;
  await Deno.writeTextFile(
    config,
    `[detect]
cycle_s = 3600
[clickhouse]
url = "${store.url}"
password_file = "${store.passwordFile("ja4")}"
[health]
listen = "127.0.0.1:${freePort()}"
[alert_file]
path = "${folder.path}/alerts.ndjson"
`,
  );
  const start = (...args: string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "detect/main.ts", "--config", config, ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  const victim = start();
  const scored = async () => (await count(db, "scores")).windows > 0;
  await eventually("scores of the first cycle", scored, 60_000);
  victim.kill("SIGKILL");
  await victim.output();

  const { stdout, success } = await start("--once").output();
  assert.ok(success);
  const report = JSON.parse(new TextDecoder().decode(stdout)) as {
    detections: number;
  };
  assert.ok(report.detections >= 0);
  assert.deepEqual(await count(db, "scores"), await count(db, "http_events"));
  const [missing] = await db.query<{ n: string }>(
    sql`
SELECT count() AS n FROM scores FINAL
WHERE alert AND (src_ip, ja4, http_host) NOT IN (SELECT src_ip, ja4, http_host FROM detections)`,
  );
  assert.equal(missing?.n, "0", "every alert has its detection");
  const lines = (await Deno.readTextFile(`${folder.path}/alerts.ndjson`))
    .trim().split("\n").map((line) => (JSON.parse(line) as { id: string }).id);
  assert.equal(new Set(lines).size, lines.length);
});

/** What people with Chrome asked, now from `networks` others that have a JA4 which nobody knows. */
function newChrome(
  known: readonly CorrelatedEvent[],
  networks: number,
): CorrelatedEvent[] {
  const asked = known.filter((event) =>
    "http_method" in event && event.match === "conn" &&
    event.headers["sec-ch-ua"]?.toString().includes("Google Chrome") &&
    // Bots with Chrome's hints and a name of their own are among them at some hours.
    / Chrome\/[\d.]+ (Mobile )?Safari\/[\d.]+$/.test(
      event.headers["user-agent"]?.toString() ?? "",
    )
  );
  const visits = [...Map.groupBy(asked, ({ src_ip }) => src_ip).values()]
    // Who never fetches what a page is made of is a script with a browser's name, held rightly.
    .filter((visit) =>
      visit.length >= 8 &&
      visit.slice(0, 12).some((event) =>
        "http_method" in event && event.headers["sec-fetch-mode"] === "no-cors"
      )
    ).slice(0, 20);
  assert.ok(visits.length >= 5);
  return Array.from({ length: networks }).flatMap((_, n) =>
    (visits[n % visits.length] as CorrelatedEvent[]).slice(0, 12).map(
      (event, i) => ({
        ...event,
        event_id: `00000004-0000-4000-8000-${
          String(100 * n + i).padStart(12, "0")
        }`,
        ts: END + 600e6 + 30e6 * n + 1e6 * i,
        src_ip: `100.64.${n}.9`,
        ja4: "t13d1519h2_8daaf6152771_0123456789ab",
      } as CorrelatedEvent),
    )
  );
}

Deno.test("the registry: bit for bit again, trial, gate, promotion by hand, roll-back, drift; a browser's release is recognised", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  const known = await traffic(26, 20_000, 23);
  await insert(db, known);
  const options = { ...OPTIONS, learnS: 60, shadowS: 120 };
  const detector = new Detector(db, options);
  const first = (await detector.cycle(END)).model;
  assert.ok(!first.learning, "a day of traffic is enough");

  const again = await loadModel(db, first.id);
  const row = Float32Array.from({ length: 64 }, (_, i) => i % 7);
  assert.deepEqual(again.browser.score(row, 1), first.browser.score(row, 1));
  assert.equal(
    (await new Detector(db, options).cycle(END)).model.id,
    first.id,
    "a restart takes up the model in force",
  );

  // More traffic, another model: on trial, then through the gate.
  const more = (await traffic(2, 3000, 24)).map((event) => ({
    ...event,
    ts: event.ts + 600e6,
  } as CorrelatedEvent));
  await insert(db, more.filter(({ ts }) => ts > END && ts < END + 55e6));
  const trial = await detector.cycle(END + 61e6 as UnixMicros);
  assert.equal(trial.model.id, first.id, "the new one is on trial");
  assert.match(trial.notes.join(), /is on trial/);
  assert.ok(trial.psiMax !== undefined && trial.psiMax >= 0);
  const [shadow] = (await listModels(db)).filter(({ state }) =>
    state === "shadow"
  );
  assert.ok(shadow !== undefined);
  const passed = await detector.cycle(END + 182e6 as UnixMicros);
  assert.match(passed.notes.join(), /passed its trial/);
  assert.equal(passed.model.id, shadow.model_id);

  const command = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "detect/models.ts", ...args],
      cwd: ROOT,
      env: {
        JA4_CLICKHOUSE__URL: store.url,
        JA4_CLICKHOUSE__PASSWORD_FILE: store.passwordFile("ja4"),
      },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  };
  await command("rebuild", shadow.model_id);
  await command("roll-back", "--actor", "alice");
  const back = await detector.cycle(END + 183e6 as UnixMicros);
  assert.equal(back.model.id, first.id);
  assert.match(back.notes.join(), /rolled back by hand/);
  // Somebody's clock is an hour behind: what is said last holds.
  const late = { actor: "bob", now: END - HOUR_US as UnixMicros };
  for (const id of [shadow.model_id, first.id]) {
    await setState(db, id, { ...late, state: "active", reason: "by hand" });
    const active = (await listModels(db)).filter(({ state }) =>
      state === "active"
    );
    assert.deepEqual(active.map(({ model_id }) => model_id), [id]);
  }

  // Sixty networks with a new handshake, and all else as Chrome has it.
  await insert(db, newChrome(known, 60));
  const later = END + 2 * HOUR_US as UnixMicros;
  const found = await new Detector(db, OPTIONS).cycle(later);
  assert.match(
    found.notes.join(),
    /t13d1519h2_8daaf6152771_0123456789ab is a release of chrome \d+: 60 networks have it/,
  );
  const noted = await db.query<{ ua_family: string; networks: number }>(
    sql`SELECT ua_family, toUInt32(networks) AS networks FROM browser_releases FINAL`,
  );
  assert.deepEqual(noted, [{ ua_family: "chrome", networks: 60 }]);
  const [shown] = await db.query<{ n: number; alerts: number }>(
    sql`
SELECT toUInt32(count()) AS n, toUInt32(countIf(severity >= 'medium')) AS alerts FROM scores FINAL
WHERE ja4 = 't13d1519h2_8daaf6152771_0123456789ab'`,
  );
  assert.ok((shown?.n ?? 0) >= 60);
  assert.equal(shown?.alerts, 0, "nobody is held for an impostor");
});

Deno.test("people are heard at the next cycle: lists, labels, verdicts, settings", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  await insert(db, await traffic(1, 4000, 25));
  const detector = new Detector(db, OPTIONS);
  const now = END + 1e6 as UnixMicros;
  await detector.cycle(now);
  const [person] = await db.query<
    { ip: string; ja4: string; http_host: string; window_start: number }
  >(
    sql`
SELECT replaceOne(toString(src_ip), '::ffff:', '') AS ip, ja4, http_host, toUnixTimestamp(window_start) AS window_start
FROM scores FINAL WHERE NOT alert AND position(toString(src_ip), '::ffff:') = 1 AND ja4 != '' ORDER BY requests DESC LIMIT 1`,
  );
  assert.ok(person !== undefined);
  const severity = async (step: number) => {
    await detector.cycle(now + step * 1e6 as UnixMicros);
    const rows = await db.query<{ severity: string }>(
      sql`
SELECT severity FROM scores FINAL
WHERE toString(src_ip) = ${`::ffff:${person.ip}`} AND ja4 = ${person.ja4} AND window_start = fromUnixTimestamp(${person.window_start})`,
    );
    return rows.map((row) => row.severity);
  };
  let rev = Date.now() * 1000;
  const list = async (name: string, deleted = 0) => {
    await db.insertRows("list_entries", [{
      list: name,
      kind: "ip",
      value: person.ip,
      reason: "test",
      actor: "alice",
      deleted,
      rev: ++rev,
    }]);
  };
  await list("deny");
  assert.deepEqual(await severity(1), ["high"], "denied, without a new event");
  await list("deny", 1);
  assert.deepEqual(await severity(2), [""]);
  await list("watch");
  assert.deepEqual(await severity(3), ["low"]);
  await db.insertRows("detector_settings", [{
    name: "rule:watch_list",
    value: "simulate",
    actor: "alice",
    rev: ++rev,
  }]);
  assert.deepEqual(await severity(4), [""], "on trial it shows nothing");
  await writeLabel(db, {
    ...person,
    src_ip: person.ip as IpAddress,
    window_start: person.window_start * 1e6 as UnixMicros,
    label: "bot",
    scope: "address",
    actor: "alice",
    note: "",
    days: 1,
    now: ++rev as UnixMicros,
  });
  assert.deepEqual(await severity(5), ["medium"], "called a bot");

  const [shown] = await db.query<
    { id: string; src_ip: string; ja4: string; examples: string; model: string }
  >(
    sql`SELECT id, toString(src_ip) AS src_ip, ja4, examples, model FROM detections FINAL
WHERE severity >= 'medium' AND model = 'complete' AND requests > 3 ORDER BY score DESC LIMIT 1`,
  );
  assert.ok(shown !== undefined);
  const examples = JSON.parse(shown.examples) as { event_id: string }[];
  assert.equal(examples.length, 3, shown.examples);
  assert.equal(new Set(examples.map((one) => one.event_id)).size, 3);
  await db.insertRows("triage_events", [{
    ts: new Date().toISOString().replace("Z", ""),
    detection_id: shown.id,
    actor: "alice",
    verdict: "false_positive",
  }]);
  await detector.cycle(now + 6e6 as UnixMicros);
  const [after] = await db.query<{ severity: string }>(
    sql`SELECT severity FROM scores FINAL WHERE toString(src_ip) = ${shown.src_ip} AND ja4 = ${shown.ja4}
ORDER BY window_start DESC LIMIT 1`,
  );
  assert.equal(after?.severity, "", "a false positive is shown no more");
});

Deno.test("handshakes without requests, and bots that DNS proves or refutes", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  await using dns = serveDns({
    "3.113.0.203.in-addr.arpa": { PTR: ["crawl-3.googlebot.com"] },
    "crawl-3.googlebot.com": { A: ["203.0.113.3"] },
    "4.113.0.203.in-addr.arpa": { PTR: ["crawl-4.googlebot.com"] },
    "crawl-4.googlebot.com": { A: ["66.249.66.4"] },
  });
  let id = 0;
  const event = (src_ip: string, more: object): CorrelatedEvent =>
    ({
      event_type: "correlated",
      event_id: `00000002-0000-4000-8000-${String(++id).padStart(12, "0")}`,
      ts: END - 1000e6 + id * 1e6,
      src_ip,
      src_port: 40_000 + id,
      dest_ip: "192.0.2.10",
      dest_port: 443,
      sensor: "test",
      transport: "tcp",
      ja4: "t13d1312h2_f57a46bbacb6_ab7e3b40a677",
      sni: "www.example.com",
      ...more,
    }) as CorrelatedEvent;
  const crawler = (src_ip: string) =>
    event(src_ip, {
      match: "conn",
      url_scheme: "https",
      http_method: "GET",
      http_host: "www.example.com",
      url_path: `/${id}`,
      http_version: "2",
      status_code: 200,
      header_names: ["user-agent", "accept"],
      headers: { "user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)" },
    });
  await insert(db, [
    ...Array.from(
      { length: 40 },
      () => event("198.51.100.7", { match: "tls_only" }),
    ),
    ...[1, 2, 3].flatMap(() => [
      crawler("203.0.113.3"),
      crawler("203.0.113.4"),
    ]),
  ]);
  const detector = new Detector(db, {
    ...OPTIONS,
    resolver: nameServerResolver({ hostname: "127.0.0.1", port: dns.port }),
  });
  await detector.cycle(END);
  const rows = await db.query<{ ip: string; rules: string[]; class: string }>(
    sql`SELECT replaceOne(toString(src_ip), '::ffff:', '') AS ip, rules, toString(traffic_class) AS class FROM scores FINAL ORDER BY ip`,
  );
  assert.deepEqual(rows, [
    { ip: "198.51.100.7", rules: ["silent_handshakes"], class: "likely" },
    { ip: "203.0.113.3", rules: [], class: "verified" },
    { ip: "203.0.113.4", rules: ["false_good_bot"], class: "anomalous" },
  ]);
});

Deno.test("poisoning: a loud bot with half of a day's traffic does not become normal", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  const people = await traffic(24, 24_000, 26);
  const like = people.find((event) =>
    "http_method" in event && event.match === "conn" &&
    event.headers["user-agent"]?.toString().includes("python-requests")
  );
  assert.ok(like !== undefined && like.match === "conn");
  const loud = people.map((event, i): CorrelatedEvent => ({
    ...like,
    event_id: `00000003-0000-4000-8000-${String(i).padStart(12, "0")}`,
    ts: event.ts,
    src_ip: "203.0.113.250" as IpAddress,
    src_port: 30_000 + i % 20_000,
    url_path: `/p/${i % 300}`,
    headers: {
      ...like.headers,
      "user-agent":
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
    },
  }));
  await insert(db, [...people, ...loud]);
  const detector = new Detector(db, OPTIONS);
  const span = { from: END - 24 * HOUR_US as UnixMicros, to: END };
  const model = await detector.learn(span);
  assert.ok(!model.learning);
  await detector.score(span, { now: END });
  const [bot] = await db.query<{ least: number; shown: number; n: number }>(
    sql`
SELECT min(score) AS least, avg(severity = 'high') AS shown, toUInt32(count()) AS n
FROM scores FINAL WHERE toString(src_ip) = '::ffff:203.0.113.250'`,
  );
  assert.ok((bot?.n ?? 0) >= 20);
  assert.ok((bot?.least ?? 0) > 0.85, `its least score is ${bot?.least}`);
  assert.equal(bot?.shown, 1);
});

Deno.test("review, models preview, retro, alerts a day and labels as weights on a real store", async () => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  await insert(db, await traffic(6, 12_000, 27));
  const detector = new Detector(db, OPTIONS);
  const span = { from: END - 6 * HOUR_US as UnixMicros, to: END };
  assert.ok(!(await detector.learn(span)).learning);
  await detector.score(span, { now: END });
  const run = async (program: string, ...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["run", "-q", "-A", `detect/${program}.ts`, ...args],
        cwd: ROOT,
        env: {
          JA4_CLICKHOUSE__URL: store.url,
          JA4_CLICKHOUSE__PASSWORD_FILE: store.passwordFile("ja4"),
        },
      },
    ).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  const questions = (await run("review", "next", "--json")).map((line) =>
    JSON.parse(line) as { kind: string; position: number }
  );
  assert.equal(questions.length, 25);
  assert.equal(questions.filter(({ kind }) => kind === "top").length, 10);
  const [id] = await run("review", "label", "1", "bot", "--actor", "alice");
  assert.match(id ?? "", /^L-[0-9A-Z]{8}$/);
  assert.equal((await run("review", "list", "--json")).length, 1);
  await run("review", "take-back", id ?? "");

  const rates = (await run("models", "preview", "--json")).map((line) =>
    JSON.parse(line) as { rate: number; clients: number }
  );
  assert.equal(rates.length, 10);
  for (const [i, { clients }] of rates.slice(1).entries()) {
    assert.ok(clients <= (rates[i]?.clients ?? 0), "a lower rate shows fewer");
  }

  const day = new Date(END / 1000 - 1).toISOString().slice(0, 10);
  const lines = await run(
    "retro_day",
    day,
    "--rule",
    "declared_automation=off",
  );
  const summary = JSON.parse(lines.at(-1) ?? "") as {
    before: number;
    after: number;
    changes: number;
  };
  assert.equal(summary.changes, lines.length - 1);
  assert.ok(summary.after <= summary.before);
  const [kept] = await db.query<{ n: string }>(
    sql`SELECT count() AS n FROM retro_runs`,
  );
  assert.equal(kept?.n, "1");

  // So many clients a day, of which a quarter has been seen.
  const rate = await rateFor(db, {
    ...OPTIONS.settings,
    alertsPerDay: 40,
  }, { now: END });
  const [shown] = await db.query<{ clients: number; tied: number }>(
    sql`
SELECT toUInt32(countIf(p < ${rate * (1 - 1e-6) // Stored as Float32.
    })) AS clients, toUInt32(countIf(p < least * 1.01)) AS tied
FROM (SELECT min(p_value) AS p, min(p) OVER () AS least FROM scores FINAL
  WHERE model != '' AND traffic_class != 'verified' GROUP BY src_ip, ja4, http_host)`,
  );
  // Those at the smallest p cannot be told apart, and are all shown: 36 of them where the traffic ends at three in the morning.
  assert.equal(shown?.clients, Math.max(10, shown?.tied ?? 0));

  await label(db, 60);
  const { body } = await detector.learn(span);
  assert.equal(body.weights?.labels, 60);
  assert.ok(body.weights.values.some((weight) => weight > 1.05));
});

/** Labels windows of every kind, every second one a bot's: those of the highest scores and of the lowest. */
async function label(db: Database, count: number): Promise<void> {
  const rows = await db.query<Record<string, unknown>>(
    sql`
SELECT src_ip, ja4, http_host, toUnixTimestamp(window_start) AS window_start FROM scores FINAL
WHERE model = 'complete' ORDER BY score`,
  );
  await db.insertRows(
    "labels",
    Array.from({ length: count }, (_, i) => ({
      ...(i % 2 === 0 ? rows[i] : rows.at(-i)),
      id: `L-0000${1000 + i}`,
      ts: END,
      actor: "alice",
      label: i % 2 === 0 ? "human" : "bot",
      scope: "window",
      header_order: "",
      note: "",
      expires_at: END / 1e6 + 86_400,
      rev: END,
    })),
  );
}
