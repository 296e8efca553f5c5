/**
 * The features of a window, by which the detector compares a client with people: names as stored,
 * and what the dashboard shows. docs/detection.md says how each is made.
 *
 * @module
 */

/**
 * `bits`: -log2 of a probability learned from the traffic. `share`: 0..1. `index`: a number without
 * a unit of its own, 0 = nothing to see.
 */
export type FeatureUnit = "bits" | "share" | "index" | "count" | "ms" | "s";

/** One column of the feature vector. */
export interface Feature {
  readonly name: string;
  /** For a person. */
  readonly label: string;
  readonly unit: FeatureUnit;
  /** Side on which a value is unusual for people. */
  readonly direction: "high" | "both";
  /** Scale on which differences matter; axes follow it. */
  readonly scale: "linear" | "log";
}

/** In the order of the feature vector, of `models.feature_names` and of `scores.features`. */
export const FEATURES = [
  {
    name: "ua_ja4_bits",
    label: "Browser claimed against TLS handshake",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "ja4_ua_bits",
    label: "TLS handshake against browser claimed",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "ja4_rarity_bits",
    label: "Rarity of the JA4",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "header_order_bits",
    label: "Header order against browser claimed",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "order_monotony",
    label: "Requests in one header order",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "tcp_os_bits",
    label: "TCP stack against system claimed",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "mss_bits",
    label: "Segment size against system claimed",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "encoding_bits",
    label: "Accept-Encoding against browser claimed",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "language_bits",
    label: "Language among visitors",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "ttl_spread",
    label: "Different TTLs under one handshake",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "alpn_mismatch",
    label: "ALPN against HTTP version",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "sni_mismatch",
    label: "SNI missing or not the host",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "hint_mismatch",
    label: "Client hints against User-Agent",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "sec_fetch_missing",
    label: "Sec-Fetch headers missing",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "sec_fetch_impossible",
    label: "Sec-Fetch headers impossible",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "language_missing",
    label: "Accept-Language missing",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "user_agent_missing",
    label: "User-Agent missing",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "resume_shortage",
    label: "TLS sessions never resumed",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "hello_ms",
    label: "SYN to ClientHello",
    unit: "ms",
    direction: "high",
    scale: "log",
  },
  {
    name: "proxy_gap_ms",
    label: "TLS client behind the TCP client",
    unit: "ms",
    direction: "high",
    scale: "log",
  },
  {
    name: "hello_steadiness",
    label: "Steadiness of SYN to ClientHello",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "requests",
    label: "Requests",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "peak_10s",
    label: "Requests in the busiest 10 s",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "pause_regularity",
    label: "Regularity of pauses",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "pause_mode_share",
    label: "Pauses of one length",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "pause_bits_missing",
    label: "Variety that pauses lack",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "pause_echo",
    label: "Pauses that repeat the last",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "span_s",
    label: "Time active",
    unit: "s",
    direction: "high",
    scale: "log",
  },
  {
    name: "path_entropy",
    label: "Evenness of paths",
    unit: "share",
    direction: "both",
    scale: "linear",
  },
  {
    name: "cold_path_bits",
    label: "Unpopular paths",
    unit: "bits",
    direction: "high",
    scale: "linear",
  },
  {
    name: "id_walk",
    label: "Numbers counted up in paths",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "pages_without_assets",
    label: "Images, styles, scripts",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "cache_forgotten",
    label: "Assets fetched again in full",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "client_error_load",
    label: "Client errors",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "not_found_paths",
    label: "Different paths not found",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "probe_hits",
    label: "Requests for known weak spots",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "auth_failures",
    label: "Refused requests (401, 402, 403, 429)",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "sign_in_posts",
    label: "Sign-in attempts",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "blind_posts",
    label: "Sign-in attempts without the form",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "odd_method_share",
    label: "Methods other than GET and POST",
    unit: "share",
    direction: "high",
    scale: "linear",
  },
  {
    name: "distinct_queries",
    label: "Different queries",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "referrer_missing",
    label: "Pages without referrer",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "cookie_missing",
    label: "Requests without cookie",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "page_size_sameness",
    label: "Pages of one size",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "connections",
    label: "Connections",
    unit: "count",
    direction: "high",
    scale: "log",
  },
  {
    name: "requests_per_connection",
    label: "Requests a connection",
    unit: "count",
    direction: "both",
    scale: "log",
  },
  {
    name: "user_agents",
    label: "Different User-Agents",
    unit: "count",
    direction: "high",
    scale: "linear",
  },
  {
    name: "agent_ja4s",
    label: "JA4s under one User-Agent",
    unit: "count",
    direction: "high",
    scale: "linear",
  },
  {
    name: "group_excess",
    label: "Addresses with this odd fingerprint",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
  {
    name: "group_homogeneity",
    label: "Addresses that act as one",
    unit: "index",
    direction: "high",
    scale: "linear",
  },
] as const satisfies readonly Feature[];

/** Name of a feature. */
export type FeatureName = typeof FEATURES[number]["name"];

/** Column of each feature. */
export const COLUMN: Readonly<Record<FeatureName, number>> = Object.fromEntries(
  FEATURES.map((feature, column) => [feature.name, column]),
) as Record<FeatureName, number>;

const byName: ReadonlyMap<string, Feature> = new Map(
  FEATURES.map((feature) => [feature.name, feature]),
);

/** The feature of this name; undefined for one that an older version stored. */
export function featureNamed(name: string): Feature | undefined {
  return byName.get(name);
}
