/**
 * Clients that shake hands and ask nothing: scanners of TLS, health probes, those who try names.
 * There is nothing to compare them with people by; the rules judge them, the lists too.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { invariant } from "../lib/invariant.ts";
import { parseIp } from "../lib/ip.ts";
import { sql, typed } from "../lib/sql.ts";
import { type Span, within } from "./learned.ts";
import type { ClientLists } from "./lists.ts";
import { SILENT_HANDSHAKES_MIN } from "./rules.ts";
import type { WindowFacts } from "./windows.ts";

const ROWS_MAX = 20_000;

interface SilentRow {
  readonly window_start: UnixMicros;
  readonly src_ip: string;
  readonly ja4: string;
  readonly ja4_label: string;
  readonly sni: string;
  readonly handshakes: number;
  readonly first_ts: UnixMicros;
  readonly last_ts: UnixMicros;
  readonly asn: number;
  readonly country: string;
  readonly network_kind: string;
}

/**
 * Windows of handshakes over TCP that no request followed, of clients that made many or that the
 * deny or watch list names.
 */
export async function readSilent(
  db: Database,
  span: Span,
  options: {
    windowS: number;
    lists: ClientLists;
    signal?: AbortSignal | undefined;
  },
): Promise<WindowFacts[]> {
  const rows = await db.query<SilentRow>(
    sql`
SELECT toUnixTimestamp(toStartOfInterval(h.ts, toIntervalSecond(${
      typed(options.windowS, "UInt32")
    }))) * 1000000 AS window_start,
  src_ip, toString(ja4) AS ja4, dictGet('dict_ja4', 'label', tuple(ja4)) AS ja4_label, anyHeavy(toString(h.sni)) AS sni,
  count() AS handshakes, toUnixTimestamp64Micro(min(h.ts)) AS first_ts, toUnixTimestamp64Micro(max(h.ts)) AS last_ts,
  any(h.asn) AS asn, any(toString(h.country)) AS country, any(toString(h.network_kind)) AS network_kind
FROM http_events AS h
WHERE match = 'tls_only' AND transport IN ('tcp', '') AND ${within(span)}
GROUP BY window_start, src_ip, ja4
ORDER BY handshakes DESC
LIMIT ${ROWS_MAX}`,
    {
      signal: options.signal,
      settings: { output_format_json_quote_64bit_integers: 0 },
    },
  );
  return rows.map((row) => asWindow(row, options.windowS)).filter((facts) =>
    facts.silent_handshakes >= SILENT_HANDSHAKES_MIN ||
    options.lists.deniedBy(facts) !== "" ||
    options.lists.watchedBy(facts) !== ""
  );
}

function asWindow(row: SilentRow, windowS: number): WindowFacts {
  const src_ip = parseIp(row.src_ip);
  invariant(src_ip !== undefined, "the database gave no address");
  return {
    ...NOTHING,
    window_start: row.window_start,
    window_s: windowS,
    src_ip,
    ja4: row.ja4,
    ja4s_seen: row.ja4 === "" ? [] : [row.ja4],
    ja4_label: row.ja4_label,
    http_host: row.sni,
    any_sni: row.sni,
    first_ts: row.first_ts,
    last_ts: row.last_ts,
    asn: row.asn,
    country: row.country,
    network_kind: row.network_kind,
    without_sni: row.sni === "" ? row.handshakes : 0,
    connections: row.handshakes,
    silent_handshakes: row.handshakes,
  };
}

/** A window without a request. */
const NOTHING = {
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
