/**
 * Two hundred strings that clients could send, in every field that they control, on every page: they are
 * text, they can be seen, and the browser has nothing to report.
 */
import assert from "node:assert/strict";
import type { Database } from "../../lib/clickhouse.ts";
import { userAgentHash } from "../../web/data/paths.ts";
import { startDashboard, timeText, WITH_BROWSER } from "../support/journey.ts";

/** How a page would betray that a text of a client became more than text. */
const SIGN = "pwned";

const MARKUP = [
  `<script>document.title='${SIGN}'</script>`,
  `<img src=x onerror="document.title='${SIGN}'">`,
  `"><svg onload=document.title='${SIGN}'>`,
  `'><iframe src=javascript:document.title='${SIGN}'>`,
  `</title><script>document.title='${SIGN}'</script>`,
  `</textarea><script>document.title='${SIGN}'</script>`,
  `--><script>document.title='${SIGN}'</script>`,
  `]]><b>${SIGN}</b>`,
  `<style>body{display:none}</style>`,
  `<base href=//evil.example/>`,
  `<link rel=stylesheet href=//evil.example/x.css>`,
  `<meta http-equiv=refresh content=0;url=//evil.example>`,
  `<form action=//evil.example><input name=x>`,
  `<a href=javascript:document.title='${SIGN}'>x</a>`,
  `" onmouseover="document.title='${SIGN}'" x="`,
  `' autofocus onfocus='document.title="${SIGN}"`,
  `&lt;b&gt;twice&lt;/b&gt;`,
  `&#60;script&#62;`,
  "{{7*7}}${7*7}#{7*7}<%=7*7%>",
  `javascript:document.title='${SIGN}'`,
  `data:text/html,<script>document.title='${SIGN}'</script>`,
  "//evil.example/path",
  "\\\\evil.example\\share",
  `<!--#exec cmd="id"-->`,
  `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>`,
];
const DIRECTION = [
  "\u202egnp.exe",
  "\u202djpg",
  "\u2066isolate\u2069",
  "\u200bzero\u200dwidth\ufeff",
  "\u061carabic mark",
  "\u2028line\u2029paragraph",
  "abc\u05d0\u05d1\u05d2 123",
  "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
];
const CONTROL = [
  "nul\u0000byte",
  "bell\u0007",
  "\u001b[31mred\u001b[0m",
  "\u001b]0;title\u0007",
  "tab\there",
  "line\nfeed",
  "carriage\rreturn",
  "c1\u009bcontrol",
  "del\u007f",
  "back\u0008space",
  "form\u000cfeed",
  "vertical\u000btab",
];
const FORMULA = [
  "=cmd()",
  '=HYPERLINK("http://evil.example")',
  "+1+1",
  "-2+3",
  "@SUM(1)",
  "\t=1+1",
  "\r=1+1",
  "%3D1",
];
const SQL = [
  "' OR 1=1 --",
  "'; DROP TABLE http_events; --",
  "\\' UNION SELECT password FROM app_users --",
  "{p0:String}",
  "{p1:UInt8}",
  "$$heredoc$$",
  "`back`",
  "/* comment */",
];
const LONG = ["x".repeat(8192), "%2e".repeat(2700), "\u{1f600}".repeat(2000)];
const ODD = [
  "\ud800",
  "\udc00x",
  "%00",
  "%c0%af",
  "..%2f..%2fetc%2fpasswd",
  "../../etc/passwd",
  "CON",
  "-",
  "--help",
  "null",
  "undefined",
  "NaN",
  "true",
  "0",
  "__proto__",
  "constructor",
  "toString",
  "a:b or c:d",
  "-ip:1.2.3.4",
  '"quoted"',
  "(bracket",
  "x..y",
  "*",
  "?",
  "#fragment",
  "a&b=c&d",
  "a+b c%20d",
  "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
  "\u0130stanbul",
  "ﬃ",
];

/** Two hundred: each kind, and each again around an innocent word. */
export const HOSTILE: readonly string[] = (() => {
  const once = [
    ...MARKUP,
    ...DIRECTION,
    ...CONTROL,
    ...FORMULA,
    ...SQL,
    ...LONG,
    ...ODD,
  ];
  const around = once.filter((text) => text.length < 4000).map((text, at) =>
    at % 2 === 0 ? `word ${text}` : `${text} word`
  );
  const mixed = MARKUP.slice(0, 16).map((text, at) =>
    `${text}${DIRECTION[at % DIRECTION.length]}${CONTROL[at % CONTROL.length]}`
  );
  return [...once, ...around, ...mixed].slice(0, 200);
})();

const HOST = `"><svg onload=document.title='${SIGN}'>`;
const IP = "198.51.100.66";

/** A request for each string, which stands in every field that a client writes. */
async function seed(db: Database): Promise<void> {
  const nowMs = Date.now() - 60_000;
  await db.insertRows(
    "http_events",
    HOSTILE.map((text, at) => {
      const sent = text.toWellFormed();
      const cut = (length: number): string =>
        sent.slice(0, length).toWellFormed();
      return {
        ts: timeText(nowMs - at * 100),
        event_id: crypto.randomUUID(),
        match: at % 4 === 0 ? "none" : "conn",
        orphan_reason: "",
        src_ip: at < 100 ? IP : `198.51.100.${at}`,
        client_ip: IP,
        ja4: at % 4 === 0 ? "" : "t13d1516h2_8daaf6152771_b186095e22b6",
        sni: cut(255),
        client_alpns: cut(255),
        http_method: cut(64),
        http_host: at < 20 ? HOST : cut(255),
        url_path: sent,
        url_query: sent,
        user_agent: sent,
        referrer: sent,
        accept: sent,
        accept_language: sent,
        accept_encoding: sent,
        content_type: sent,
        sec_ch_ua: sent,
        sec_ch_ua_platform: sent,
        sec_fetch_site: sent,
        sec_fetch_mode: sent,
        sec_fetch_dest: sent,
        header_order: sent,
        status_code: 200,
        url_scheme: "https",
        http_version: cut(8),
      };
    }),
  );
  await db.insertRows(
    "detections",
    HOSTILE.slice(0, 90).map((text, at) => {
      const sent = text.toWellFormed();
      const cut = (length: number): string =>
        sent.slice(0, length).toWellFormed();
      return {
        id: `D-HST${String(at).padStart(5, "0")}`,
        first_seen: timeText(nowMs - 60_000),
        last_seen: timeText(nowMs),
        src_ip: IP,
        ja4: "t13d1516h2_8daaf6152771_b186095e22b6",
        http_host: cut(255),
        severity: "high",
        score: 0.9,
        title: sent,
        summary: sent,
        tags: [cut(255)],
        reasons: at % 2 === 0 ? "[{broken" : JSON.stringify([{
          feature: sent,
          value: 1,
          p5: 0,
          p50: 0,
          p95: 1,
          percentile: 99,
          contribution: 0.5,
          here: sent,
          usual: sent,
        }]),
        rules: JSON.stringify([{ rule: sent, severity: "high", text: sent }]),
        user_agent: sent,
        campaign_id: cut(60),
        model_id: sent,
        rev: 1,
      };
    }),
  );
  await db.insertRows("triage_events", [{
    ts: timeText(nowMs),
    detection_id: "D-HST00000",
    actor: MARKUP[1],
    note: HOSTILE.slice(0, 60).join("\n").toWellFormed(),
  }]);
  await db.insertRows("pipeline_events", [{
    ts: timeText(nowMs),
    component: MARKUP[0],
    event: MARKUP[1],
    detail: MARKUP.join(" "),
  }]);
}

Deno.test(
  "two hundred hostile strings are text on every page",
  WITH_BROWSER,
  async () => {
    assert.equal(HOSTILE.length, 200);
    await using dashboard = await startDashboard({ hours: 0 });
    await seed(dashboard.db);
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
      ][index % 6] ?? "";
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
  },
);

/** A page without what it does not show as it is: the data of its islands, and fields, which hold what was typed. */
function shownOf(html: string): string {
  return html.replace(/<script id="fresh-state"[^]*?<\/script>/, "")
    .replaceAll(/<input(?:"[^"]*"|[^">])*>/g, "");
}
