/**
 * The event vocabulary: what each stage hands to the next.
 *
 * Field names are the ClickHouse column names and the JSON keys; docs/fields.md gives each
 * field's unit, source and counterpart in EVE, ECS and Zeek. An optional field is absent in JSON
 * when the fact is not known; it is never null. Lists keep wire order.
 *
 * @module
 */

declare const brand: unique symbol;
/** A number or string that has passed the one parser which may make it. */
export type Branded<Base, Name extends string> = Base & {
  readonly [brand]: Name;
};

/** Microseconds since 1970-01-01T00:00:00Z. Exact in a number until the year 2255. */
export type UnixMicros = Branded<number, "us">;
/** Canonical text of an address: IPv4 dotted quad, or IPv6 as RFC 5952 writes it. */
export type IpAddress = Branded<string, "ip">;
/** A JA4 fingerprint, `a_b_c`, for example `t13d1516h2_8daaf6152771_b186095e22b6`. */
export type Ja4 = Branded<string, "ja4">;

/** The transport connection an event belongs to, client first. */
export interface Connection {
  /** Client end of the connection as the packets show it, never a header's claim. Join key. */
  readonly src_ip: IpAddress;
  /** Join key together with `src_ip`. */
  readonly src_port: number;
  readonly dest_ip: IpAddress;
  readonly dest_port: number;
}

/** What became of a ClientHello: only `complete` carries a fingerprint. */
export type HandshakeStatus =
  | "complete"
  | "malformed"
  | "truncated"
  | "gap"
  | "sslv2";

/** One ClientHello as the wire carried it. Made in capture/, never changed after. */
export interface HandshakeEvent extends Connection {
  readonly event_type: "handshake";
  /** Capture time of the packet that completed the ClientHello (or ended the attempt). */
  readonly ts: UnixMicros;
  /** Counts this sensor's handshake events since `boot`, from 1, without gaps. */
  readonly seq: number;
  /** Name of the capturing host, from the configuration. */
  readonly sensor: string;
  /** Start of the capture process, seconds since the epoch. */
  readonly boot: number;
  /** Interface or file the packet came from. */
  readonly in_iface?: string;
  readonly transport: "tcp" | "quic" | "dtls";
  /** 802.1Q identifiers, outermost first. */
  readonly vlan?: readonly number[];
  /** Encapsulations removed, outermost first, such as `["vxlan"]`. */
  readonly tunnel?: readonly string[];
  /** Source address of a PROXY protocol header before the ClientHello. */
  readonly proxy_src_ip?: IpAddress;
  readonly proxy_src_port?: number;
  /** Community ID v1 of the flow, `1:` and base64. */
  readonly community_id: string;
  readonly status: HandshakeStatus;
  /** Why the status is not `complete`; a closed set of words, docs/fields.md. */
  readonly status_reason?: string;
  /** 0 for the first ClientHello of a connection, 1 for the one after a HelloRetryRequest. */
  readonly hello: 0 | 1;
  /** First 16 hex digits of SHA-256 of the client random: tells a retransmission from a new hello. */
  readonly client_random_hash?: string;

  readonly ja4?: Ja4;
  readonly ja4_r?: string;
  readonly ja4_o?: string;
  readonly ja4_ro?: string;
  /** JA4 computed without extensions 0015, 0023, 0029 and 002a: equal before and after resumption. */
  readonly ja4_stable?: Ja4;
  /** MD5 of `ja3_string`, 32 hex digits. */
  readonly ja3?: string;
  readonly ja3_string?: string;
  /** JA3 with the extensions sorted, MD5. */
  readonly ja3n?: string;

  /** First host_name of server_name (RFC 6066, section 3); lossy UTF-8, hostile. */
  readonly sni?: string;
  /** Protocols of ALPN (RFC 7301) in offered order, GREASE removed; hostile. */
  readonly client_alpns?: readonly string[];
  /** Highest version offered, `1.3`, `1.2`, `1.1`, `1.0`, `ssl3` or `ssl2`; absent if unknown. */
  readonly tls_version_offered?: string;
  /** legacy_version of the ClientHello, such as 771. */
  readonly legacy_version?: number;
  /** Lists of code points in wire order, GREASE (RFC 8701) removed. */
  readonly cipher_suites?: readonly number[];
  readonly extensions?: readonly number[];
  readonly supported_groups?: readonly number[];
  readonly signature_algorithms?: readonly number[];
  readonly ec_point_formats?: readonly number[];
  readonly supported_versions?: readonly number[];
  readonly key_share_groups?: readonly number[];
  /** Whether any GREASE value was seen in any list. */
  readonly grease?: boolean;
  /** A hybrid post-quantum group (such as X25519MLKEM768, 4588) has a key share. */
  readonly post_quantum?: boolean;
  /** encrypted_client_hello is present (real or GREASE cannot be told apart). */
  readonly ech?: boolean;
  /** pre_shared_key is present: a resumption is offered. */
  readonly psk?: boolean;
  readonly early_data?: boolean;
  readonly session_id_bytes?: number;

  /** Length of the handshake message with its header. */
  readonly hello_bytes?: number;
  /** TLS records, CRYPTO frames or DTLS fragments, and TCP segments or UDP datagrams it came in. */
  readonly hello_records?: number;
  readonly hello_segments?: number;
  /** Some part came before an earlier one. */
  readonly out_of_order?: boolean;
  /** Clear text before the first record, such as `proxy_v1` or `starttls_smtp`. */
  readonly preamble?: string;

  /** From the SYN; absent when it was not seen. */
  readonly ip_ttl?: number;
  readonly ip_df?: boolean;
  readonly ip_id?: number;
  readonly tcp_window?: number;
  readonly tcp_mss?: number;
  readonly tcp_wscale?: number;
  readonly tcp_sack?: boolean;
  readonly tcp_timestamps?: boolean;
  /** Option kinds in order, `2-4-8-1-3`. */
  readonly tcp_options?: string;
  /** SYN/ACK to the client's ACK, microseconds. */
  readonly tcp_rtt_us?: number;
  /** SYN to the packet that began the ClientHello, microseconds. */
  readonly syn_to_hello_us?: number;
}

/** Periodic counters of a sensor, so that "no TLS seen" can be told from "lost". */
export interface StatsEvent {
  readonly event_type: "stats";
  readonly ts: UnixMicros;
  readonly sensor: string;
  readonly boot: number;
  readonly packets: number;
  readonly kernel_drops: number;
  readonly interface_drops: number;
  /** Events this process discarded because no reader kept up. */
  readonly events_dropped: number;
  readonly handshakes: number;
  readonly flows_held: number;
  readonly flows_evicted: number;
  readonly wasm_traps: number;
  /** Resident memory of the sensor, bytes. */
  readonly memory_bytes?: number;
}

/** What a sensor writes to `network.socket`. */
export type NetworkEvent = HandshakeEvent | StatsEvent;

/** One HTTP request as the web server logged it, at its end. */
export interface RequestEvent extends Connection {
  readonly event_type: "request";
  /** Start of the request. */
  readonly ts: UnixMicros;
  /** Identifies the connection within one server boot; below 2^53. Absent from feeders without one. */
  readonly conn?: number;
  /** When the server accepted the connection, or the data came that it was accepted with. */
  readonly conn_ts?: UnixMicros;
  /** Requests on this connection before this one, from 0. */
  readonly req_idx?: number;
  /** Process that sent the event, and its count of events from 1: a gap is a lost datagram. */
  readonly pid?: number;
  readonly seq?: number;
  /** Events that process could not send so far. */
  readonly events_dropped?: number;

  /** Client address a trusted proxy claims; a label only. */
  readonly client_ip?: IpAddress;
  readonly client_ip_source?: "proxy_protocol" | "x_forwarded_for";
  readonly url_scheme: "http" | "https";
  readonly http_method: string;
  /** The Host header as sent, without port, lower case. */
  readonly http_host: string;
  readonly url_path: string;
  readonly url_query?: string;
  /** `1.0`, `1.1`, `2` or `3`. */
  readonly http_version: string;
  readonly status_code: number;
  readonly request_bytes?: number;
  readonly response_bytes?: number;
  readonly duration_us?: number;

  /** Header names in received order, as received. Empty from feeders that do not know the order. */
  readonly header_names: readonly string[];
  /** Values of the configured headers by lower-case name; a credential is `{"len":N}`. */
  readonly headers: Readonly<Record<string, string | { readonly len: number }>>;
  /** Names in the Cookie header; 0 if there is none. */
  readonly cookie_count?: number;
  /** Headers whose names are not in `header_names`. */
  readonly headers_dropped?: number;
  /** Some value was cut to its limit. */
  readonly truncated?: boolean;
  /** Bytes that were not UTF-8 and became U+FFFD. */
  readonly bad_utf8?: number;
  /** Bytes below 0x20 but the tab, and 0x7f, in the texts. */
  readonly control_bytes?: number;

  /** As the server negotiated it: `1.3`, `1.2`, ... */
  readonly tls_version?: string;
  readonly tls_cipher?: string;
  readonly tls_resumed?: boolean;
  readonly tls_sni?: string;
  /** Code points that the client offered, as the server read them: wire order, GREASE removed. */
  readonly tls_cipher_suites?: readonly number[];
  readonly tls_extensions?: readonly number[];
}

/** The web server closed a connection: its handshake can be forgotten. */
export interface ConnectionEndEvent extends Connection {
  readonly event_type: "connection_end";
  readonly ts: UnixMicros;
  readonly conn: number;
  readonly pid?: number;
  readonly seq?: number;
}

/** What a web server writes to `http.socket`. */
export type HttpEvent = RequestEvent | ConnectionEndEvent;

/** How a request found its handshake; `tls_only` is a handshake that no request followed. */
export type Match = "conn" | "window" | "none" | "tls_only";

/** Why a request has no handshake. */
export type OrphanReason =
  | "no_hello"
  | "plaintext"
  | "capture_down"
  | "tls_evicted"
  | "upstream_tls"
  | "late"
  | "shutdown";

/** What a handshake adds to a request. */
export type HandshakeFacts = Omit<
  HandshakeEvent,
  keyof Connection | "event_type" | "ts" | "seq" | "boot"
>;

/** What a request adds to a handshake. */
export type RequestFacts = Omit<
  RequestEvent,
  keyof Connection | "event_type" | "ts" | "seq"
>;

/** One row of the table `http_events`: final, written once, never corrected. */
export type CorrelatedEvent =
  & Connection
  & {
    readonly event_type: "correlated";
    /** Start of the request; of the ClientHello where `match` is `tls_only`. */
    readonly ts: UnixMicros;
    /** Text of a UUID: 32 bits sensor hash, 32 bits spool epoch, 64 bits sequence. */
    readonly event_id: string;
  }
  & (
    | (RequestFacts & HandshakeFacts & {
      readonly match: "conn" | "window";
      readonly hello_ts: UnixMicros;
      /** Start of the request minus capture of the hello, microseconds; may be negative. */
      readonly match_age_us: number;
    })
    | (RequestFacts & {
      readonly match: "none";
      readonly orphan_reason: OrphanReason;
    })
    | (HandshakeFacts & {
      readonly match: "tls_only";
      readonly hello_ts: UnixMicros;
    })
  );

/** Severities in rising order. */
export const SEVERITIES = ["low", "medium", "high", "critical"] as const;
export type Severity = typeof SEVERITIES[number];

/** One feature's share in a verdict, as stored with scores and detections. */
export interface Reason {
  /** Name from lib/features.ts, snake_case. */
  readonly feature: string;
  /** Here. */
  readonly value: number;
  /** Usual among the reference: percentiles 5, 50, 95. */
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  /** Rank of `value` in the reference, 0..100. */
  readonly percentile: number;
  /** Side on which it is unusual. */
  readonly direction: "high" | "low";
  /** Signed share of the score; positive pushes towards bot. All shares and the base add up to the score. */
  readonly contribution: number;
  /** `value` and `p50` in quantities that people know, such as "100 of 101". */
  readonly here?: string;
  readonly usual?: string;
}

/** A rule that hit, with the facts that made it hit. */
export interface RuleHit {
  /** Stable identifier such as `impersonation`. */
  readonly rule: string;
  /** As docs/detection.md numbers it, such as `R3`. */
  readonly id?: string;
  /** Technique of MITRE ATT&CK, such as `T1036`. */
  readonly mitre?: string;
  readonly severity: Severity;
  /** One sentence for an analyst. */
  readonly text: string;
}

/** What an analyst is shown: a row of the table `detections`; triage state lives in `triage_events`. */
export interface Detection {
  /** `D-` and eight characters of Crockford base32, stable for (src_ip, ja4, http_host, day). */
  readonly id: string;
  readonly first_seen: UnixMicros;
  readonly last_seen: UnixMicros;
  readonly src_ip: IpAddress;
  readonly ja4: string;
  readonly http_host: string;
  readonly severity: Severity;
  readonly score: number;
  readonly p_value: number;
  readonly base: number;
  /** Short: what happens, such as "Sign-in attempts on login.example.com". */
  readonly title: string;
  /** Two or three generated sentences: why, in words. */
  readonly summary: string;
  /** Labels for the list, such as "UA/TLS mismatch". */
  readonly tags: readonly string[];
  readonly reasons: readonly Reason[];
  readonly rules: readonly RuleHit[];
  readonly requests: number;
  readonly windows: number;
  readonly user_agent: string;
  readonly campaign_id: string;
  readonly model_id: string;
}

/** An analyst's word on a detection. */
export type VerdictLabel =
  | "none"
  | "true_positive"
  | "false_positive"
  | "benign_bot";
export type TriageState = "open" | "acknowledged" | "archived" | "escalated";

/** One row of the append-only table `triage_events`. */
export interface Verdict {
  readonly ts: UnixMicros;
  readonly detection_id: string;
  readonly actor: string;
  readonly state?: TriageState;
  readonly verdict?: VerdictLabel;
  readonly assignee?: string;
  readonly note?: string;
}
