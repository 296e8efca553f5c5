/**
 * Rules: facts that need no reference to be told. They stand beside the score and never change it.
 * Each has a stable name, a severity and a switch (`[rules]` in detect.toml).
 *
 * @module
 */
import type { RuleHit, Severity } from "../lib/events.ts";
import { COLUMN } from "../lib/features.ts";
import { parseIp } from "../lib/ip.ts";
import { NetworkSet } from "../lib/ip_filter.ts";
import { printable, shorten } from "../lib/text.ts";
import { type BotStanding, namesItsOperator } from "./known_bots.ts";
import type { RuleMode } from "./settings.ts";
import type { WindowFacts } from "./windows.ts";

/** A rule as docs/detection.md lists it. */
export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly severity: Severity;
  /** Technique of MITRE ATT&CK, where one fits. */
  readonly mitre?: string;
  /** One sentence with the facts if the rule hits, else undefined. */
  readonly test: (input: RuleInput) => string | undefined;
}

/** What a rule may look at. */
export interface RuleInput {
  readonly facts: WindowFacts;
  /** The window's features, in the order of FEATURES. */
  readonly features: Float32Array;
  readonly bot: BotStanding;
  /** Entry of the deny list that names this client; empty if none. */
  readonly denied: string;
  /** Entry of the watch list that names this client; empty if none. */
  readonly watched: string;
  /** Whether an analyst's label says that this client is a bot. */
  readonly labelledBot: boolean;
}

/** Names that are no browser's but say what runs. */
const TOOLS: Readonly<Record<string, string>> = {
  curl: "curl",
  python: "a Python library",
  go: "Go's HTTP client",
  java: "a Java library",
  wget: "wget",
  javascript: "a JavaScript library",
  headless_chrome: "headless Chrome",
};

/** Families that are browsers. */
export const BROWSERS: ReadonlySet<string> = new Set([
  "chrome",
  "edge",
  "opera",
  "firefox",
  "safari",
  "headless_chrome",
]);

/** Addresses by which a server without a name is rightly asked for. */
const LOCAL = new NetworkSet([
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1",
  "fc00::/7",
  "fe80::/10",
]);

/** Handshakes within a window from which having no request is no abandoned preconnect. */
export const SILENT_HANDSHAKES_MIN = 30;

/** Bits from which a handshake counts as never seen with a browser: one in 256, the first bit free. */
const IMPERSONATION_BITS = 7;

/** In order of their numbers. */
export const RULES: readonly Rule[] = [
  {
    id: "R1",
    name: "deny_list",
    severity: "high",
    test: ({ denied }) =>
      denied === "" ? undefined : `The deny list names ${printable(denied)}.`,
  },
  {
    id: "R2",
    name: "declared_automation",
    severity: "low",
    mitre: "T1595",
    test: ({ facts, bot }) => {
      if (bot.verified !== "") return undefined;
      const tool = TOOLS[facts.ua_family];
      if (tool !== undefined) {
        return `The client says that it is ${tool}: "${ua(facts)}".`;
      }
      if (facts.requests > 0 && facts.without_user_agent === facts.requests) {
        return "The client sends no User-Agent.";
      }
      return facts.ua_family === "bot" && bot.falselyClaimed === "" &&
          !namesItsOperator(facts, bot)
        ? `The client says that it is a bot, and nobody vouches for it: "${
          ua(facts)
        }".`
        : undefined;
    },
  },
  {
    id: "R3",
    name: "impersonation",
    severity: "medium",
    mitre: "T1036",
    test: ({ facts, features }) =>
      BROWSERS.has(facts.ua_family) && facts.ja4 !== "" &&
        (features[COLUMN.ja4_ua_bits] as number) >= IMPERSONATION_BITS
        ? `It claims to be ${browserName(facts)}, but its TLS handshake is ${
          facts.ja4_label === ""
            ? `not one that ${browserName(facts)} was seen to send`
            : `that of ${name(facts.ja4_label)}`
        }.`
        : undefined,
  },
  {
    id: "R4",
    name: "false_good_bot",
    severity: "high",
    mitre: "T1036",
    test: ({ facts, bot }) =>
      bot.falselyClaimed === ""
        ? undefined
        : `It claims to be ${bot.falselyClaimed}, but ${facts.src_ip} is neither in a network that its operator publishes nor has a name of its operator's.`,
  },
  {
    id: "R5",
    name: "probing",
    severity: "medium",
    mitre: "T1595.003",
    test: ({ facts }) =>
      facts.probe_paths >= 3
        ? `${facts.probe_paths} different paths of known weak spots were asked for.`
        : undefined,
  },
  {
    id: "R6",
    name: "sign_in_attack",
    severity: "high",
    mitre: "T1110",
    test: ({ facts }) => {
      const { failing_addresses } = facts;
      if (facts.sign_in_failures >= 10) {
        return `${facts.sign_in_failures} attempts to sign in failed.`;
      }
      return facts.sign_in_failures > 0 && failing_addresses >= 30
        ? `${failing_addresses} addresses with this fingerprint failed to sign in within the window.`
        : undefined;
    },
  },
  {
    id: "R7",
    name: "no_host_name",
    severity: "low",
    mitre: "T1595.001",
    test: ({ facts }) => {
      const asked = parseIp(facts.http_host.replace(/^\[|\]$/g, ""));
      if (asked !== undefined && LOCAL.has(asked)) return undefined;
      if (asked !== undefined) {
        return `It asks for the address ${
          name(facts.http_host)
        } instead of a name.`;
      }
      const all = Math.max(facts.requests, facts.silent_handshakes);
      return facts.has_tls > 0 && facts.without_sni === all
        ? "Its handshake names no server (no SNI)."
        : undefined;
    },
  },
  {
    id: "R8",
    name: "hollow_chrome",
    severity: "medium",
    mitre: "T1036",
    test: ({ facts }) =>
      facts.requests > 0 && facts.hollow_chrome === facts.requests
        ? `It claims to be ${
          browserName(facts)
        }, but sends neither client hints nor Sec-Fetch headers.`
        : undefined,
  },
  {
    id: "R9",
    name: "http2_without_alpn",
    severity: "medium",
    test: ({ facts }) =>
      facts.requests > 0 && facts.alpn_mismatches === facts.requests
        ? "It speaks HTTP/2 without having offered it in ALPN."
        : undefined,
  },
  {
    id: "R10",
    name: "flood",
    severity: "high",
    mitre: "T1499.002",
    test: ({ facts }) =>
      facts.peak_10s > 200 && facts.assets === 0
        ? `${facts.peak_10s} requests within ten seconds, and not one image, style or script.`
        : undefined,
  },
  {
    id: "R11",
    name: "forbidden_method",
    severity: "medium",
    mitre: "T1595.002",
    test: ({ facts }) =>
      facts.forbidden_methods > 0
        ? `${facts.forbidden_methods} requests with TRACE, PROPFIND, CONNECT or the like.`
        : undefined,
  },
  {
    id: "R12",
    name: "watch_list",
    severity: "low",
    test: ({ watched }) =>
      watched === ""
        ? undefined
        : `The watch list names ${printable(watched)}.`,
  },
  {
    id: "R13",
    name: "labelled_bot",
    severity: "medium",
    test: ({ labelledBot }) =>
      labelledBot ? "An analyst said that this client is a bot." : undefined,
  },
  {
    id: "R14",
    name: "silent_handshakes",
    severity: "low",
    mitre: "T1595.001",
    test: ({ facts }) =>
      facts.silent_handshakes >= SILENT_HANDSHAKES_MIN && facts.requests === 0
        ? `${facts.silent_handshakes} TLS handshakes and not one request.`
        : undefined,
  },
];

/** Names of all rules, for the configuration. */
export const RULE_NAMES: readonly string[] = RULES.map((rule) => rule.name);

/** What the rules say of a window. */
export interface RuleHits {
  readonly hits: readonly RuleHit[];
  /** Names of rules on trial that would have hit. */
  readonly simulated: readonly string[];
}

/** The rules that hit, by what `modes` says of them; a rule without a mode is on. */
export function hits(
  input: RuleInput,
  modes: ReadonlyMap<string, RuleMode>,
): RuleHits {
  const found: RuleHit[] = [];
  const simulated: string[] = [];
  for (const { id, name, severity, mitre, test } of RULES) {
    const mode = modes.get(name) ?? "on";
    const text = mode === "off" ? undefined : test(input);
    if (text === undefined) continue;
    if (mode === "simulate") simulated.push(name);
    else {
      found.push({
        rule: name,
        id,
        severity,
        text,
        ...(mitre === undefined ? {} : { mitre }),
      });
    }
  }
  return { hits: found, simulated };
}

/** Families whose names are not written like those of browsers. */
const WRITTEN: Readonly<Record<string, string>> = {
  curl: "curl",
  wget: "wget",
  okhttp: "okhttp",
  javascript: "JavaScript",
};

/** Such as "Chrome 150"; of what the User-Agent claims. */
export function browserName(
  facts: Pick<WindowFacts, "ua_family" | "ua_version">,
): string {
  const { ua_family, ua_version } = facts;
  const name = WRITTEN[ua_family] ??
    ua_family.split("_").map((word) =>
      word.slice(0, 1).toUpperCase() + word.slice(1)
    ).join(" ");
  return ua_version > 0 ? `${name} ${ua_version}` : name;
}

function ua(facts: WindowFacts): string {
  return name(facts.user_agent);
}

function name(text: string): string {
  return shorten(printable(text), 80);
}
