/**
 * Two hundred strings that clients could send, in every field that they control, on every page and in every
 * export: they are text, they can be seen, and neither the browser nor a spreadsheet acts on them.
 *
 * J11 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import { sql } from "../../lib/sql.ts";
import { printable } from "../../lib/text.ts";
import { userAgentHash } from "../../web/data/paths.ts";
import {
  HOST,
  HOSTILE,
  IP,
  seedHostile,
  SIGN,
} from "../support/hostile_strings.ts";
import {
  type Dashboard,
  startDashboard,
  WITH_BROWSER,
} from "../support/journey.ts";

Deno.test(
  "two hundred hostile strings are text on every page and in every export",
  WITH_BROWSER,
  async () => {
    assert.equal(HOSTILE.length, 200);
    await using dashboard = await startDashboard({ hours: 0 });
    await seedHostile(dashboard.db);
    await using tab = await dashboard.tab({
      viewport: { width: 1440, height: 900 },
    });
    const { page } = tab;
    await dashboard.enter(page, "/health");
    const open = async (path: string): Promise<void> => {
      const answer = await page.goto(dashboard.base + path);
      const html = shownOf(await answer?.text() ?? "");
      const shown = path.slice(0, 80);
      assert.ok(
        (answer?.status() ?? 500) < 500,
        `${shown}: ${answer?.status()}`,
      );
      const raw =
        // deno-lint-ignore no-control-regex -- what must not be there
        /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/
          .exec(html);
      assert.equal(raw, null, `${shown}: ${JSON.stringify(raw?.[0])} as it is`);
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
    for (
      const path of [
        "/?from=-1h",
        "/?from=-1h&host=new&ip=new&fp=new",
        "/detections",
        "/detections?group=host",
        "/detections?group=campaign",
        `/ip/${IP}?from=-1h`,
        "/net/198.51.100.0/24?from=-1h",
        "/ja4/t13d1516h2_8daaf6152771_b186095e22b6?from=-1h",
        `/hosts/${encodeURIComponent(HOST)}?from=-1h`,
        "/asn/64501?from=-1h",
        "/rules",
        "/lists",
        "/health",
        ...[0, 1, 25, 33, 41, 60].map((at) =>
          `/detections/D-HST${String(at).padStart(5, "0")}`
        ),
      ]
    ) await open(path);
    assert.match(
      await page.content(),
      /Why it was flagged/,
    );
    // Each string in the address: as a value, a host, a user agent, a query and a search.
    for (const [index, text] of HOSTILE.entries()) {
      const sent = encodeURIComponent(text.toWellFormed().slice(0, 1600));
      const path = [
        `/value?f=${["host", "ua", "path", "method"][index % 4]}&v=${sent}`,
        `/hosts/${sent.replaceAll(".", "%2e")}?from=-1h`,
        `/ua/${userAgentHash(text.toWellFormed())}?from=-1h`,
        `/detections?q=${sent}`,
        `/search?q=${sent}`,
        `/rules?query=${sent}`,
        `/lists?value=${sent}`,
      ][index % 7] ?? "";
      const cookie = await dashboard.web.signIn("analyst");
      const answer = await dashboard.web.fetch(path, { headers: { cookie } });
      const html = shownOf(await answer.text());
      assert.ok(answer.status < 500, `${path.slice(0, 80)}: ${answer.status}`);
      assert.ok(
        // Elements that no page of ours has, and handlers that it never writes.
        !/<(?:img|iframe|base|object|embed)\b|<svg onload|<script>document/i
          .test(html),
        path.slice(0, 80),
      );
      const at = Math.max(html.indexOf("\u202e"), html.indexOf("\0"));
      assert.equal(at, -1, `${path}: ${html.slice(at - 80, at + 20)}`);
    }
    // They can be seen, too: as the characters that they are, the invisible ones as escapes.
    await page.goto(`${dashboard.base}/ip/${IP}?from=-1h`);
    const text = await page.locator("main").innerText();
    assert.ok(
      text.includes("<img src=x onerror=") || text.includes("<script>"),
    );
    assert.match(text, /\\u\{(?:00|202e|1b|200b)\}/);

    const cookie = await dashboard.web.signIn("analyst");
    const exported = async (format: string): Promise<Response> => {
      const file = await dashboard.web.post("/explore/export", {
        q: "",
        from: "-1h",
        to: "",
        cols: Object.keys(FIELDS).join(","),
        format,
      }, { cookie });
      assert.equal(file.status, 200);
      return file;
    };
    // A spreadsheet gets each as one cell that is no formula; what is invisible is seen as U+FFFD.
    const [head, ...lines] = (await (await exported("csv")).text()).trimEnd()
      .split("\n");
    assert.equal(head, `"${Object.keys(FIELDS).join('","')}"`);
    const cells = lines.map(cellsOf);
    assert.equal(cells.length, HOSTILE.length);
    for (const row of cells) {
      assert.equal(row.length, Object.keys(FIELDS).length);
      for (const cell of row) {
        assert.doesNotMatch(cell, /^[=+\-@\t\r\n]/);
        assert.equal(printable(cell), cell);
      }
    }
    assert.deepEqual(
      cells.map(([cell]) => cell).toSorted(),
      HOSTILE.map((one) => asCell(one.toWellFormed())).toSorted(),
    );
    // Programs get them as they were sent.
    const sent = (await dashboard.db.query<Record<string, string>>(
      sql`SELECT ${
        sql.trusted(
          Object.entries(FIELDS).map(([id, column]) =>
            `toString(${column}) AS \`${id}\``
          ).join(", "),
        )
      } FROM http_events ORDER BY ts DESC`,
    )).map((row) => JSON.stringify(row));
    assert.deepEqual(
      sent.map((row) => JSON.parse(row).ua).toSorted(),
      HOSTILE.map((one) => one.toWellFormed()).toSorted(),
    );
    const ndjson = (await (await exported("ndjson")).text()).trimEnd();
    assert.deepEqual(
      ndjson.split("\n").map((line) => JSON.stringify(JSON.parse(line))),
      sent,
    );
    const parquet = new Uint8Array(
      await (await exported("parquet")).arrayBuffer(),
    );
    assert.deepEqual(await readParquet(dashboard, parquet), sent);
    // The API writes the same files.
    for (
      const [format, mine] of [["csv", [head, ...lines]], ["ndjson", [
        ndjson,
      ]]] as const
    ) {
      const file = await dashboard.web.fetch(
        `/api/v1/export?from=-1h&format=${format}&columns=${
          Object.keys(FIELDS).join(",")
        }`,
        { headers: { cookie } },
      );
      assert.equal((await file.text()).trimEnd(), mine.join("\n"));
    }
    assert.deepEqual(tab.faults, []);

    // What people type at the door stands in the audit log: on its page, and in its files.
    await dashboard.db.insertRows(
      "audit_log",
      HOSTILE.map((text) => ({
        actor: text.toWellFormed(),
        action: "login",
        object_kind: text.toWellFormed(),
        object: text.toWellFormed(),
        detail: JSON.stringify({ reason: text.toWellFormed() }),
        request_id: text.toWellFormed(),
        src_ip: IP,
        ok: false,
      })),
    );
    await dashboard.enter(page, "/help", "admin");
    for (const path of ["/audit", "/audit?object=%3Cscript%3E", "/users"]) {
      await open(path);
    }
    const admin = await dashboard.web.signIn("admin");
    const auditFile = async (format: string): Promise<string> => {
      const file = await dashboard.web.post("/audit/export", {
        action: "login",
        format,
      }, { cookie: admin });
      assert.equal(file.status, 200);
      return (await file.text()).trimEnd();
    };
    const [, ...audited] = (await auditFile("csv")).split("\n").map(cellsOf)
      .filter((row, index) => index === 0 || row[2] === IP);
    assert.deepEqual(
      audited.map((row) => row[5]).toSorted(),
      HOSTILE.map((one) => asCell(one.toWellFormed())).toSorted(),
    );
    for (const cell of audited.flat()) {
      assert.doesNotMatch(cell, /^[=+\-@\t\r\n]/);
      assert.equal(printable(cell), cell);
    }
    assert.deepEqual(
      (await auditFile("ndjson")).split("\n").map((line) => JSON.parse(line))
        .filter(({ src_ip }) => src_ip === IP)
        .map(({ object }) => object).toSorted(),
      HOSTILE.map((one) => one.toWellFormed()).toSorted(),
    );
  },
);

/** Cells of a line of CSV whose texts are all quoted. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, cell = ""]) =>
    cell.replaceAll('""', '"')
  );
}

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
  http: "http_version",
  headers: "header_order",
};

/** What a text becomes in a file for spreadsheets. */
function asCell(text: string): string {
  return `${/^[=+\-@\t\r\n]/.test(text) ? "'" : ""}${text}`.replaceAll(
    // deno-lint-ignore no-control-regex -- what must not be there
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    "\ufffd",
  );
}

/** Rows of a Parquet file as another reader of the format sees them: the store's, by way of a table. */
async function readParquet(
  { db, store }: Dashboard,
  file: Uint8Array<ArrayBuffer>,
): Promise<string[]> {
  const columns = Object.keys(FIELDS).map((id) => `\`${id}\` String`);
  await db.command(
    sql`CREATE TABLE parquet_copy (at UInt32 DEFAULT rowNumberInAllBlocks(), ${
      sql.trusted(columns.join(", "))
    }) ENGINE = Memory`,
  );
  const url = new URL(store.url);
  url.search = new URLSearchParams({
    database: "ja4",
    query: `INSERT INTO parquet_copy (${
      Object.keys(FIELDS).map((id) => `\`${id}\``)
    }) FORMAT Parquet`,
  }).toString();
  const answer = await fetch(url, {
    method: "POST",
    body: file,
    headers: {
      "x-clickhouse-user": "ja4",
      "x-clickhouse-key": store.passwords.ja4,
    },
  });
  assert.equal(answer.status, 200, await answer.text());
  const rows = await db.query<Record<string, string>>(
    sql`SELECT * EXCEPT at FROM parquet_copy ORDER BY at`,
  );
  await db.command(sql`DROP TABLE parquet_copy`);
  return rows.map((row) => JSON.stringify(row));
}

/** A page without what it does not show as it is: the data of its islands, and fields, which hold what was typed. */
function shownOf(html: string): string {
  return html.replace(/<script id="fresh-state"[^]*?<\/script>/, "")
    .replaceAll(/<input(?:"[^"]*"|[^">])*>/g, "");
}
