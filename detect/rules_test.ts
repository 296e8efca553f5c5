import assert from "node:assert/strict";
import type { IpAddress } from "../lib/events.ts";
import { COLUMN, FEATURES } from "../lib/features.ts";
import { hits, RULE_NAMES, type RuleInput, RULES } from "./rules.ts";
import { botStanding } from "./known_bots.ts";
import { windowFacts } from "./testing.ts";
import type { WindowFacts } from "./windows.ts";

interface Row {
  readonly name: string;
  readonly facts: Partial<WindowFacts>;
  readonly more?: Partial<RuleInput>;
  readonly bits?: number;
  readonly want: readonly string[];
}

function check(row: Omit<Row, "want" | "name">, off: string[] = []): string[] {
  const facts = windowFacts(row.facts);
  const features = new Float32Array(FEATURES.length);
  features[COLUMN.ja4_ua_bits] = row.bits ?? 0;
  return hits({
    facts,
    features,
    bot: botStanding({ ...facts, listed: facts.bot_name }),
    denied: "",
    watched: "",
    labelledBot: false,
    ...row.more,
  }, new Map(off.map((name) => [name, "off"]))).hits.map(({ rule }) => rule);
}

const GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1)";

Deno.test.each<Row>([
  { name: "a person", facts: {}, want: [] },
  {
    name: "an entry of the deny list",
    facts: {},
    more: { denied: "198.18.0.1" },
    want: ["deny_list"],
  },
  {
    name: "curl under its own name",
    facts: { ua_family: "curl", user_agent: "curl/8.5.0" },
    want: ["declared_automation"],
  },
  {
    name: "no User-Agent",
    facts: { ua_family: "", user_agent: "", without_user_agent: 40 },
    want: ["declared_automation"],
  },
  {
    name: "a crawler nobody vouches for",
    facts: { ua_family: "bot", user_agent: "SomeBot/1.0" },
    want: ["declared_automation"],
  },
  {
    name: "Googlebot from Google",
    facts: {
      ua_family: "bot",
      user_agent: GOOGLE,
      src_ip: "66.249.66.1" as IpAddress,
    },
    want: [],
  },
  {
    name: "Googlebot from elsewhere",
    facts: { ua_family: "bot", user_agent: GOOGLE },
    want: ["false_good_bot"],
  },
  {
    name: "a crawler whose network the database knows",
    facts: { ua_family: "bot", user_agent: GOOGLE, bot_name: "googlebot" },
    want: [],
  },
  {
    name: "a handshake never seen with the browser",
    facts: {},
    bits: 9,
    want: ["impersonation"],
  },
  {
    name: "a rare handshake of an app",
    facts: { ua_family: "okhttp" },
    bits: 9,
    want: [],
  },
  { name: "two probes", facts: { probe_paths: 2 }, want: [] },
  { name: "three probes", facts: { probe_paths: 3 }, want: ["probing"] },
  { name: "nine failures", facts: { sign_in_failures: 9 }, want: [] },
  {
    name: "ten failures",
    facts: { sign_in_failures: 10 },
    want: ["sign_in_attack"],
  },
  {
    name: "one failure among thirty addresses",
    facts: { sign_in_failures: 1, failing_addresses: 30 },
    want: ["sign_in_attack"],
  },
  {
    name: "no failure among thirty addresses",
    facts: { failing_addresses: 30 },
    want: [],
  },
  { name: "no SNI", facts: { without_sni: 40 }, want: ["no_host_name"] },
  {
    name: "an address as host",
    facts: { http_host: "192.0.2.10" },
    want: ["no_host_name"],
  },
  {
    name: "a local address as host",
    facts: { http_host: "127.0.0.1", without_sni: 40 },
    want: [],
  },
  {
    name: "no SNI because there was no handshake",
    facts: { has_tls: 0, without_sni: 40 },
    want: [],
  },
  {
    name: "Chrome without hints",
    facts: { hollow_chrome: 40 },
    want: ["hollow_chrome"],
  },
  {
    name: "Chrome sometimes without hints",
    facts: { hollow_chrome: 39 },
    want: [],
  },
  {
    name: "HTTP/2 not offered",
    facts: { alpn_mismatches: 40 },
    want: ["http2_without_alpn"],
  },
  {
    name: "a flood",
    facts: { peak_10s: 201, assets: 0 },
    want: ["flood"],
  },
  { name: "a busy page", facts: { peak_10s: 201, assets: 190 }, want: [] },
  {
    name: "PROPFIND",
    facts: { forbidden_methods: 1 },
    want: ["forbidden_method"],
  },
  {
    name: "an entry of the watch list",
    facts: {},
    more: { watched: "198.18.0.1" },
    want: ["watch_list"],
  },
  {
    name: "an analyst's label",
    facts: {},
    more: { labelledBot: true },
    want: ["labelled_bot"],
  },
  {
    name: "thirty handshakes and no request",
    facts: {
      requests: 0,
      silent_handshakes: 30,
      ua_family: "",
      user_agent: "",
    },
    want: ["silent_handshakes"],
  },
  {
    name: "some abandoned handshakes",
    facts: {
      requests: 0,
      silent_handshakes: 29,
      ua_family: "",
      user_agent: "",
    },
    want: [],
  },
])("hits() with $name", ({ want, ...row }) => {
  assert.deepEqual(check(row), want);
});

Deno.test("hits() leaves out rules that are switched off", () => {
  assert.deepEqual(check({ facts: { probe_paths: 3 } }, ["probing"]), []);
});

Deno.test("hits() only names rules that are on trial", () => {
  const facts = windowFacts({ probe_paths: 3 });
  const found = hits({
    facts,
    features: new Float32Array(FEATURES.length),
    bot: { verified: "", falselyClaimed: "" },
    denied: "",
    watched: "",
    labelledBot: false,
  }, new Map([["probing", "simulate"]]));
  assert.deepEqual(found, { hits: [], simulated: ["probing"] });
});

Deno.test("RULES have distinct names and numbers", () => {
  assert.equal(new Set(RULE_NAMES).size, RULES.length);
  assert.equal(new Set(RULES.map(({ id }) => id)).size, RULES.length);
});

Deno.test("RULES and FEATURES are those of docs/detection.md: number, severity, technique, label", async () => {
  const document = await Deno.readTextFile(
    new URL("../docs/detection.md", import.meta.url),
  );
  const cells = document.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  assert.deepEqual(
    cells.filter(([id]) => /^R\d+$/.test(id ?? ""))
      .map(([id, name, severity, mitre]) => [id, name, severity, mitre]),
    RULES.map(({ id, name, severity, mitre = "" }) => [
      id,
      `\`${name}\``,
      severity,
      mitre,
    ]),
  );
  const names = new Set(FEATURES.map(({ name }) => `\`${name}\``));
  assert.deepEqual(
    cells.filter(([name]) => names.has(name ?? ""))
      .map(([name, label, unit]) => [name, label, unit]),
    FEATURES.map(({ name, label, unit }) => [`\`${name}\``, label, unit]),
  );
});

Deno.test("hits() makes hostile text visible", () => {
  const facts = windowFacts({
    ua_family: "curl",
    user_agent: "curl/8\u202e\u001b[31m<script>",
  });
  const { hits: [hit] } = hits({
    facts,
    features: new Float32Array(FEATURES.length),
    bot: { verified: "", falselyClaimed: "" },
    denied: "",
    watched: "",
    labelledBot: false,
  }, new Map());
  assert.ok(hit?.text.includes("\\u{202e}\\u{1b}[31m<script>"));
});
