/**
 * CorrelatedEvents in, columns of the tables `http_events` and `ja4_catalog` out, ready for
 * `Database.insert`. One table of columns says which field feeds which column, so that
 * migrations/0002_http_events has its counterpart in one place.
 *
 * Numbers beyond the range of their column are cut to its bounds and absent facts become the
 * column's zero: a row is never refused because a client sent something odd.
 *
 * @module
 */
import type {
  CorrelatedEvent,
  HandshakeFacts,
  IpAddress,
  RequestFacts,
} from "./events.ts";
import { writeIpBytes } from "./ip.ts";
import type { ArrayData, Column, ColumnData } from "./native_format.ts";

/** Any CorrelatedEvent with the fields of all variants in reach. */
type Flat =
  & Omit<
    Extract<CorrelatedEvent, { match: "none" }>,
    "match" | "orphan_reason" | keyof RequestFacts
  >
  & Partial<RequestFacts>
  & Partial<HandshakeFacts>
  & {
    readonly match: CorrelatedEvent["match"];
    readonly orphan_reason?: string;
    readonly hello_ts?: number;
    readonly match_age_us?: number;
  };

/** How one column is filled from all events of a block. */
interface ColumnRule {
  readonly name: string;
  readonly type: string;
  fill(events: readonly Flat[]): ColumnData;
}

/** Columns of `http_events` for `events`, in their order. */
export function httpEventColumns(events: readonly CorrelatedEvent[]): Column[] {
  return toColumns(HTTP_EVENTS, events);
}

/**
 * Columns of `ja4_catalog`, a row an event. The caller passes only events that have a `ja4`, each
 * JA4 once.
 */
export function ja4CatalogColumns(
  events: readonly CorrelatedEvent[],
): Column[] {
  return toColumns(JA4_CATALOG, events);
}

function toColumns(
  rules: readonly ColumnRule[],
  events: readonly CorrelatedEvent[],
): Column[] {
  const flat = events as readonly Flat[];
  return rules.map(({ name, type, fill }) => ({
    name,
    type,
    data: fill(flat),
  }));
}

const TEXT = "LowCardinality(String)";
const MICROS = "DateTime64(6, 'UTC')";
const MATCH = { conn: 1, window: 2, none: 3, tls_only: 4 } as const;

const HTTP_EVENTS: readonly ColumnRule[] = [
  numbers("ts", MICROS, (event) => event.ts),
  { name: "event_id", type: "UUID", fill: eventIds },
  texts("sensor", TEXT, (event) => event.sensor),
  numbers(
    "match",
    "Enum8('conn' = 1, 'window' = 2, 'none' = 3, 'tls_only' = 4)",
    (event) => MATCH[event.match],
  ),
  texts("orphan_reason", TEXT, (event) => event.orphan_reason),
  numbers("hello_ts", MICROS, (event) => event.hello_ts),
  numbers("match_age_us", "Int64", (event) => event.match_age_us),

  addresses("src_ip", (event) => event.src_ip),
  numbers("src_port", "UInt16", (event) => event.src_port),
  addresses("dest_ip", (event) => event.dest_ip),
  numbers("dest_port", "UInt16", (event) => event.dest_port),
  addresses("client_ip", (event) => event.client_ip ?? event.src_ip),
  texts("client_ip_source", TEXT, (event) => event.client_ip_source),
  texts("transport", TEXT, (event) => event.transport),
  texts("tunnel", TEXT, (event) => event.tunnel?.join("/")),
  texts("community_id", "String", (event) => event.community_id),
  numbers("conn", "UInt64", (event) => event.conn),
  numbers("conn_ts", MICROS, (event) => event.conn_ts),
  numbers("req_idx", "UInt32", (event) => event.req_idx),

  texts("ja4", TEXT, (event) => event.ja4),
  texts("ja4_stable", TEXT, (event) => event.ja4_stable),
  texts("ja3", TEXT, (event) => event.ja3),
  texts("ja3n", TEXT, (event) => event.ja3n),
  texts("sni", TEXT, (event) => event.sni),
  texts("client_alpns", TEXT, (event) => event.client_alpns?.join(",")),
  texts("tls_version_offered", TEXT, (event) => event.tls_version_offered),
  texts("hello_status", TEXT, (event) => event.status),
  numbers("hello", "UInt8", (event) => event.hello),
  numbers("hello_bytes", "UInt32", (event) => event.hello_bytes),
  numbers("hello_records", "UInt16", (event) => event.hello_records),
  numbers("hello_segments", "UInt16", (event) => event.hello_segments),
  booleans("out_of_order", (event) => event.out_of_order),
  texts("preamble", TEXT, (event) => event.preamble),
  booleans("grease", (event) => event.grease),
  booleans("post_quantum", (event) => event.post_quantum),
  booleans("ech", (event) => event.ech),
  booleans("psk", (event) => event.psk),
  booleans("early_data", (event) => event.early_data),

  numbers("ip_ttl", "UInt8", (event) => event.ip_ttl),
  booleans("ip_df", (event) => event.ip_df),
  numbers("ip_id", "UInt16", (event) => event.ip_id),
  numbers("tcp_window", "UInt16", (event) => event.tcp_window),
  numbers("tcp_mss", "UInt16", (event) => event.tcp_mss),
  numbers("tcp_wscale", "UInt8", (event) => event.tcp_wscale),
  texts("tcp_options", TEXT, (event) => event.tcp_options),
  numbers("tcp_rtt_us", "UInt32", (event) => event.tcp_rtt_us),
  numbers("syn_to_hello_us", "UInt32", (event) => event.syn_to_hello_us),

  texts("tls_version", TEXT, (event) => event.tls_version),
  texts("tls_cipher", TEXT, (event) => event.tls_cipher),
  booleans("tls_resumed", (event) => event.tls_resumed),
  texts("url_scheme", TEXT, (event) => event.url_scheme),
  texts("http_version", TEXT, (event) => event.http_version),
  texts("http_method", TEXT, (event) => event.http_method),
  texts("http_host", TEXT, (event) => event.http_host),
  texts("url_path", "String", (event) => event.url_path),
  texts("url_query", "String", (event) => event.url_query),
  numbers("status_code", "UInt16", (event) => event.status_code),
  numbers("request_bytes", "UInt64", (event) => event.request_bytes),
  numbers("response_bytes", "UInt64", (event) => event.response_bytes),
  numbers("duration_us", "UInt64", (event) => event.duration_us),
  header("user_agent", "user-agent"),
  header("referrer", "referer"),
  header("accept", "accept"),
  header("accept_language", "accept-language"),
  header("accept_encoding", "accept-encoding"),
  header("content_type", "content-type"),
  header("sec_ch_ua", "sec-ch-ua"),
  header("sec_ch_ua_mobile", "sec-ch-ua-mobile"),
  header("sec_ch_ua_platform", "sec-ch-ua-platform"),
  header("sec_fetch_site", "sec-fetch-site"),
  header("sec_fetch_mode", "sec-fetch-mode"),
  header("sec_fetch_dest", "sec-fetch-dest"),
  texts(
    "header_order",
    TEXT,
    (event) => event.header_names?.join(",").toLowerCase(),
  ),
  numbers(
    "header_count",
    "UInt16",
    (event) => (event.header_names?.length ?? 0) + (event.headers_dropped ?? 0),
  ),
  numbers("cookie_count", "UInt16", (event) => event.cookie_count),
  booleans("truncated", (event) => event.truncated),
  numbers("bad_utf8", "UInt16", (event) => event.bad_utf8),
];

const JA4_CATALOG: readonly ColumnRule[] = [
  texts("ja4", "String", (event) => event.ja4),
  texts("ja4_r", "String", (event) => event.ja4_r),
  texts("ja4_o", "String", (event) => event.ja4_o),
  texts("ja4_ro", "String", (event) => event.ja4_ro),
  texts("ja4_stable", TEXT, (event) => event.ja4_stable),
  texts("ja3", TEXT, (event) => event.ja3),
  texts("ja3_string", "String", (event) => event.ja3_string),
  texts("transport", TEXT, (event) => event.transport),
  texts("tls_version_offered", TEXT, (event) => event.tls_version_offered),
  lists("cipher_suites", "UInt16", (event) => event.cipher_suites),
  lists("extensions", "UInt16", (event) => event.extensions),
  lists("supported_groups", "UInt16", (event) => event.supported_groups),
  lists(
    "signature_algorithms",
    "UInt16",
    (event) => event.signature_algorithms,
  ),
  lists("ec_point_formats", "UInt8", (event) => event.ec_point_formats),
  lists("supported_versions", "UInt16", (event) => event.supported_versions),
  lists("key_share_groups", "UInt16", (event) => event.key_share_groups),
  lists("client_alpns", "String", (event) => event.client_alpns),
  booleans("grease", (event) => event.grease),
  numbers("first_seen", MICROS, (event) => event.hello_ts ?? event.ts),
];

/** Smallest and largest value of a column, as far as a number holds it exactly. */
function boundsOf(type: string): readonly [number, number] {
  if (type.startsWith("Enum8")) return [1, 4];
  switch (type) {
    case "UInt8":
      return [0, 0xff];
    case "UInt16":
      return [0, 0xffff];
    case "UInt32":
      return [0, 0xffff_ffff];
    case "Int64":
      return [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    default:
      return [0, Number.MAX_SAFE_INTEGER];
  }
}

function numbers(
  name: string,
  type: string,
  read: (event: Flat) => number | undefined,
): ColumnRule {
  const [min, max] = boundsOf(type);
  return {
    name,
    type,
    fill: (events) => {
      const data = new Float64Array(events.length);
      let row = 0;
      for (const event of events) {
        const value = read(event) ?? 0;
        // The comparisons are false for NaN, which leaves 0.
        if (value >= min) data[row] = value <= max ? Math.trunc(value) : max;
        else if (value < min) data[row] = min;
        row++;
      }
      return data;
    },
  };
}

function booleans(
  name: string,
  read: (event: Flat) => boolean | undefined,
): ColumnRule {
  return {
    name,
    type: "Bool",
    fill: (events) => {
      const data = new Uint8Array(events.length);
      let row = 0;
      for (const event of events) data[row++] = read(event) === true ? 1 : 0;
      return data;
    },
  };
}

function texts(
  name: string,
  type: string,
  read: (event: Flat) => string | undefined,
): ColumnRule {
  return {
    name,
    type,
    fill: (events) => events.map((event) => read(event) ?? ""),
  };
}

/** The value of one request header; a redacted one (`{"len":N}`) is empty. */
function header(name: string, key: string): ColumnRule {
  return texts(name, TEXT, ({ headers }) => {
    // A name is looked up as an own property: a client may send a header called "constructor".
    const value = headers !== undefined && Object.hasOwn(headers, key)
      ? headers[key]
      : undefined;
    return typeof value === "string" ? value : "";
  });
}

function addresses(
  name: string,
  read: (event: Flat) => IpAddress,
): ColumnRule {
  return {
    name,
    type: "IPv6",
    fill: (events) => {
      const data = new Uint8Array(events.length * 16);
      let at = 0;
      for (const event of events) {
        writeIpBytes(read(event), data, at);
        at += 16;
      }
      return data;
    },
  };
}

function lists(
  name: string,
  type: "UInt8" | "UInt16" | "String",
  read: (event: Flat) => readonly (number | string)[] | undefined,
): ColumnRule {
  return {
    name,
    type: `Array(${type})`,
    fill: (events): ArrayData => {
      const ends = new Uint32Array(events.length);
      const values: (number | string)[] = [];
      let row = 0;
      for (const event of events) {
        for (const value of read(event) ?? []) values.push(value);
        ends[row++] = values.length;
      }
      return { ends, values: values as number[] | string[] };
    },
  };
}

/** UUID texts as bytes in network order. */
function eventIds(events: readonly Flat[]): Uint8Array {
  const data = new Uint8Array(events.length * 16);
  let at = 0;
  for (const { event_id } of events) {
    for (let i = 0; i < event_id.length; i++) {
      const char = event_id.charCodeAt(i);
      if (char === 45) continue; // "-"
      const high = hexDigit(char);
      data[at++] = high << 4 | hexDigit(event_id.charCodeAt(++i));
    }
  }
  return data;
}

function hexDigit(char: number): number {
  return char <= 57 ? char - 48 : (char | 32) - 87;
}
