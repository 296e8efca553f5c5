/** The API: figures that are those of SQL, and changes of many detections that are those that were meant. */
import assert from "node:assert/strict";
import type { UnixMicros } from "../lib/events.ts";
import { sql } from "../lib/sql.ts";
import { RATES } from "../web/api/rate_limit.ts";
import { CHROME_HELLO } from "./support/chrome_hello.ts";
import { seedTraffic } from "./support/seed.ts";
import { startStore } from "./support/store.ts";
import { ORIGIN, startWeb } from "./support/web.ts";

interface Answer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- shapes are checked by tests/web_api_test.ts
  readonly json: any;
}

Deno.test("the API's figures and changes", async (t) => {
  await using store = await startStore();
  await using db = await store.database("ja4");
  await seedTraffic(db, {
    hours: 2,
    events: 2000,
    end: Date.now() * 1000 as UnixMicros,
  });
  await using web = await startWeb(store);
  const cookies = {
    viewer: await web.signIn("viewer"),
    analyst: await web.signIn("analyst"),
    admin: await web.signIn("admin"),
  };
  async function get(path: string): Promise<Answer> {
    const response = await web.fetch(path, {
      headers: { cookie: cookies.viewer },
    });
    return { status: response.status, json: await response.json() };
  }
  async function post(
    path: string,
    body: unknown,
    { who = "analyst", key }: {
      readonly who?: keyof typeof cookies;
      readonly key?: string;
    } = {},
  ): Promise<Answer> {
    const text = JSON.stringify(body);
    const response = await web.fetch(path, {
      method: "POST",
      body: text,
      headers: {
        cookie: cookies[who],
        origin: ORIGIN,
        "content-type": "application/json",
        "content-length": String(text.length),
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
    });
    return { status: response.status, json: await response.json() };
  }
  const states = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await db.query<{ state: string; n: number }>(
        sql`SELECT state, toUInt32(count()) AS n FROM detections_current GROUP BY state`,
      )).map(({ state, n }) => [state, n]),
    );

  await t.step("overview, timeseries and top count as SQL does", async () => {
    const { json } = await get("/api/v1/overview?from=-6h");
    const [row] = await db.query<{ requests: number; ja4s: number }>(
      sql`SELECT toUInt32(countIf(match != 'tls_only')) AS requests, toUInt32(uniqExactIf(ja4, ja4 != '')) AS ja4s
        FROM http_events WHERE ts > now() - INTERVAL 6 HOUR`,
    );
    assert.equal(json.requests, row?.requests);
    assert.equal(json.ja4s.seen, row?.ja4s);
    const open = await states();
    assert.equal(json.detections.inbox, open["open"]);
    const series = await get("/api/v1/timeseries?from=-6h");
    const sum = series.json.data.reduce(
      (all: number, one: { requests: number }) => all + one.requests,
      0,
    );
    assert.equal(sum, row?.requests);
    for (
      const [dim, column] of [
        ["ja4", sql`ja4`],
        ["ip", sql`replaceOne(toString(src_ip), '::ffff:', '')`],
        ["asn", sql`toString(asn)`],
        ["country", sql`country`],
        ["host", sql`http_host`],
      ] as const
    ) {
      const { json: top } = await get(`/api/v1/top?from=-6h&dim=${dim}`);
      const [first] = await db.query<{ value: string; n: number }>(
        sql`SELECT toString(${column}) AS value, toUInt32(count()) AS n FROM http_events
          WHERE ts > now() - INTERVAL 6 HOUR AND match != 'tls_only'
          GROUP BY value ORDER BY n DESC, value LIMIT 1`,
      );
      assert.equal(top.data[0].requests, first?.n, dim);
    }
    assert.equal((await get("/api/v1/top")).status, 400);
    assert.equal((await get("/api/v1/top?dim=mood")).status, 400);
  });

  await t.step("a JA4 is decoded, captured or not", async () => {
    await db.insertRows("ja4_catalog", [CHROME_HELLO]);
    const { json } = await get(`/api/v1/ja4/${CHROME_HELLO.ja4}/decode`);
    assert.equal(
      json.lists.cipher_suites.length,
      CHROME_HELLO.cipher_suites.length,
    );
    assert.match(json.lists.cipher_suites[0].name, /^TLS_/);
    const other = await get(
      "/api/v1/ja4/t13d0101h2_000000000000_000000000001/decode",
    );
    assert.equal(other.json.lists, null);
    assert.equal(other.json.meaning[0].meaning, "TCP, TLS 1.3");
    assert.equal((await get("/api/v1/ja4/chrome/decode")).status, 404);
  });

  await t.step("all that match are those that were seen", async () => {
    const q =
      "severity:low or severity:medium or severity:high or severity:critical";
    const list = await get(
      `/api/v1/detections?q=${encodeURIComponent(q)}&limit=1`,
    );
    const { total, as_of } = list.json.page as {
      total: number;
      as_of: string;
    };
    const before = await states();
    assert.equal(total, before["open"]);
    assert.ok(total > 1);
    const call = { action: "archive", q, as_of, expected: total };
    const path = "/api/v1/detections/bulk";
    assert.equal((await post(path, call, { who: "viewer" })).status, 403);
    // Somebody else was at work.
    const late = await post(path, { ...call, expected: total - 1 });
    assert.equal(late.status, 409);
    assert.deepEqual(await states(), before);
    // One that has begun since is left alone.
    await db.command(
      sql`INSERT INTO detections SELECT * REPLACE('D-NEWNEW22' AS id, now64(6) + INTERVAL 1 HOUR AS first_seen)
        FROM detections FINAL ORDER BY id LIMIT 1`,
    );
    const first = await post(path, call, { key: "one" });
    assert.equal(first.status, 200, JSON.stringify(first.json));
    assert.equal(first.json.changed, total);
    assert.deepEqual(await states(), { archived: total, open: 1 });
    // Sent again, it is done once: the answer is that of the first.
    assert.deepEqual((await post(path, call, { key: "one" })).json, first.json);
    const again = await post(path, call, { key: "two" });
    assert.deepEqual(
      [again.json.changed, again.json.already, again.json.undo],
      [0, total, null],
    );
    const other = await post(path, { ...call, action: "reopen" }, {
      key: "one",
    });
    assert.equal(other.status, 409);
    assert.equal((await post(path, call, { key: "a b" })).status, 400);

    const undo = `/api/v1/undo/${first.json.undo}`;
    // It is its author's to take back.
    assert.equal((await post(undo, {}, { who: "admin" })).json.changed, 0);
    assert.equal((await post(undo, {})).json.changed, total);
    assert.deepEqual(await states(), { open: total + 1 });
    assert.equal((await post("/api/v1/undo/1", {})).status, 404);
    assert.equal((await post("/api/v1/undo/x", {})).status, 404);
  });

  await t.step("some are changed by name, and faults are told", async () => {
    const [one] = await db.query<{ id: string }>(
      sql`SELECT id FROM detections FINAL ORDER BY id LIMIT 1`,
    );
    const ids = [one?.id ?? "", "D-00000000"];
    const path = "/api/v1/detections/bulk";
    const { json } = await post(path, { action: "escalate", ids });
    assert.deepEqual([json.changed, json.already, json.skipped], [1, 0, 1]);
    for (
      const body of [
        { action: "archive" },
        { action: "archive", ids: ["nobody"] },
        { action: "archive", ids, as_of: "now", expected: 1 },
        { action: "archive", as_of: "yesterday", expected: 1 },
        { action: "archive", ids, assignee: "analyst" },
        { action: "assign", ids, assignee: "viewer" },
        { action: "archive", q: "hots:a", as_of: "2026-01-01", expected: 1 },
      ]
    ) {
      assert.equal((await post(path, body)).status, 400, JSON.stringify(body));
    }
    const [row] = await db.query<{ n: number }>(
      sql`SELECT toUInt32(count()) AS n FROM audit_log WHERE action = 'triage' AND position(detail, '"by":"api"') > 0`,
    );
    assert.ok((row?.n ?? 0) >= 4);
  });

  await t.step("a detection has its requests, history and notes", async () => {
    const [one] = await db.query<{ id: string; n: number }>(
      sql`SELECT d.id AS id, toUInt32(d.requests) AS n FROM detections AS d FINAL
        WHERE d.ja4 != '' ORDER BY d.requests DESC, d.id LIMIT 1`,
    );
    const path = `/api/v1/detections/${one?.id}`;
    const note = await post(`${path}/notes`, { note: "asked" }, { key: "n" });
    assert.deepEqual(note.json, { changed: true });
    await post(`${path}/notes`, { note: "asked" }, { key: "n" });
    assert.equal((await post(`${path}/notes`, { note: " " })).status, 400);
    const events = await get(`${path}/events`);
    assert.deepEqual(
      events.json.data.filter((row: { note: string }) => row.note === "asked")
        .map((row: { actor: string }) => row.actor),
      ["analyst"],
    );
    const { json } = await get(`${path}/requests?limit=5`);
    assert.ok(json.data.length > 0 && json.data.length <= 5);
    assert.ok(json.page.total >= json.data.length);
    assert.equal(
      (await get("/api/v1/detections/D-00000000/requests")).status,
      404,
    );
    await post("/api/v1/detections/bulk", {
      action: "false_positive",
      ids: [one?.id],
    });
    const labels = await web.fetch("/api/v1/verdicts.ndjson?from=-7d", {
      headers: { cookie: cookies.viewer },
    });
    const lines = (await labels.text()).trimEnd().split("\n");
    const label = lines.map((line) => JSON.parse(line))
      .find(({ id }) => id === one?.id);
    assert.equal(label?.verdict, "false_positive");
    const [entry] = await db.query<{ detail: string }>(
      sql`SELECT detail FROM audit_log WHERE action = 'triage' ORDER BY ts DESC LIMIT 1`,
    );
    const detail = JSON.parse(entry?.detail ?? "{}");
    assert.deepEqual(detail.before, { [one?.id ?? ""]: "none" });
    assert.equal(detail.after, "false_positive");
    assert.match(detail.session, /^[0-9a-f]{16}$/);
  });

  await t.step("a cursor is good for its own question alone", async () => {
    for (
      const [path, other] of [
        ["/api/v1/detections?limit=1", "/api/v1/detections?limit=1&q=score>0"],
        ["/api/v1/detections?limit=1&q=state:open", "/api/v1/detections"],
      ] as const
    ) {
      const { json } = await get(path);
      assert.ok(json.page.total_is_exact);
      const after = json.page.next as string;
      const next = await get(`${path}&after=${after}`);
      assert.equal(next.status, 200);
      assert.notEqual(next.json.data[0].id, json.data[0].id);
      const join = other.includes("?") ? "&" : "?";
      assert.equal((await get(`${other}${join}after=${after}`)).status, 400);
      assert.equal((await get(`${path}&after=${after}x`)).status, 400);
    }
    const search = { q: "status:2xx", from: "-6h", limit: 10 };
    const first = await post("/api/v1/search", search);
    const { next, total } = first.json.page;
    assert.ok(total > 10);
    const again = { ...search, after: next };
    assert.equal((await post("/api/v1/search", again)).status, 200);
    for (
      const change of [{ q: "status:4xx" }, { from: "-5h" }, { to: "-1h" }]
    ) {
      const { status } = await post("/api/v1/search", { ...again, ...change });
      assert.equal(status, 400, JSON.stringify(change));
    }
  });

  await t.step("rules are tried, made once and removed", async () => {
    const query = "severity:low or severity:medium or severity:high";
    const trial = await post("/api/v1/rules/preview", { query });
    assert.ok(trial.json.detections > 0);
    assert.equal(
      (await post("/api/v1/rules/preview", { query: "hots:a" })).status,
      400,
    );
    const rule = { name: "ours", query: "score>2", action: "archive" };
    const made = await post("/api/v1/rules", rule, { key: "rule" });
    assert.equal(made.status, 200, JSON.stringify(made.json));
    const sent = await post("/api/v1/rules", rule, { key: "rule" });
    assert.deepEqual(sent.json, made.json);
    assert.equal((await post("/api/v1/rules", rule)).status, 409);
    const listed = await get("/api/v1/rules");
    assert.deepEqual(
      listed.json.data.map((one: { name: string }) => one.name),
      ["ours"],
    );
    const gone = await web.fetch(`/api/v1/rules/${made.json.id}`, {
      method: "DELETE",
      headers: { cookie: cookies.analyst, origin: ORIGIN },
    });
    assert.equal(gone.status, 204);
    assert.deepEqual((await get("/api/v1/rules")).json.data, []);
  });

  await t.step("a list is a file, with a key of its own", async () => {
    for (const value of ["198.51.100.0/24", "192.0.2.7", "bad.example"]) {
      const entry = { list: "deny", value, reason: "test" };
      assert.equal((await post("/api/v1/lists", entry)).status, 200);
    }
    const met = await post("/api/v1/lists/preview", { value: "192.0.2.0/24" });
    assert.equal(met.json.kind, "network");
    const make = async (scopes: string[]): Promise<string> =>
      (await post("/api/v1/tokens", { name: "firewall", scopes })).json.token;
    const key = await make(["lists:read"]);
    const path = "/api/v1/lists/deny.txt";
    const file = await web.fetch(`${path}?key=${key}`);
    assert.equal(file.headers.get("content-type"), "text/plain; charset=utf-8");
    assert.equal(await file.text(), "192.0.2.7\n198.51.100.0/24\n");
    const etag = file.headers.get("etag") ?? "";
    const same = await web.fetch(`${path}?key=${key}`, {
      headers: { "if-none-match": etag },
    });
    assert.equal(same.status, 304);
    const json = await web.fetch("/api/v1/lists/deny.json", {
      headers: { authorization: `Bearer ${key}` },
    });
    assert.equal((await json.json()).data.length, 3);
    // In an address a token counts for nothing else, and no token that can do more.
    const wide = await make(["read", "lists:read"]);
    for (
      const [where, status] of [
        [`${path}?key=${wide}`, 401],
        [`${path}?key=x`, 401],
        [`/api/v1/lists?key=${key}`, 401],
        [`/api/v1/me?key=${key}`, 401],
      ] as const
    ) {
      const refused = await web.fetch(where);
      await refused.body?.cancel();
      assert.equal(refused.status, status, where);
    }
    const other = await web.fetch("/api/v1/me", {
      headers: { authorization: `Bearer ${key}` },
    });
    assert.equal(other.status, 403);
    await other.body?.cancel();
    // Entries need lists:write; changing detections does not give it.
    const triage = await make(["triage"]);
    const refused = await web.fetch("/api/v1/lists/preview", {
      method: "POST",
      headers: { authorization: `Bearer ${triage}` },
    });
    assert.equal(refused.status, 403);
    await refused.body?.cancel();
  });

  await t.step("who calls too often waits, and is told how long", async () => {
    let last: Response | undefined;
    for (let count = 0; count <= RATES.search; count++) {
      await last?.body?.cancel();
      last = await web.fetch("/api/v1/export", {
        method: "HEAD",
        headers: { cookie: cookies.admin },
      });
      // HEAD is read as GET is.
      if (count === 0) assert.equal(last.status, 200);
    }
    assert.equal(last?.status, 429);
    assert.match(last?.headers.get("retry-after") ?? "", /^[12]$/);
    assert.match(last?.headers.get("ratelimit") ?? "", /^"search";r=0;t=[12]$/);
    await last?.body?.cancel();
    const read = await web.fetch("/api/v1/me", {
      headers: { cookie: cookies.admin },
    });
    assert.equal(read.status, 200, "each kind for itself");
    await read.body?.cancel();
  });
});
