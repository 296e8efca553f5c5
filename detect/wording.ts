/**
 * Sentences for analysts, from templates. Text of clients is shortened and made visible; nothing
 * here is markup.
 *
 * @module
 */
import type { Reason, RuleHit } from "../lib/events.ts";
import { type FeatureName, FEATURES } from "../lib/features.ts";
import { printable, shorten } from "../lib/text.ts";
import { seconds } from "./quantities.ts";
import { browserName, BROWSERS } from "./rules.ts";
import type { WindowFacts } from "./windows.ts";

/** What a detection says. */
export interface Wording {
  readonly title: string;
  readonly summary: string;
  readonly tags: readonly string[];
}

/** A reason with the clause that tells it. */
export interface WordedReason extends Reason {
  readonly clause: string;
}

/** What is known of the window that the words are about. */
export interface WordingInput {
  readonly facts: WindowFacts;
  readonly score: number;
  readonly pValue: number;
  /** Largest contribution first. */
  readonly reasons: readonly WordedReason[];
  readonly rules: readonly RuleHit[];
  /** Whether the reference is the shipped prior. */
  readonly learning: boolean;
}

/** Features that say the same kind of thing, with the tag for them; the most telling first. */
const THEMES:
  readonly (readonly [tag: string, names: readonly FeatureName[]])[] = [
    ["Sign-in", ["sign_in_posts", "blind_posts"]],
    ["Probing", ["probe_hits"]],
    ["UA/TLS mismatch", [
      "ua_ja4_bits",
      "ja4_ua_bits",
      "alpn_mismatch",
      "agent_ja4s",
    ]],
    ["Header mismatch", [
      "encoding_bits",
      "hint_mismatch",
      "sec_fetch_missing",
      "sec_fetch_impossible",
      "header_order_bits",
    ]],
    ["TCP mismatch", ["tcp_os_bits", "mss_bits"]],
    ["Regular timing", [
      "pause_regularity",
      "pause_mode_share",
      "pause_bits_missing",
      "pause_echo",
    ]],
    ["Fleet", ["group_excess", "group_homogeneity"]],
    ["Proxy", ["proxy_gap_ms", "hello_ms", "ttl_spread"]],
    ["Crawling", ["cold_path_bits", "id_walk", "distinct_queries"]],
    ["No assets", ["pages_without_assets"]],
    ["Errors", ["client_error_load", "not_found_paths", "auth_failures"]],
  ];

const RULE_TAGS: Readonly<Record<string, string>> = {
  deny_list: "Deny list",
  declared_automation: "Declared automation",
  impersonation: "UA/TLS mismatch",
  false_good_bot: "False crawler",
  probing: "Probing",
  sign_in_attack: "Sign-in",
  no_host_name: "No host name",
  hollow_chrome: "Header mismatch",
  http2_without_alpn: "UA/TLS mismatch",
  flood: "Flood",
  forbidden_method: "Probing",
  watch_list: "Watch list",
  labelled_bot: "Labelled bot",
  silent_handshakes: "Handshakes only",
};

/** Titles by rule, the most telling first. */
const RULE_TITLES: readonly (readonly [
  rule: string,
  title: (facts: WindowFacts) => string,
])[] = [
  ["sign_in_attack", (w) => `Sign-in attempts on ${host(w)} by ${who(w)}`],
  ["flood", (w) => `Flood of requests on ${host(w)} by ${who(w)}`],
  ["probing", (w) => `Probing for weak spots on ${host(w)} by ${who(w)}`],
  ["false_good_bot", (w) => `False crawler on ${host(w)}`],
  ["deny_list", (w) => `Denied client on ${host(w)}`],
  ["impersonation", (w) => `Script posing as ${browserName(w)} on ${host(w)}`],
  ["hollow_chrome", (w) => `Script posing as ${browserName(w)} on ${host(w)}`],
  ["http2_without_alpn", (w) => `Scripted HTTP/2 on ${host(w)}`],
  ["forbidden_method", (w) => `Unusual methods on ${host(w)} by ${who(w)}`],
  ["declared_automation", (w) => `Automation by ${who(w)} on ${host(w)}`],
  ["silent_handshakes", (w) => `Handshakes without requests on ${host(w)}`],
  ["watch_list", (w) => `Watched client on ${host(w)}`],
  ["labelled_bot", (w) => `Known bot on ${host(w)} by ${who(w)}`],
  ["no_host_name", (w) => `Client without a host name on ${host(w)}`],
];

const THEME_TITLES: Readonly<
  Record<string, (facts: WindowFacts) => string>
> = {
  "UA/TLS mismatch": (w) => `Client posing as ${browserName(w)} on ${host(w)}`,
  "Header mismatch": (w) => `Client posing as ${browserName(w)} on ${host(w)}`,
  "TCP mismatch": (w) =>
    `${browserName(w)} from another system than it says, on ${host(w)}`,
  "Proxy": (w) => `${who(w)} through a proxy on ${host(w)}`,
  "Fleet": (w) => `Fleet of clients like ${who(w)} on ${host(w)}`,
  "Sign-in": (w) => `Sign-in attempts on ${host(w)} by ${who(w)}`,
  "Probing": (w) => `Probing on ${host(w)} by ${who(w)}`,
  "Crawling": (w) => `Crawling of ${host(w)} by ${who(w)}`,
};

/** Title, two or three sentences, tags. */
export function wordingOf(input: WordingInput): Wording {
  const { facts, rules, reasons } = input;
  const themes = telling(reasons, facts).map(({ feature }) => themeOf(feature))
    .filter((theme) => theme !== undefined);
  const byRule = RULE_TITLES.find(([rule]) =>
    rules.some((hit) => hit.rule === rule)
  );
  const named = BROWSERS.has(facts.ua_family)
    ? themes
    : themes.filter((theme) => !OF_BROWSERS.has(theme));
  const byTheme = named.map((theme) => THEME_TITLES[theme])
    .find((title) => title !== undefined);
  // A tool under its own name is told best by what it does; all else by what it is.
  const title = byRule !== undefined ? byRule[1](facts) : byTheme?.(facts) ??
    `Automated requests on ${host(facts)} by ${who(facts)}`;
  const tags = new Set([
    ...rules.flatMap(({ rule }) => RULE_TAGS[rule] ?? []),
    ...themes,
    ...(input.learning ? ["Learning"] : []),
  ]);
  return { title, summary: summaryOf(input), tags: [...tags].slice(0, 6) };
}

function summaryOf(input: WordingInput): string {
  const { facts, rules } = input;
  const active = (facts.last_ts - facts.first_ts) / 1e6;
  const requests = facts.requests === 0
    ? `${facts.silent_handshakes} handshakes in ${seconds(active)}`
    : facts.requests === 1
    ? "One request"
    : `${facts.requests} requests in ${seconds(active)}`;
  const sentences = [
    `${requests} to ${host(facts)}.`,
    ...rules.slice(0, 3).map(({ text }) => text),
  ];
  const told = clauses(input).join("; ");
  if (told !== "") {
    sentences.push(`${told.slice(0, 1).toUpperCase()}${told.slice(1)}.`);
  }
  if (facts.requests > 0) sentences.push(standing(input));
  return sentences.join(" ");
}

/** Up to three clauses, each of another theme and none that a rule has told already. */
function clauses(
  { reasons, rules, facts }: WordingInput,
): string[] {
  const told = new Set(rules.map(({ rule }) => RULE_TAGS[rule]));
  const said: string[] = [];
  for (const { feature, clause } of telling(reasons, facts)) {
    const theme = themeOf(feature) ?? feature;
    if (told.has(theme)) continue;
    told.add(theme);
    if (said.push(clause) === 3) break;
  }
  return said;
}

/** Themes that only tell something of a client that claims to be a browser. */
const OF_BROWSERS = new Set([
  "UA/TLS mismatch",
  "Header mismatch",
  "TCP mismatch",
]);

/** Reasons that matter about as much as the largest, the most telling theme first. */
function telling(
  reasons: readonly WordedReason[],
  facts: WindowFacts,
): WordedReason[] {
  const [largest] = reasons;
  if (largest === undefined) return [];
  const browser = BROWSERS.has(facts.ua_family);
  const rank = ({ feature }: Reason) => {
    const at = THEMES.findIndex(([tag]) => tag === themeOf(feature));
    return at === -1 || (!browser && OF_BROWSERS.has(THEMES[at]?.[0] ?? ""))
      ? THEMES.length
      : at;
  };
  return reasons
    .filter(({ contribution, clause }) =>
      clause !== "" && contribution > 0 &&
      contribution >= largest.contribution / 2
    )
    .slice(0, 12).toSorted((a, b) => rank(a) - rank(b));
}

/** How the score stands among people's. */
function standing({ score, pValue, learning }: WordingInput): string {
  const people = learning
    ? "the people in the shipped reference"
    : "people's windows";
  const share = 100 * (1 - pValue);
  const shown = Math.min(share, 99.99).toFixed(share > 99 ? 2 : 0);
  return `More unusual than ${shown} % of ${people} (score ${
    score.toFixed(2)
  }).`;
}

function themeOf(feature: string): string | undefined {
  return THEMES.find(([, names]) =>
    (names as readonly string[]).includes(feature)
  )?.[0];
}

function host(facts: WindowFacts): string {
  return shorten(printable(facts.http_host), 60) || "an unnamed host";
}

/** The client in a word or two. */
function who(facts: WindowFacts): string {
  switch (facts.ua_family) {
    case "":
      return "a client without a name";
    case "other":
    case "bot":
      return shorten(
        printable(facts.user_agent.split(/[ (]/)[0] ?? ""),
        40,
      ) || "an unknown client";
    default:
      return browserName(facts);
  }
}

/** Reasons of a window, largest contribution first. */
export function sortedReasons<T extends Reason>(reasons: readonly T[]): T[] {
  return reasons.toSorted((a, b) =>
    Math.abs(b.contribution) - Math.abs(a.contribution) ||
    indexOf(a.feature) - indexOf(b.feature)
  );
}

function indexOf(name: string): number {
  return FEATURES.findIndex((feature) => feature.name === name);
}
