/**
 * A handshake as the join holds it: what matching compares, and everything else as the text that a
 * row will contain. A text needs no work when it is written, and can be held where no collector of
 * garbage looks: a quarter of a million handshakes wait at a time, each for seconds or hours.
 *
 * @module
 */
import type {
  Connection,
  HandshakeEvent,
  HandshakeStatus,
  UnixMicros,
} from "../lib/events.ts";

/** What is compared, and what a row says in another place than the handshake did. */
export interface HelloHead extends Connection {
  readonly ts: UnixMicros;
  readonly transport: HandshakeEvent["transport"];
  readonly status: HandshakeStatus;
  readonly client_random_hash: string | undefined;
  /** Kept where there is no `client_random_hash` to tell a repetition by. */
  readonly ja4_ro: string | undefined;
  readonly sensor: string;
}

/** See the module's comment. */
export interface Hello extends HelloHead {
  /** {@linkcode handshakeFacts} */
  readonly facts: string;
}

/** What a row takes from a handshake beyond {@linkcode Hello}'s own connection, time and sensor. */
type Facts = Omit<
  HandshakeEvent,
  keyof Connection | "event_type" | "ts" | "seq" | "sensor" | "boot"
>;

/** The part of a handshake that is compared. */
export function helloHead(event: HandshakeEvent): HelloHead {
  const { client_random_hash } = event;
  return {
    ts: event.ts,
    src_ip: event.src_ip,
    src_port: event.src_port,
    dest_ip: event.dest_ip,
    dest_port: event.dest_port,
    transport: event.transport,
    status: event.status,
    client_random_hash,
    ja4_ro: client_random_hash === undefined ? event.ja4_ro : undefined,
    sensor: event.sensor,
  };
}

/** A handshake as rows contain it. */
export function helloOf(event: HandshakeEvent): Hello {
  return { ...helloHead(event), facts: handshakeFacts(event) };
}

/**
 * Members of a JSON object, without its braces. Every field is named: an unknown key of an input
 * never passes. A fact that is not known is `undefined`, which JSON leaves out.
 */
export function handshakeFacts(event: HandshakeEvent): string {
  const facts: { [Key in keyof Facts]-?: Facts[Key] | undefined } = {
    in_iface: event.in_iface,
    transport: event.transport,
    vlan: event.vlan,
    tunnel: event.tunnel,
    proxy_src_ip: event.proxy_src_ip,
    proxy_src_port: event.proxy_src_port,
    community_id: event.community_id,
    status: event.status,
    status_reason: event.status_reason,
    hello: event.hello,
    client_random_hash: event.client_random_hash,
    ja4: event.ja4,
    ja4_r: event.ja4_r,
    ja4_o: event.ja4_o,
    ja4_ro: event.ja4_ro,
    ja4_stable: event.ja4_stable,
    ja3: event.ja3,
    ja3_string: event.ja3_string,
    ja3n: event.ja3n,
    sni: event.sni,
    client_alpns: event.client_alpns,
    tls_version_offered: event.tls_version_offered,
    legacy_version: event.legacy_version,
    cipher_suites: event.cipher_suites,
    extensions: event.extensions,
    supported_groups: event.supported_groups,
    signature_algorithms: event.signature_algorithms,
    ec_point_formats: event.ec_point_formats,
    supported_versions: event.supported_versions,
    key_share_groups: event.key_share_groups,
    grease: event.grease,
    post_quantum: event.post_quantum,
    ech: event.ech,
    psk: event.psk,
    early_data: event.early_data,
    session_id_bytes: event.session_id_bytes,
    hello_bytes: event.hello_bytes,
    hello_records: event.hello_records,
    hello_segments: event.hello_segments,
    out_of_order: event.out_of_order,
    preamble: event.preamble,
    ip_ttl: event.ip_ttl,
    ip_df: event.ip_df,
    ip_id: event.ip_id,
    tcp_window: event.tcp_window,
    tcp_mss: event.tcp_mss,
    tcp_wscale: event.tcp_wscale,
    tcp_sack: event.tcp_sack,
    tcp_timestamps: event.tcp_timestamps,
    tcp_options: event.tcp_options,
    tcp_rtt_us: event.tcp_rtt_us,
    syn_to_hello_us: event.syn_to_hello_us,
  };
  return JSON.stringify(facts).slice(1, -1);
}

const HEAD =
  /\{"src_ip":"[0-9a-f.:]+","src_port":\d+,"dest_ip":"[0-9a-f.:]+","dest_port":\d+,"event_type":"handshake","ts":\d+,"seq":\d+,"sensor":"[^"\\]*","boot":\d+,(?=")/y;

/**
 * Where the facts begin in the text of an event as a sensor writes it, behind what {@linkcode Hello}
 * has itself; 0 for a text in another order.
 */
export function factsStart(text: string): number {
  HEAD.lastIndex = 0;
  return HEAD.test(text) && text.endsWith("}") ? HEAD.lastIndex : 0;
}
