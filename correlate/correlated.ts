/**
 * A joined pair in, the flat CorrelatedEvent out.
 *
 * Every field is named, for three reasons: an unknown key of an input never passes, no key of one
 * side can overwrite the other's, and all events have one shape, which halves what the steps
 * behind cost. A fact that is not known is `undefined`, which JSON leaves out.
 *
 * @module
 */
import type {
  CorrelatedEvent,
  HandshakeEvent,
  RequestEvent,
} from "../lib/events.ts";
import type { Joined } from "./join.ts";

/** Builds the event; `eventId` makes it unique. */
export function toCorrelated(joined: Joined, eventId: string): CorrelatedEvent {
  const request = joined.match === "tls_only" ? undefined : joined.request;
  const handshake = joined.match === "none" ? undefined : joined.handshake;
  return flatten(joined, eventId, { request, handshake }) as CorrelatedEvent;
}

function flatten(
  joined: Joined,
  event_id: string,
  { request, handshake }: {
    request: RequestEvent | undefined;
    handshake: HandshakeEvent | undefined;
  },
): unknown {
  const either = (request ?? handshake) as RequestEvent | HandshakeEvent;
  return {
    event_type: "correlated",
    ts: either.ts,
    event_id,
    match: joined.match,
    orphan_reason: joined.match === "none" ? joined.reason : undefined,
    hello_ts: handshake?.ts,
    match_age_us: request !== undefined && handshake !== undefined
      ? request.ts - handshake.ts
      : undefined,
    src_ip: either.src_ip,
    src_port: either.src_port,
    dest_ip: either.dest_ip,
    dest_port: either.dest_port,

    conn: request?.conn,
    conn_ts: request?.conn_ts,
    req_idx: request?.req_idx,
    pid: request?.pid,
    events_dropped: request?.events_dropped,
    client_ip: request?.client_ip,
    client_ip_source: request?.client_ip_source,
    url_scheme: request?.url_scheme,
    http_method: request?.http_method,
    http_host: request?.http_host,
    url_path: request?.url_path,
    url_query: request?.url_query,
    http_version: request?.http_version,
    status_code: request?.status_code,
    request_bytes: request?.request_bytes,
    response_bytes: request?.response_bytes,
    duration_us: request?.duration_us,
    header_names: request?.header_names,
    headers: request?.headers,
    cookie_count: request?.cookie_count,
    headers_dropped: request?.headers_dropped,
    truncated: request?.truncated,
    bad_utf8: request?.bad_utf8,
    control_bytes: request?.control_bytes,
    tls_version: request?.tls_version,
    tls_cipher: request?.tls_cipher,
    tls_resumed: request?.tls_resumed,
    tls_sni: request?.tls_sni,
    tls_cipher_suites: request?.tls_cipher_suites,
    tls_extensions: request?.tls_extensions,

    sensor: handshake?.sensor,
    in_iface: handshake?.in_iface,
    transport: handshake?.transport,
    vlan: handshake?.vlan,
    tunnel: handshake?.tunnel,
    proxy_src_ip: handshake?.proxy_src_ip,
    proxy_src_port: handshake?.proxy_src_port,
    community_id: handshake?.community_id,
    status: handshake?.status,
    status_reason: handshake?.status_reason,
    hello: handshake?.hello,
    client_random_hash: handshake?.client_random_hash,
    ja4: handshake?.ja4,
    ja4_r: handshake?.ja4_r,
    ja4_o: handshake?.ja4_o,
    ja4_ro: handshake?.ja4_ro,
    ja4_stable: handshake?.ja4_stable,
    ja3: handshake?.ja3,
    ja3_string: handshake?.ja3_string,
    ja3n: handshake?.ja3n,
    sni: handshake?.sni,
    client_alpns: handshake?.client_alpns,
    tls_version_offered: handshake?.tls_version_offered,
    legacy_version: handshake?.legacy_version,
    cipher_suites: handshake?.cipher_suites,
    extensions: handshake?.extensions,
    supported_groups: handshake?.supported_groups,
    signature_algorithms: handshake?.signature_algorithms,
    ec_point_formats: handshake?.ec_point_formats,
    supported_versions: handshake?.supported_versions,
    key_share_groups: handshake?.key_share_groups,
    grease: handshake?.grease,
    post_quantum: handshake?.post_quantum,
    ech: handshake?.ech,
    psk: handshake?.psk,
    early_data: handshake?.early_data,
    session_id_bytes: handshake?.session_id_bytes,
    hello_bytes: handshake?.hello_bytes,
    hello_records: handshake?.hello_records,
    hello_segments: handshake?.hello_segments,
    out_of_order: handshake?.out_of_order,
    preamble: handshake?.preamble,
    ip_ttl: handshake?.ip_ttl,
    ip_df: handshake?.ip_df,
    ip_id: handshake?.ip_id,
    tcp_window: handshake?.tcp_window,
    tcp_mss: handshake?.tcp_mss,
    tcp_wscale: handshake?.tcp_wscale,
    tcp_sack: handshake?.tcp_sack,
    tcp_timestamps: handshake?.tcp_timestamps,
    tcp_options: handshake?.tcp_options,
    tcp_rtt_us: handshake?.tcp_rtt_us,
    syn_to_hello_us: handshake?.syn_to_hello_us,
  };
}
