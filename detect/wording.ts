/**
 * Sentences for analysts, from templates. Text of clients is shortened and made visible; nothing
 * here is markup.
 *
 * @module
 */
import type { Reason, RuleHit } from "../lib/events.ts";
import {
  type Feature,
  type FeatureName,
  featureNamed,
  FEATURES,
} from "../lib/features.ts";
import { printable, shorten } from "../lib/text.ts";
import { browserName } from "./rules.ts";
import type { WindowFacts } from "./windows.ts";

/** What a detection says. */
export interface Wording {
  readonly title: string;
  readonly summary: string;
  readonly tags: readonly string[];
}

/** What is known of the window that the words are about. */
export interface WordingInput {
  readonly facts: WindowFacts;
  readonly score: number;
  readonly pValue: number;
  /** Largest contribution first. */
  readonly reasons: readonly Reason[];
  readonly rules: readonly RuleHit[];
  /** Whether the reference is the shipped prior. */
  readonly learning: boolean;
}

/** Features that say the same kind of thing, with the tag for them. */
const THEMES:
  readonly (readonly [tag: string, names: readonly FeatureName[]])[] = [
    ["UA/TLS mismatch", ["ua_ja4_bits", "ja4_ua_bits", "alpn_mismatch"]],
    ["Header mismatch", [
      "header_order_bits",
      "encoding_bits",
      "hint_mismatch",
      "sec_fetch_missing",
      "sec_fetch_impossible",
    ]],
    ["TCP mismatch", ["tcp_os_bits", "mss_bits"]],
    ["Proxy", ["proxy_gap_ms", "hello_ms"]],
    ["Fleet", ["group_excess", "group_homogeneity"]],
    ["Sign-in", ["sign_in_posts", "blind_posts", "auth_failures"]],
    ["Probing", ["probe_hits", "not_found_paths", "client_error_load"]],
    ["Regular timing", [
      "pause_regularity",
      "pause_mode_share",
      "pause_bits_missing",
      "pause_echo",
    ]],
    ["No assets", ["pages_without_assets"]],
    ["Crawling", ["cold_path_bits", "id_walk", "distinct_queries"]],
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
  ["no_host_name", (w) => `Client without a host name on ${host(w)}`],
];

const THEME_TITLES: Readonly<
  Record<string, (facts: WindowFacts) => string>
> = {
  "UA/TLS mismatch": (w) => `Client posing as ${browserName(w)} on ${host(w)}`,
  "Header mismatch": (w) => `Client posing as ${browserName(w)} on ${host(w)}`,
  "TCP mismatch": (w) =>
    `${browserName(w)} from another system than it says, on ${host(w)}`,
  "Proxy": (w) => `${browserName(w)} through a proxy on ${host(w)}`,
  "Fleet": (w) => `Fleet of clients like ${browserName(w)} on ${host(w)}`,
  "Sign-in": (w) => `Sign-in attempts on ${host(w)} by ${who(w)}`,
  "Probing": (w) => `Probing on ${host(w)} by ${who(w)}`,
  "Crawling": (w) => `Crawling of ${host(w)} by ${who(w)}`,
};

/** Title, two or three sentences, tags. */
export function wordingOf(input: WordingInput): Wording {
  const { facts, rules, reasons } = input;
  const themes = reasons.filter(({ contribution }) => contribution > 0)
    .slice(0, 4).map((reason) => themeOf(reason.feature))
    .filter((theme) => theme !== undefined);
  const byRule = RULE_TITLES.find(([rule]) =>
    rules.some((hit) => hit.rule === rule)
  );
  const byTheme = themes.map((theme) => THEME_TITLES[theme])
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
  const { score, pValue, reasons, rules, learning } = input;
  const share = 100 * (1 - pValue);
  const shown = share > 99.99
    ? "more than 99.99"
    : share.toFixed(share > 99 ? 2 : 1);
  const sentences = [
    `The score of ${score.toFixed(2)} is higher than that of ${shown} % of ${
      learning ? "the people in the shipped reference" : "people's windows"
    }.`,
  ];
  const told = reasons.filter(({ contribution }) => contribution > 0)
    .slice(0, 3).map(sayReason);
  if (told.length > 0) sentences.push(`${told.join("; ")}.`);
  for (const { text } of rules.slice(0, 3)) sentences.push(text);
  return sentences.join(" ");
}

function sayReason(reason: Reason): string {
  const feature = featureNamed(reason.feature);
  if (feature === undefined) return reason.feature;
  return `${feature.label}: ${valueText(feature, reason.value)}, usual ${
    valueText(feature, reason.p50)
  }`;
}

/** A value with its unit, for a sentence. */
export function valueText(feature: Feature, value: number): string {
  switch (feature.unit) {
    case "share":
      return `${(100 * value).toFixed(value > 0.1 || value === 0 ? 0 : 1)} %`;
    case "count":
      return value.toFixed(Number.isInteger(value) ? 0 : 1);
    case "ms":
      return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
    case "s":
      return `${value.toFixed(0)} s`;
    case "bits":
      return `${value.toFixed(1)} bits`;
    case "index":
      return value.toFixed(1);
  }
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
    case "curl":
    case "wget":
    case "okhttp":
      return facts.ua_family;
    default:
      return browserName(facts);
  }
}

/** Reasons of a window, largest contribution first, those that round to nothing left out. */
export function sortedReasons(reasons: readonly Reason[]): Reason[] {
  return reasons.toSorted((a, b) =>
    Math.abs(b.contribution) - Math.abs(a.contribution) ||
    indexOf(a.feature) - indexOf(b.feature)
  );
}

function indexOf(name: string): number {
  return FEATURES.findIndex((feature) => feature.name === name);
}
