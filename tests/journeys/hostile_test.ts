/**
 * Two hundred strings that clients could send, in every field that they control, on every page, in every
 * export and in what the API says: they are text, they can be seen, and neither the browser nor a spreadsheet
 * acts on them.
 *
 * J11 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import { sql } from "../../lib/sql.ts";
import { printable } from "../../lib/text.ts";
import { columnNamed } from "../../web/data/columns.ts";
import { compileText, rowsSql } from "../../web/data/explore.ts";
import { userAgentHash } from "../../web/data/paths.ts";
import { termOf } from "../../web/data/value_actions.ts";
import { literalSql } from "../../web/query/literal.ts";
import { asCell, cellsOf, eventsOf, readParquet } from "../support/exported.ts";
import {
  HOST,
  HOSTILE,
  IP,
  seedHostile,
  seedHostileRequests,
  SIGN,
} from "../support/hostile_strings.ts";
import { eventually } from "../../lib/testing.ts";
import { startDashboard, timeText, WITH_BROWSER } from "../support/journey.ts";
import { ORIGIN } from "../support/web.ts";

/** The strings as a database can hold them. */
const SENT = HOSTILE.map((text) => text.toWellFormed());

/** Texts of requests that clients control, by the names of their columns in a file. */
const FIELDS: Readonly<Record<string, string>> = {
  ua: "user_agent",
  method: "http_method",
  host: "http_host",
  path: "url_path",
  query: "url_query",
  referrer: "referrer",
  sni: "sni",
  alpn: "client_alpns",
  ja4: "ja4",
  http: "http_version",
  accept: "accept",
  language: "accept_language",
  encoding: "accept_encoding",
  content: "content_type",
  "ch.ua": "sec_ch_ua",
  "ch.mobile": "sec_ch_ua_mobile",
  "ch.os": "sec_ch_ua_platform",
  "fetch.site": "sec_fetch_site",
  "fetch.mode": "sec_fetch_mode",
  "fetch.dest": "sec_fetch_dest",
  headers: "header_order",
};
const NAMES = Object.keys(FIELDS);

Deno.test("two hundred hostile strings are text", WITH_BROWSER, async (t) => {
  assert.equal(HOSTILE.length, 200);
  await using dashboard = await startDashboard({ hours: 0 });
  const { base, db, web } = dashboard;
  await seedHostile(db);
  await using tab = await dashboard.tab({
    viewport: { width: 1440, height: 900 },
  });
  const { page } = tab;
  await dashboard.enter(page, "/health");
  /** What the open page must not have. */
  const inert = async (shown: string): Promise<void> => {
    assert.notEqual(await page.title(), SIGN, shown);
    const foreign = await page.evaluate(() =>
      [...document.querySelectorAll(
        "main :is(script, iframe, img, base, meta, style, object, embed), main [onload], main [onerror], main [onmouseover], main [onfocus], main a[href^='javascript:'], main a[href^='data:'], main a[href*='evil.example']:not([href^='/'])",
      )].map((element) => element.outerHTML.slice(0, 120))
    );
    assert.deepEqual(foreign, [], shown);
    // The scripts of the islands run on: nothing has broken their data.
    assert.deepEqual(
      tab.faults.filter((fault) => !/status of 4\d\d/.test(fault)),
      [],
      shown,
    );
    tab.faults.length = 0;
  };
  const open = async (path: string): Promise<void> => {
    const answer = await page.goto(base + path);
    const shown = path.slice(0, 80);
    assert.ok((answer?.status() ?? 500) < 500, `${shown}: ${answer?.status()}`);
    assertVisible(shownOf(await answer?.text() ?? ""), shown);
    await inert(shown);
  };

  await t.step("on every page", async () => {
    for (
      const path of [
        "/?from=-1h",
        "/?from=-1h&host=new&ip=new&fp=new",
        "/detections",
        "/detections?group=host",
        "/detections?group=ja4",
        "/detections?group=campaign",
        `/ip/${IP}?from=-1h`,
        "/net/198.51.100.0/24?from=-1h",
        "/ja4/t13d1516h2_8daaf6152771_b186095e22b6?from=-1h",
        `/hosts/${encodeURIComponent(HOST)}?from=-1h`,
        "/asn/64501?from=-1h",
        "/country/DE?from=-1h",
        "/rules",
        "/lists",
        "/views",
        "/health",
        "/live",
        ...["ua", "path", "sni", "referrer"].map((by) =>
          `/explore?from=-1h&by=${by}&cols=${NAMES.slice(0, 12)}`
        ),
        `/explore?from=-1h&by=method&order=rare&cols=${NAMES.slice(12)}`,
        ...[0, 1, 25, 33, 41, 60, 71].map((at) =>
          `/detections/D-HST${String(at).padStart(5, "0")}`
        ),
        "/detections/D-HST00011/preview",
      ]
    ) await open(path);
  });

  await t.step("in the rows of the Explorer, to the last", async () => {
    for (const columns of [NAMES.slice(0, 11), NAMES.slice(11)]) {
      const seen = new Set<string>();
      await open(`/explore?from=-1h&cols=${columns}`);
      while (await page.locator("a[rel=next]").count() > 0) {
        await open(
          await page.locator("a[rel=next]").getAttribute("href") ?? "",
        );
        for (
          const text of await page.locator(".explorer-rows tbody td:last-child")
            .allInnerTexts()
        ) seen.add(text);
      }
      assert.ok(seen.size > 60, `${seen.size} different ones`);
    }
  });

  await t.step("in the address of a page", async () => {
    const cookie = await web.signIn("analyst");
    // Each as a value, a host, a user agent, a query and a search.
    for (const [index, text] of SENT.entries()) {
      const sent = encodeURIComponent(text.slice(0, 1600).toWellFormed());
      const path = [
        `/value?f=${["host", "ua", "path", "method"][index % 4]}&v=${sent}`,
        `/hosts/${sent.replaceAll(".", "%2e")}?from=-1h`,
        `/ua/${userAgentHash(text)}?from=-1h`,
        `/detections?q=${sent}`,
        `/search?q=${sent}`,
        `/rules?query=${sent}`,
        `/lists?value=${sent}`,
        `/explore?from=-1h&q=${sent}`,
      ][index % 8] ?? "";
      const answer = await web.fetch(path, { headers: { cookie } });
      const html = shownOf(await answer.text());
      const shown = path.slice(0, 80);
      assert.ok(answer.status < 500, `${shown}: ${answer.status}`);
      assert.ok(
        // Elements that no page of ours has, and handlers that it never writes.
        !/<(?:img|iframe|base|object|embed)\b|<svg onload|<script>document/i
          .test(html),
        shown,
      );
      assertVisible(html, shown);
    }
  });

  await t.step("that can be seen", async () => {
    await page.goto(`${base}/ip/${IP}?from=-1h`);
    const text = await page.locator("main").innerText();
    assert.ok(
      text.includes("<img src=x onerror=") || text.includes("<script>"),
    );
    assert.match(text, /\\u\{(?:00|202e|1b|200b)\}/);
  });

  const cookie = await web.signIn("analyst");
  const rows = (await db.query<Record<string, string>>(
    sql`SELECT ${
      sql.trusted(
        Object.entries(FIELDS).map(([id, column]) =>
          `toString(${column}) AS \`${id}\``
        ).join(", "),
      )
    } FROM http_events ORDER BY ts DESC`,
  )).map((row) => JSON.stringify(row));
  assert.deepEqual(
    rows.map((row) => JSON.parse(row).ua).toSorted(),
    SENT.toSorted(),
  );

  await t.step("in files of the page and of the API", async () => {
    const ways: Record<string, (format: string) => Promise<Response>> = {
      page: (format) =>
        web.post("/explore/export", {
          q: "",
          from: "-1h",
          to: "",
          cols: NAMES.join(","),
          format,
        }, { cookie }),
      API: (format) =>
        web.fetch(
          `/api/v1/export?from=-1h&format=${format}&columns=${NAMES}`,
          { headers: { cookie } },
        ),
    };
    for (const [name, exported] of Object.entries(ways)) {
      // A spreadsheet gets each as one cell that is no formula; what is invisible is seen as U+FFFD.
      const [head, ...lines] = (await (await exported("csv")).text()).trimEnd()
        .split("\n");
      assert.equal(head, `"${NAMES.join('","')}"`, name);
      const cells = lines.map(cellsOf);
      assert.equal(cells.length, HOSTILE.length, name);
      for (const row of cells) {
        assert.equal(row.length, NAMES.length, name);
        row.forEach(assertCell);
      }
      assert.deepEqual(
        cells.map(([cell]) => cell).toSorted(),
        SENT.map(asCell).toSorted(),
        name,
      );
      // Programs get them as they were sent.
      const ndjson = (await (await exported("ndjson")).text()).trimEnd();
      assert.deepEqual(
        ndjson.split("\n").map((line) => JSON.stringify(JSON.parse(line))),
        rows,
        name,
      );
      const parquet = await (await exported("parquet")).arrayBuffer();
      assert.deepEqual(
        await readParquet(dashboard, new Uint8Array(parquet), NAMES),
        rows,
        name,
      );
    }
  });

  await t.step("in the JSON of the API", async () => {
    const read = async (
      path: string,
      body?: unknown,
      by = cookie,
    ): Promise<Record<string, unknown>> => {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      const answer = await web.fetch(path, {
        headers: {
          cookie: by,
          origin: ORIGIN,
          "content-type": "application/json",
          "content-length": String(sent?.length ?? 0),
        },
        ...(sent === undefined ? {} : { method: "POST", body: sent }),
      });
      const text = await answer.text();
      assert.equal(answer.status, 200, `${path}: ${text.slice(0, 200)}`);
      // A browser that is led there shows no page.
      assert.match(
        answer.headers.get("content-type") ?? "",
        /^application\/json\b/,
        path,
      );
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
      return JSON.parse(text);
    };
    const found = await read("/api/v1/search", {
      q: "",
      from: "-1h",
      limit: 500,
      columns: NAMES,
    });
    assert.deepEqual(
      (found["data"] as unknown[]).map((row) => JSON.stringify(row)).toSorted(),
      rows.toSorted(),
    );
    const { data } = await read("/api/v1/detections?limit=500");
    assert.deepEqual(
      (data as { title: string }[]).map(({ title }) => title).toSorted(),
      SENT.slice(0, 90).toSorted(),
    );
    for (
      const path of [
        "/api/v1/detections/D-HST00001",
        "/api/v1/overview?from=-1h",
        "/api/v1/top?from=-1h&dim=host",
        "/api/v1/top?from=-1h&dim=ja4",
        `/api/v1/ips/${IP}?from=-1h`,
        `/api/v1/hosts/${encodeURIComponent(HOST)}?from=-1h`,
        `/api/v1/uas/${userAgentHash(SENT[1] ?? "")}?from=-1h`,
        "/api/v1/ja4/t13d1516h2_8daaf6152771_b186095e22b6/decode",
        "/api/v1/lists",
        "/api/v1/views",
      ]
    ) await read(path);
    await read("/api/v1/audit", undefined, await web.signIn("admin"));
  });

  await t.step("in statements that are copied", async () => {
    const nowMs = Date.now();
    const range = { from: new Date(nowMs - 3_600_000), to: new Date(nowMs) };
    const columns = [columnNamed("ua") ?? assert.fail()];
    const asked = [...new Set(SENT)].flatMap((text) => {
      const compiled = text.length > 1500
        ? undefined
        : compileText(termOf("ua", text), range, nowMs);
      return compiled?.ok === true ? [{ text, where: compiled.where }] : [];
    });
    assert.ok(asked.length > 180, `${asked.length} can be asked for`);
    // Pasted into a console each asks what the page asks by parameters.
    for (let at = 0; at < asked.length; at += 25) {
      const some = asked.slice(at, at + 25);
      const pasted = some.map(({ where }, index) =>
        `SELECT ${index} AS at, c0 FROM (${
          literalSql(rowsSql({ columns, after: undefined, where }, 75))
        })`
      );
      const answers = await db.query<{ at: number; c0: string }>(
        sql.trusted(pasted.join(" UNION ALL ")),
      );
      for (const [index, { text }] of some.entries()) {
        const values = answers.filter((row) => row.at === index);
        assert.ok(
          values.some(({ c0 }) => c0 === text),
          `${JSON.stringify(text)} is not among what its statement finds`,
        );
        for (const { c0 } of values) {
          assert.equal(c0.toLowerCase(), text.toLowerCase());
        }
      }
    }
  });

  await t.step("in the stream of Live, and on its page", async () => {
    await page.goto(`${base}/live`);
    // Requests count from where the stream is first read.
    await eventually("the stream", async () => {
      await db.insertRows("http_events", [{
        ts: timeText(Date.now()),
        event_id: crypto.randomUUID(),
        match: "none",
        src_ip: IP,
        url_path: "/first",
      }]);
      const text = await page.locator("[data-count=received]").innerText();
      return Number(text) > 0;
    });
    const answer = await web.fetch("/api/v1/events?requests=1", {
      headers: { cookie },
    });
    assert(answer.body !== null);
    let stored: Promise<void> | undefined;
    const batches = (events: readonly string[]): Record<string, string>[] =>
      events.filter((one) => one.startsWith("event: requests"))
        .flatMap((one) =>
          JSON.parse(one.slice(one.indexOf("data: ") + 6)).rows
        );
    const events = await eventsOf(answer.body, (all) => {
      // The first snapshot says that it reads: requests count from there on.
      if (all.some((one) => one.startsWith("id: "))) {
        stored ??= seedHostileRequests(db, Date.now());
      }
      return batches(all).length >= HOSTILE.length;
    });
    await stored;
    for (const line of events.join("\n\n").split("\n")) {
      assert.match(line, /^(?:(?:id|event|data|retry): |data$|$)/);
      assert.equal(printable(line), line);
    }
    const agents = new Set(batches(events).map((row) => row["user_agent"]));
    for (const text of SENT.filter((one) => one.length < 75)) {
      assert.ok(agents.has(printable(text)), JSON.stringify(text));
    }
    await page.waitForFunction(() =>
      document.querySelectorAll(".live-box tbody tr").length >= 199
    );
    await inert("/live");
  });

  await t.step("in the audit log, its page and its files", async () => {
    // What people type at the door stands there.
    await db.insertRows(
      "audit_log",
      SENT.map((text) => ({
        actor: text,
        action: "login",
        object_kind: text,
        object: text,
        detail: JSON.stringify({ reason: text }),
        request_id: text,
        src_ip: IP,
        ok: false,
      })),
    );
    await dashboard.enter(page, "/help", "admin");
    for (const path of ["/audit", "/audit?object=%3Cscript%3E", "/users"]) {
      await open(path);
    }
    const admin = await web.signIn("admin");
    const auditFile = async (format: string): Promise<string> => {
      const file = await web.post(
        "/audit/export",
        { action: "login", format },
        {
          cookie: admin,
        },
      );
      assert.equal(file.status, 200);
      return (await file.text()).trimEnd();
    };
    const [, ...audited] = (await auditFile("csv")).split("\n").map(cellsOf)
      .filter((row, index) => index === 0 || row[2] === IP);
    assert.deepEqual(
      audited.map((row) => row[5]).toSorted(),
      SENT.map(asCell).toSorted(),
    );
    audited.flat().forEach(assertCell);
    assert.deepEqual(
      (await auditFile("ndjson")).split("\n").map((line) => JSON.parse(line))
        .filter(({ src_ip }) => src_ip === IP)
        .map(({ object }) => object).toSorted(),
      SENT.toSorted(),
    );
    const read = await web.fetch("/api/v1/audit?action=login", {
      headers: { cookie: admin },
    });
    const { data } = await read.json();
    assert.ok(data.length > 50);
    for (const { object, src_ip } of data) {
      assert.ok(src_ip !== IP || SENT.includes(object));
    }
  });
});

/** Fails where a page holds a character that one cannot see. */
function assertVisible(html: string, path: string): void {
  const raw =
    // deno-lint-ignore no-control-regex -- what must not be there
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/
      .exec(html);
  assert.equal(
    raw,
    null,
    `${path}: ${JSON.stringify(raw?.[0])} as it is behind ${
      html.slice((raw?.index ?? 0) - 80, raw?.index)
    }`,
  );
}

/** Fails where a spreadsheet would calculate, or where one cannot see what is in a cell. */
function assertCell(cell: string): void {
  assert.doesNotMatch(cell, /^[=+\-@\t\r\n]/);
  assert.equal(printable(cell), cell);
}

/** A page without what it does not show as it is: the data of its islands, and fields, which hold what was typed. */
function shownOf(html: string): string {
  return html.replace(/<script id="fresh-state"[^]*?<\/script>/, "")
    .replaceAll(/<input(?:"[^"]*"|[^">])*>/g, "");
}
