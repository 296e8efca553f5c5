/**
 * What a feature says of a window, in quantities that people know: "100 of 101 requests", "every
 * 0.5 s, give or take 4 %". The value of a feature is made for comparing; this is made for reading.
 *
 * @module
 */
import { COLUMN, type FeatureName } from "../lib/features.ts";
import { printable, shorten } from "../lib/text.ts";
import {
  among,
  chances,
  claimed,
  few,
  grouped,
  loaded,
  type Phrase,
  plain,
  type Subject,
  system,
  systemOf,
  variation,
} from "./phrase_forms.ts";
import {
  counted,
  log2p1,
  milliseconds,
  number,
  percent,
  possessive,
  quoted,
  ratio,
  seconds,
} from "./quantities.ts";
import type { WindowFacts } from "./windows.ts";

/** The phrase of `feature`, whose median among people is `median`. */
export function phraseOf(
  feature: FeatureName,
  context: {
    facts: WindowFacts;
    /** The window's features, in the order of FEATURES. */
    features: ArrayLike<number>;
    median: number;
  },
): Phrase {
  const { facts, features, median } = context;
  const at = (name: FeatureName) => features[COLUMN[name]] as number;
  const [signature] = facts.signatures.toSorted(([, a], [, b]) => b - a)[0] ??
    [];
  const odd = Math.min(1, at("header_order_bits") / 3);
  const addresses = odd > 0
    ? 2 ** (at("group_excess") / odd) - 1
    : 2 ** at("group_homogeneity") - 1;
  return PHRASES[feature]({
    facts,
    signature,
    value: at(feature),
    median,
    addresses: Math.round(addresses),
  });
}

const PHRASES: Readonly<Record<FeatureName, (subject: Subject) => Phrase>> = {
  ua_ja4_bits: handshake,
  ja4_ua_bits: handshake,
  ja4_rarity_bits: ({ value, median }) => ({
    here: `${percent(2 ** -value)} have it`,
    usual: percent(2 ** -median),
    clause: `${percent(2 ** -value)} of networks have its JA4`,
  }),
  header_order_bits: (s) =>
    chances(
      s,
      (share, rare) =>
        rare
          ? `its headers come in an order that ${claimed(s)} does not use`
          : `its headers come in an order seen with ${
            claimed(s)
          } in ${share} of networks`,
    ),
  order_monotony: ({ facts, median }) => ({
    here: `${counted(facts.orders, "order")} in ${facts.requests}`,
    usual: counted(
      Math.max(1, Math.round(log2p1(facts.requests) / Math.max(median, 0.1))),
      "order",
    ),
    clause: facts.orders === 1
      ? `the headers of all ${facts.requests} requests come in one order`
      : `its ${facts.requests} requests have ${facts.orders} header orders`,
  }),
  tcp_os_bits: (s) =>
    chances(s, (share) => {
      const seen = systemOf(s.signature?.tcp_signature ?? "");
      const said = system(s);
      if (said === "") return `${share} of such clients send its TCP SYN`;
      return seen !== "" && !seen.includes(said)
        ? `its TCP SYN is that of ${seen}, not of ${said}`
        : `${share} of ${said} clients send such a TCP SYN`;
    }),
  mss_bits: (s) =>
    chances(
      s,
      (share) =>
        `${share} of ${system(s) || "such"} clients have its segment size of ${
          s.signature?.tcp_mss ?? 0
        } bytes`,
    ),
  encoding_bits: (s) =>
    chances(s, (share, rare) => {
      const sent = quoted(s.signature?.accept_encoding);
      const what = sent === ""
        ? "no Accept-Encoding"
        : `Accept-Encoding ${sent}`;
      return rare
        ? sent === ""
          ? `${what}, which ${claimed(s)} sends`
          : `${what}, which ${claimed(s)} does not send`
        : `${what}, as in ${share} of ${claimed(s)}`;
    }),
  language_bits: (s) =>
    chances(s, (share) => {
      const sent = quoted(s.signature?.accept_language);
      return `${
        sent === "" ? "no Accept-Language" : `Accept-Language ${sent}`
      }, as ${share} of visitors`;
    }),
  ttl_spread: ({ facts, median }) => ({
    here: counted(facts.ttls, "TTL"),
    usual: counted(Math.round(median) + 1, "TTL"),
    clause: `its SYNs come with ${facts.ttls} different TTLs`,
  }),
  alpn_mismatch: (s) =>
    among(
      s,
      s.facts.alpn_mismatches + s.facts.alpn_unused,
      (x) =>
        s.facts.alpn_mismatches > 0
          ? `HTTP/2 that ALPN did not offer in ${x}`
          : `HTTP/1 in ${x}, though ALPN offered HTTP/2`,
    ),
  sni_mismatch: (s) =>
    among(
      s,
      s.facts.sni_mismatches,
      (x) =>
        s.facts.any_sni === ""
          ? `no server name (SNI) in the handshake of ${x}`
          : `another server name in the handshake than in ${x}`,
    ),
  hint_mismatch: (s) =>
    among(
      s,
      s.facts.hint_mismatches,
      (x) => `client hints missing or against the User-Agent in ${x}`,
    ),
  sec_fetch_missing: (s) =>
    among(
      s,
      s.facts.without_sec_fetch,
      (x) => `none of ${possessive(claimed(s))} Sec-Fetch headers in ${x}`,
    ),
  sec_fetch_impossible: (s) =>
    among(
      s,
      s.facts.impossible_sec_fetch,
      (x) => `Sec-Fetch headers that no browser sends in ${x}`,
    ),
  language_missing: (s) =>
    among(s, s.facts.without_language, (x) => `no Accept-Language in ${x}`),
  user_agent_missing: (s) =>
    among(s, s.facts.without_user_agent, (x) => `no User-Agent in ${x}`),
  resume_shortage: ({ facts, median }) => {
    const again = Math.max(0, facts.client_connections - 1);
    const short = Math.round(again * ratio(median, log2p1(again)));
    return {
      here: `${facts.client_resumed} of ${again} resumed`,
      usual: `${again - short} of ${again}`,
      clause: `of ${counted(again, "reconnection")} ${
        facts.client_resumed === 0 ? "none" : facts.client_resumed
      } resumed its TLS session`,
    };
  },
  hello_ms: ({ value, median }) => ({
    here: milliseconds(value),
    usual: milliseconds(median),
    clause: `its ClientHello comes ${milliseconds(value)} after the SYN`,
  }),
  proxy_gap_ms: ({ value, median }) => ({
    here: milliseconds(value),
    usual: milliseconds(median),
    clause: `TLS begins ${
      milliseconds(value)
    } further away than TCP, as through a proxy`,
  }),
  hello_steadiness: ({ facts, median, value }) => ({
    here: value === 0 ? "too few" : `± ${percent(facts.hello_spread)}`,
    usual: median === 0 ? "too few" : `± ${variation(median, 0.05)}`,
    clause: value === 0
      ? ""
      : `SYN to ClientHello takes nearly the same each time (± ${
        percent(facts.hello_spread)
      })`,
  }),
  requests: (s) => plain(s, (n) => counted(n, "request")),
  peak_10s: (s) =>
    plain(s, (n) => `${counted(n, "request")} within ten seconds`),
  pause_regularity: ({ facts, median, value }) => {
    if (value === 0) return few(median === 0 ? "" : variation(median, 0.1));
    const every = seconds(facts.pause_ms / 1000);
    const spread = percent(facts.pause_cv);
    return {
      here: `every ${every} ± ${spread}`,
      usual: median === 0 ? "too few pages" : `± ${variation(median, 0.1)}`,
      clause: `a page every ${every} (variation ${spread})`,
    };
  },
  pause_mode_share: ({ facts, median, value }) => ({
    here: percent(value),
    usual: percent(median),
    clause: `${percent(value)} of its pauses are of one length, about ${
      seconds(facts.pause_ms / 1000)
    }`,
  }),
  pause_bits_missing: ({ facts, median, value }) => ({
    here: `${value.toFixed(1)} bits`,
    usual: `${median.toFixed(1)} bits`,
    clause: `its pauses hardly differ (about ${
      seconds(facts.pause_ms / 1000)
    } each)`,
  }),
  pause_echo: ({ median, value }) => ({
    here: percent(value),
    usual: percent(median),
    clause: `each pause follows from the one before (correlation ${
      percent(value)
    })`,
  }),
  span_s: ({ value, median }) => ({
    here: seconds(value),
    usual: seconds(median),
    clause: `it was active for ${seconds(value)}`,
  }),
  path_entropy: ({ facts, value, median }) => ({
    here: percent(value),
    usual: percent(median),
    clause: value > median
      ? "almost every request asks for another path"
      : `the same paths again and again, most often ${quoted(facts.top_path)}`,
  }),
  cold_path_bits: ({ value, median }) => ({
    here: `${percent(2 ** -value)} open them`,
    usual: percent(2 ** -median),
    clause: `pages that hardly anybody opens (${
      percent(2 ** -value)
    } of visitors)`,
  }),
  id_walk: (s) =>
    plain(s, () => "the numbers in its paths count up", (n) => n.toFixed(1)),
  pages_without_assets: ({ facts, median }) => {
    const { assets, documents, requests } = facts;
    const pages = Math.min(6, log2p1(documents));
    const some = counted(
      assets,
      "image, style or script",
      "images, styles and scripts",
    );
    return {
      here: `${assets} of ${requests}`,
      usual: `${
        Math.round(requests * (1 - ratio(median, pages)))
      } of ${requests}`,
      clause: `${
        assets === 0 ? "not one image, style or script" : `only ${some}`
      } with ${counted(documents, "page")}`,
    };
  },
  cache_forgotten: ({ value, median }) => ({
    here: counted(Math.round(2 ** value - 1), "asset"),
    usual: counted(Math.round(2 ** median - 1), "asset"),
    clause: `${
      counted(
        Math.round(2 ** value - 1),
        "image, style or script",
        "images, styles and scripts",
      )
    } fetched again in full`,
  }),
  client_error_load: (s) =>
    loaded(
      s,
      s.facts.client_errors,
      s.facts.requests,
      (x) => `${x} requests answered with an error (4xx)`,
    ),
  not_found_paths: (s) =>
    plain(s, (n) => `${counted(n, "different path")} that do not exist`),
  probe_hits: (s) =>
    plain(s, (n) => `${counted(n, "request")} for known weak spots`),
  auth_failures: (s) =>
    plain(s, (n) => `${counted(n, "request")} refused (401, 402, 403, 429)`),
  sign_in_posts: (s) => plain(s, (n) => `${counted(n, "attempt")} to sign in`),
  blind_posts: (s) =>
    plain(
      s,
      (n) => `${counted(n, "attempt")} to sign in without opening the form`,
    ),
  odd_method_share: (s) =>
    among(
      s,
      s.facts.odd_methods,
      (x) => `methods other than GET and POST in ${x}`,
    ),
  distinct_queries: (s) =>
    plain(s, (n) => `${counted(n, "different query", "different queries")}`),
  referrer_missing: (s) =>
    loaded(
      s,
      s.facts.later_without_referrer,
      Math.max(0, s.facts.documents - 1),
      (x) => `no referrer on ${x} pages after the first`,
      log2p1(s.facts.documents),
    ),
  cookie_missing: (s) =>
    loaded(
      s,
      s.facts.later_without_cookie,
      Math.max(0, s.facts.requests - 1),
      (x) => `no cookie in ${x} requests after the first`,
      log2p1(s.facts.requests),
    ),
  page_size_sameness: ({ facts, median, value }) => {
    if (value === 0) return few(median === 0 ? "" : variation(median, 0.2));
    return {
      here: `± ${percent(facts.page_size_cv)}`,
      usual: median === 0 ? "too few pages" : `± ${variation(median, 0.2)}`,
      clause: `its ${facts.documents} pages are nearly of one size (variation ${
        percent(facts.page_size_cv)
      })`,
    };
  },
  connections: (s) => plain(s, (n) => `${counted(n, "connection")}`),
  requests_per_connection: (s) =>
    plain(
      s,
      (n) => `${number(n)} requests a connection`,
    ),
  user_agents: (s) => plain(s, (n) => `${counted(n, "User-Agent")} in turn`),
  agent_ja4s: ({ facts, median }) => ({
    here: counted(Math.max(1, facts.client_ja4s), "JA4"),
    usual: counted(Math.round(median) + 1, "JA4"),
    clause: `${facts.client_ja4s} JA4s under one User-Agent`,
  }),
  group_excess: (s) =>
    grouped(s, (addresses) => `${addresses} share its odd fingerprint`),
  group_homogeneity: (s) =>
    grouped(
      s,
      (addresses) =>
        `the ${addresses} of its fingerprint act alike, without images, styles or scripts`,
    ),
};

function handshake(s: Subject): Phrase {
  return chances(s, (share, rare) => {
    const { ja4_label, ua_family } = s.facts;
    const label = shorten(printable(ja4_label), 40);
    const of = label === "" ? "its TLS handshake" : `the handshake of ${label}`;
    return label !== "" && rare && !isEngine(label, ua_family)
      ? `its TLS handshake is that of ${label}, not of ${claimed(s)}`
      : `${claimed(s)} has ${of} in ${share} of networks`;
  });
}

const CHROMIUM = ["chrome", "edge", "opera", "headless_chrome"];

/** Whether a handshake of this name may well be one of the browser's engine. */
function isEngine(label: string, family: string): boolean {
  return label.toLowerCase().startsWith(
    CHROMIUM.includes(family) ? "chrom" : family,
  );
}
