/**
 * Window facts and what was learned -> feature vectors. Pure.
 *
 * @module
 */
import { COLUMN, type FeatureName, FEATURES } from "../lib/features.ts";
import type { Learned, Relation } from "./learned.ts";
import type { Signature, WindowFacts } from "./windows.ts";

/** Feature vectors of windows. */
export interface FeatureMatrix {
  readonly rows: number;
  /** Row-major, rows x FEATURES.length, in the units of FEATURES; finite. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** The vectors of `windows`, in their order. */
export function featureMatrix(
  windows: readonly WindowFacts[],
  learned: Learned,
): FeatureMatrix {
  const values = new Float32Array(windows.length * FEATURES.length);
  const agreement = new Agreement(learned);
  for (const [row, facts] of windows.entries()) {
    const offset = row * FEATURES.length;
    const features = { ...countable(facts), ...agreement.of(facts) };
    for (const [name, value] of Object.entries(features)) {
      values[offset + COLUMN[name as FeatureName]] = Number.isFinite(value)
        ? value
        : 0;
    }
  }
  return { rows: windows.length, values };
}

/** The features that compare with what was learned. */
type LearnedFeature =
  | "ua_ja4_bits"
  | "ja4_ua_bits"
  | "ja4_rarity_bits"
  | "header_order_bits"
  | "tcp_os_bits"
  | "mss_bits"
  | "encoding_bits"
  | "language_bits"
  | "group_excess"
  | "group_homogeneity";

/** Visits below which they are one person's: who comes back twice is no crowd. */
const CROWD_MIN = 4;

/**
 * How many visitors a window seems to hold: an office has one address. Each opens a page from outside
 * the site on a connection of its own; two requests a visit at least, assets left out, so that a
 * client which opens every page so is no crowd.
 */
export function visitorsOf(
  w: Pick<WindowFacts, "entries" | "connections" | "requests" | "assets">,
): number {
  const seen = Math.min(
    w.entries,
    w.connections,
    Math.floor((w.requests - w.assets) / 2),
  );
  return seen < CROWD_MIN ? 1 : seen;
}

function countable(
  w: WindowFacts,
): Record<Exclude<FeatureName, LearnedFeature>, number> {
  const n = w.requests;
  const share = (count: number) => count / n;
  const people = visitorsOf(w);
  const pages = log2p1(w.documents / people);
  const each = n / people;
  const reconnections = Math.max(0, w.client_connections - people);
  // Each visitor has one page, and one request, that could not have what the later ones have.
  const laterPages = w.documents - people;
  const firstTimes = people - 1;
  const refetched = w.assets - w.assets_revalidated -
    people * (w.assets - w.asset_repeats);
  return {
    order_monotony: log2p1(each) / w.orders,
    ttl_spread: Math.max(0, w.ttls - 1),
    alpn_mismatch: share(w.alpn_mismatches + w.alpn_unused),
    sni_mismatch: share(w.sni_mismatches),
    hint_mismatch: share(w.hint_mismatches),
    sec_fetch_missing: share(w.without_sec_fetch),
    sec_fetch_impossible: share(w.impossible_sec_fetch),
    language_missing: share(w.without_language),
    user_agent_missing: share(w.without_user_agent),
    resume_shortage: w.has_tls && reconnections >= 2
      ? Math.max(0, 1 - w.client_resumed / reconnections) *
        log2p1(reconnections)
      : 0,
    hello_ms: w.hello_ms,
    proxy_gap_ms: w.proxy_ms,
    hello_steadiness: w.hello_count >= 4 ? 1 / (0.05 + w.hello_spread) : 0,
    requests: each,
    peak_10s: w.peak_10s,
    pause_regularity: w.pause_count >= 4 ? 1 / (0.1 + w.pause_cv) : 0,
    pause_mode_share: w.pause_mode_share,
    pause_bits_missing: w.pause_bits_missing,
    pause_echo: w.pause_echo,
    span_s: (w.last_ts - w.first_ts) / 1e6,
    path_entropy: n > 1 ? w.path_bits / Math.log2(n) : 0.5,
    cold_path_bits: w.cold_bits,
    id_walk: w.id_walk,
    pages_without_assets: (1 - share(w.assets)) * Math.min(pages, 6),
    cache_forgotten: log2p1(Math.max(0, refetched)),
    client_error_load: share(w.client_errors) * log2p1(each),
    not_found_paths: w.not_found_paths,
    probe_hits: w.probes_hit,
    auth_failures: w.auth_failures,
    sign_in_posts: w.sign_in_posts,
    blind_posts: w.sign_in_views === 0 ? w.sign_in_posts : 0,
    odd_method_share: share(w.odd_methods),
    distinct_queries: w.queries / people,
    referrer_missing: laterPages > 0
      ? Math.max(0, w.later_without_referrer - firstTimes) / laterPages * pages
      : 0,
    cookie_missing: n > people
      ? Math.max(0, w.later_without_cookie - firstTimes) / (n - people) *
        log2p1(each)
      : 0,
    page_size_sameness: w.page_size_cv >= 0 ? 1 / (0.2 + w.page_size_cv) : 0,
    connections: w.connections / people,
    requests_per_connection: n / Math.max(1, w.connections),
    user_agents: w.user_agents,
    agent_ja4s: Math.max(0, w.client_ja4s - 1),
  };
}

/** Bits of one signature under one JA4; the TLS and TCP parts are 0 without a handshake. */
interface SignatureBits {
  readonly ua_ja4_bits: number;
  readonly ja4_ua_bits: number;
  readonly header_order_bits: number;
  readonly tcp_os_bits: number;
  readonly mss_bits: number;
  readonly encoding_bits: number;
  readonly language_bits: number;
}

const NO_BITS: SignatureBits = {
  ua_ja4_bits: 0,
  ja4_ua_bits: 0,
  header_order_bits: 0,
  tcp_os_bits: 0,
  mss_bits: 0,
  encoding_bits: 0,
  language_bits: 0,
};

/**
 * Bits that tell nothing: what every second client of its kind does is usual, and how far a
 * probability lies from 1 is then a matter of how many such clients were seen.
 */
export const FREE_BITS = 1;

/** Requests that open pages or send forms: by their header order clients are grouped. */
const NAVIGATION = new Set(["navigate", "get", "post"]);

/** Do the layers of a client agree with each other? Remembers answers, since few signatures recur often. */
class Agreement {
  readonly #learned: Learned;
  readonly #known = new Map<string, WeakMap<Signature, SignatureBits>>();

  constructor(learned: Learned) {
    this.#learned = learned;
  }

  of(facts: WindowFacts): Record<LearnedFeature, number> {
    const sums = { ...NO_BITS } as Record<keyof SignatureBits, number>;
    let requests = 0;
    for (const [signature, count] of facts.signatures) {
      const bits = this.#bits(facts, signature);
      for (const name of Object.keys(sums) as (keyof SignatureBits)[]) {
        sums[name] += count * bits[name];
      }
      requests += count;
    }
    for (const name of Object.keys(sums) as (keyof SignatureBits)[]) {
      sums[name] /= Math.max(1, requests);
    }
    const group = this.#largestGroup(facts);
    const addresses = log2p1(group?.addresses ?? 0);
    return {
      ...sums,
      ja4_rarity_bits: facts.ja4 === "" ? 0 : this.#learned.rarity(facts.ja4),
      group_excess: addresses * Math.min(1, sums.header_order_bits / 3),
      group_homogeneity: addresses * (group?.homogeneity ?? 0),
    };
  }

  #largestGroup(facts: WindowFacts): ReturnType<Learned["group"]> {
    let largest: ReturnType<Learned["group"]>;
    for (const [signature] of facts.signatures) {
      const group = this.#learned.group(groupOf(facts.ja4, signature));
      if (group !== undefined && NAVIGATION.has(signature.kind)) {
        if (group.addresses > (largest?.addresses ?? 0)) largest = group;
      }
    }
    return largest;
  }

  #bits(facts: WindowFacts, signature: Signature): SignatureBits {
    const key = `${facts.ja4}|${facts.country}|${facts.network_kind}`;
    const ofKey = this.#known.getOrInsertComputed(key, () => new WeakMap());
    let bits = ofKey.get(signature);
    if (bits === undefined) {
      bits = this.#compute(facts, signature);
      ofKey.set(signature, bits);
    }
    return bits;
  }

  #compute(facts: WindowFacts, s: Signature): SignatureBits {
    const learned = this.#learned;
    const { ja4, country, network_kind } = facts;
    const agent = s.ua_family + s.ua_version;
    const generation = s.ua_family + Math.floor(s.ua_version / 20);
    const system = s.ua_family === "bot" ? "bot" : s.ua_os;
    const bits = (
      relation: Relation,
      key: string,
      value: string,
    ) => Math.max(0, learned.bits(relation, key, value) - FREE_BITS);
    const http = {
      header_order_bits: bits(
        "order_given_ua",
        `${generation}|${s.kind}`,
        s.stable_order,
      ),
      encoding_bits: bits(
        "encoding_given_ua",
        `${s.ua_family}|${s.kind}`,
        s.accept_encoding,
      ),
      language_bits: bits(
        "language_given_ua",
        narrowest(learned, "language_given_ua", s.ua_family, country),
        s.accept_language,
      ),
    };
    if (ja4 === "") return { ...NO_BITS, ...http };
    const released = learned.released(ja4, s.ua_family);
    return {
      ...http,
      ua_ja4_bits: released ? 0 : bits("ua_given_ja4", ja4, agent),
      ja4_ua_bits: released ? 0 : bits("ja4_given_ua", agent, ja4Family(ja4)),
      tcp_os_bits: s.tcp_signature === ""
        ? 0
        : bits("tcp_given_os", system, s.tcp_signature),
      mss_bits: s.tcp_mss === 0 ? 0 : bits(
        "mss_given_os",
        narrowest(learned, "mss_given_os", system, network_kind),
        String(s.tcp_mss),
      ),
    };
  }
}

/** Networks from which a narrower kind of client must be known before it is compared with its own kind. */
const NARROW_NETWORKS_MIN = 20;

/** `key` of one country or kind of network where enough is known of it, else of all. */
function narrowest(
  learned: Learned,
  relation: Relation,
  key: string,
  detail: string,
): string {
  const narrow = `${key}|${detail}`;
  return detail !== "" &&
      learned.networksWith(relation, narrow) >= NARROW_NETWORKS_MIN
    ? narrow
    : key;
}

/** Protocol, version and cipher hash: equal before and after resumption; as `client_facts.ja4_family`. */
export function ja4Family(ja4: string): string {
  return ja4 === "" ? "" : `${ja4.slice(0, 3)}_${ja4.split("_")[1] ?? ""}`;
}

/** Key of the clients that share JA4, family and header order; as in learned.ts. */
export function groupOf(ja4: string, signature: Signature): string {
  return `${ja4}|${signature.ua_family}|${signature.stable_order}`;
}

function log2p1(x: number): number {
  return Math.log2(1 + x);
}
