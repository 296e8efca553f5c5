/** Two hundred strings that clients could send, and a store in which they stand in every field that clients control. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { CHROME_HELLO } from "./chrome_hello.ts";
import { timeText } from "./journey.ts";

/** How a page would betray that a text of a client became more than text. */
export const SIGN = "pwned";

export const MARKUP = [
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

export const HOST = `"><svg onload=document.title='${SIGN}'>`;
export const IP = "198.51.100.66";
const JA4 = "t13d1516h2_8daaf6152771_b186095e22b6";

/** A JA4 in which a protocol stands as it was sent, as programs other than ours write it. */
function ja4With(text: string): string {
  return `t13d1516${
    text.slice(0, 20).toWellFormed()
  }_8daaf6152771_b186095e22b6`;
}

/** A request for each string, which stands in every field that a client writes. */
export function seedHostileRequests(
  db: Database,
  nowMs: number,
): Promise<void> {
  return db.insertRows(
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
        ja4: at % 4 === 0 ? "" : at % 10 === 1 ? ja4With(sent) : JA4,
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
        sec_ch_ua_mobile: sent,
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
}

/** These, and what people, programs and the detector make of them: detections, notes, views, entries, rules. */
export async function seedHostile(db: Database): Promise<void> {
  const nowMs = Date.now() - 60_000;
  await seedHostileRequests(db, nowMs);
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
        ja4: at % 10 === 1 ? ja4With(sent) : JA4,
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
  await db.insertRows(
    "ja4_catalog",
    [JA4, ja4With(MARKUP[0] ?? "")].map((ja4) => ({
      ...CHROME_HELLO,
      ja4,
      client_alpns: HOSTILE.slice(0, 60).map((text) => text.toWellFormed()),
    })),
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
  const rev = nowMs * 1000;
  const words = HOSTILE.slice(0, 60).map((text) => text.toWellFormed());
  await db.insertRows(
    "saved_views",
    words.map((name, at) => ({
      id: `V${at}`,
      login: "admin",
      name,
      path: "/explore",
      shared: true,
      rev,
    })),
  );
  await db.insertRows(
    "list_entries",
    words.map((reason, at) => ({
      list: "watch",
      kind: "http_host",
      value: `${at}.${HOST}`,
      reason,
      actor: reason,
      rev,
    })),
  );
  await db.insertRows(
    "triage_rules",
    words.map((name, at) => ({
      id: `R${at}`,
      name,
      filter: JSON.stringify({ query: `ua:${JSON.stringify(name)}` }),
      action: "archive",
      enabled: false,
      actor: name,
      rev,
    })),
  );
}
