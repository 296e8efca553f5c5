/**
 * Reads the windows of a span: what a pass over the requests gives for each client, and what its
 * requests say about it. One row a (window_start, src_ip, ja4, http_host).
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import { invariant } from "../lib/invariant.ts";
import { parseIp } from "../lib/ip.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { micros, type Span, within } from "./learned.ts";

/** What requests of one kind from one kind of client have in common. */
export interface Signature {
  readonly ua_family: string;
  readonly ua_version: number;
  readonly ua_os: string;
  /** sec-fetch-mode, or `post` or `get`. */
  readonly kind: string;
  readonly stable_order: string;
  readonly tcp_signature: string;
  readonly tcp_mss: number;
  readonly accept_encoding: string;
  readonly accept_language: string;
}

/** A row of the view `window_facts`, its signatures resolved; counts are of requests. */
export interface WindowFacts {
  readonly window_start: UnixMicros;
  readonly window_s: number;
  readonly src_ip: IpAddress;
  /** Of the full handshake, also where the client resumed. */
  readonly ja4: string;
  /** As captured, up to eight. */
  readonly ja4s_seen: readonly string[];
  /** Whose JA4 it is known to be; empty if nobody's. */
  readonly ja4_label: string;
  readonly http_host: string;
  readonly requests: number;
  readonly first_ts: UnixMicros;
  readonly last_ts: UnixMicros;
  readonly user_agent: string;
  readonly ua_family: string;
  readonly ua_version: number;
  readonly ua_os: string;
  readonly asn: number;
  readonly country: string;
  readonly network_kind: string;
  readonly bot_name: string;
  readonly user_agents: number;
  readonly without_user_agent: number;
  readonly top_path: string;
  readonly top_method: string;
  readonly any_sni: string;
  readonly has_tls: number;
  /** Requests of each signature. */
  readonly signatures: readonly (readonly [Signature, number])[];
  readonly orders: number;
  /** HTTP/2 that ALPN did not offer. */
  readonly alpn_mismatches: number;
  /** HTTP/1 where ALPN offered h2. */
  readonly alpn_unused: number;
  readonly sni_mismatches: number;
  readonly without_sni: number;
  readonly hint_mismatches: number;
  readonly hollow_chrome: number;
  readonly without_sec_fetch: number;
  readonly impossible_sec_fetch: number;
  readonly without_language: number;
  readonly connections: number;
  /** Of all windows of this address and host in this span of time, whatever the JA4. */
  readonly client_resumed: number;
  readonly client_connections: number;
  /** Pages that a browser opened from outside the site. */
  readonly entries: number;
  /** Distinct TTLs of the SYNs as sent: 32, 64, 128 or 255. */
  readonly ttls: number;
  /** Of all windows of this address, host and User-Agent: distinct JA4s. */
  readonly client_ja4s: number;
  /** Addresses of this JA4, family and host that failed to sign in within this span of time. */
  readonly failing_addresses: number;
  /** Connections whose SYN was seen, up to 256, and the spread of their gap: MAD / median. */
  readonly hello_count: number;
  readonly hello_spread: number;
  readonly hello_ms: number;
  readonly proxy_ms: number;
  readonly peak_10s: number;
  readonly documents: number;
  readonly assets: number;
  /** Assets asked for again, and those of them that were answered 304. */
  readonly asset_repeats: number;
  readonly assets_revalidated: number;
  readonly path_bits: number;
  readonly cold_bits: number;
  readonly pause_count: number;
  /** Median; 0 where there are too few. */
  readonly pause_ms: number;
  readonly pause_cv: number;
  readonly pause_bits_missing: number;
  readonly pause_mode_share: number;
  readonly pause_echo: number;
  readonly id_walk: number;
  readonly client_errors: number;
  readonly not_found_paths: number;
  readonly auth_failures: number;
  readonly unauthorized: number;
  readonly probes_hit: number;
  readonly probe_paths: number;
  readonly sign_in_posts: number;
  readonly sign_in_failures: number;
  readonly sign_in_views: number;
  readonly odd_methods: number;
  readonly forbidden_methods: number;
  readonly queries: number;
  readonly later_without_referrer: number;
  readonly later_without_cookie: number;
  /** -1 where there are too few pages. */
  readonly page_size_cv: number;
  readonly bytes: number;
  /** TLS handshakes without a request; where they are all there is, `requests` is 0. */
  readonly silent_handshakes: number;
}

/** What a window has of which only a handshake is known. */
export const WITHOUT_REQUESTS = {
  requests: 0,
  user_agent: "",
  ua_family: "",
  ua_version: 0,
  ua_os: "",
  bot_name: "",
  user_agents: 0,
  without_user_agent: 0,
  top_path: "",
  top_method: "",
  has_tls: 1,
  signatures: [],
  orders: 1,
  alpn_mismatches: 0,
  alpn_unused: 0,
  sni_mismatches: 0,
  hint_mismatches: 0,
  hollow_chrome: 0,
  without_sec_fetch: 0,
  impossible_sec_fetch: 0,
  without_language: 0,
  entries: 0,
  client_resumed: 0,
  client_connections: 0,
  client_ja4s: 1,
  failing_addresses: 0,
  ttls: 0,
  hello_count: 0,
  hello_spread: 0,
  hello_ms: 0,
  proxy_ms: 0,
  peak_10s: 0,
  documents: 0,
  assets: 0,
  asset_repeats: 0,
  assets_revalidated: 0,
  path_bits: 0,
  cold_bits: 0,
  pause_count: 0,
  pause_ms: 0,
  pause_cv: 0,
  pause_bits_missing: 0,
  pause_mode_share: 0,
  pause_echo: 0,
  id_walk: 0,
  client_errors: 0,
  not_found_paths: 0,
  auth_failures: 0,
  unauthorized: 0,
  probes_hit: 0,
  probe_paths: 0,
  sign_in_posts: 0,
  sign_in_failures: 0,
  sign_in_views: 0,
  odd_methods: 0,
  forbidden_methods: 0,
  queries: 0,
  later_without_referrer: 0,
  later_without_cookie: 0,
  page_size_cv: -1,
  bytes: 0,
} as const;

/** As it comes from the database. */
type WindowRow =
  & Omit<
    WindowFacts,
    "src_ip" | "signatures" | "silent_handshakes"
  >
  & {
    readonly src_ip: string;
    readonly signatures: Readonly<Record<string, number>>;
  };

/** Options of {@linkcode readWindows}. */
export interface ReadOptions {
  readonly windowS: number;
  /** Bits of a path that is not among the learned ones. */
  readonly coldBits: number;
  /** Only windows that start at `openFrom` (microseconds) or later, or have events stored since `since` (seconds). */
  readonly touched?: { readonly since: number; readonly openFrom: number };
  /** Of so many addresses one is read. @default 1 */
  readonly every?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The windows with a request in `span`, ordered by their key. */
export async function readWindows(
  db: Database,
  span: Span,
  options: ReadOptions,
): Promise<WindowFacts[]> {
  const query = {
    signal: options.signal,
    settings: { output_format_json_quote_64bit_integers: 0 },
    timeoutMs: 120_000,
  };
  const catalogue = await db.query<Signature & { id: string }>(
    sql`
SELECT toString(signature) AS id, any(ua_family) AS ua_family, any(ua_version) AS ua_version, any(ua_os) AS ua_os,
  any(kind) AS kind, any(stable_order) AS stable_order, any(tcp_signature) AS tcp_signature, any(tcp_mss) AS tcp_mss,
  any(accept_encoding) AS accept_encoding, any(accept_language) AS accept_language
FROM client_facts WHERE ${within(span)} GROUP BY signature`,
    query,
  );
  const signatures = new Map<string, Signature>(
    catalogue.map(({ id, ...signature }) => [id, signature]),
  );
  const rows = await db.query<WindowRow>(
    sql`
SELECT * EXCEPT (touched) REPLACE (toUnixTimestamp(window_start) * 1000000 AS window_start,
  toUnixTimestamp64Micro(first_ts) AS first_ts, toUnixTimestamp64Micro(last_ts) AS last_ts),
  ${
      typed(options.windowS, "UInt32")
    } AS window_s, dictGet('dict_ja4', 'label', tuple(toString(ja4))) AS ja4_label
FROM window_facts(win = ${typed(options.windowS, "UInt32")}, from = ${
      micros(span.from)
    }, to = ${micros(span.to)}, cold = ${
      typed(options.coldBits, "Float32")
    }, every = ${typed(options.every ?? 1, "UInt32")})
${touchedOnly(options)}
ORDER BY window_start, http_host, ja4, src_ip`,
    query,
  );
  return rows.map((row) => {
    const src_ip = parseIp(row.src_ip);
    invariant(src_ip !== undefined, "the database gave no address");
    return {
      ...row,
      silent_handshakes: 0,
      src_ip,
      signatures: Object.entries(row.signatures).flatMap(([id, count]) => {
        const signature = signatures.get(id);
        return signature === undefined ? [] : [[signature, count] as const];
      }),
    };
  });
}

function touchedOnly({ touched }: ReadOptions): Sql {
  if (touched === undefined) return sql``;
  const openFrom = Math.floor(touched.openFrom / 1e6);
  return sql`
WHERE touched >= toDateTime(${typed(touched.since, "UInt32")}, 'UTC')
  OR window_start >= toDateTime(${typed(openFrom, "UInt32")}, 'UTC')`;
}
