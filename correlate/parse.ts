/**
 * One line or datagram in, a typed event or the reason why it is none out.
 *
 * Strict about structure, so that everything behind this file may trust its types: a field of the
 * wrong type refuses the event. Lenient about vocabulary: an unknown key is ignored. Addresses
 * become canonical here; a value cannot be canonical anywhere else.
 *
 * @module
 */
import type {
  Connection,
  ConnectionEndEvent,
  HandshakeEvent,
  HttpEvent,
  IpAddress,
  NetworkEvent,
  RequestEvent,
  StatsEvent,
} from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";

/** Why a line is no event; the label of `correlate_events_invalid_total`. */
export type Refusal = "not_json" | "unknown_type" | "bad_field";

/** An event, or the reason why there is none. */
export type Parsed<Event> =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly reason: Refusal };

const NOT_JSON = { ok: false, reason: "not_json" } as const;
const UNKNOWN_TYPE = { ok: false, reason: "unknown_type" } as const;
const BAD_FIELD = { ok: false, reason: "bad_field" } as const;

/** Parsed JSON: an object whose fields may be anything. */
type Raw = Record<string, unknown>;
/** The same, with the field names of an event in reach. */
type Loose<Event> = { [Key in keyof Event]?: unknown };

/** Reads a line of `network.socket`. */
export function parseNetworkEvent(text: string): Parsed<NetworkEvent> {
  const raw = parseObject(text);
  if (raw === undefined) return NOT_JSON;
  switch (raw["event_type"]) {
    case "handshake":
      return isConnection(raw) && isHandshake(raw)
        ? { ok: true, event: raw as unknown as HandshakeEvent }
        : BAD_FIELD;
    case "stats":
      return isMicros(raw["ts"]) && isStats(raw)
        ? { ok: true, event: raw as unknown as StatsEvent }
        : BAD_FIELD;
    default:
      return UNKNOWN_TYPE;
  }
}

/** Reads a datagram of `http.socket`. */
export function parseHttpEvent(text: string): Parsed<HttpEvent> {
  const raw = parseObject(text);
  if (raw === undefined) return NOT_JSON;
  switch (raw["event_type"]) {
    case "request":
      return isConnection(raw) && isRequest(raw)
        ? { ok: true, event: raw as unknown as RequestEvent }
        : BAD_FIELD;
    case "connection_end":
      return isConnection(raw) && isConnectionEnd(raw)
        ? { ok: true, event: raw as unknown as ConnectionEndEvent }
        : BAD_FIELD;
    default:
      return UNKNOWN_TYPE;
  }
}

function parseObject(text: string): Raw | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value)
      ? value as Raw
      : undefined;
  } catch {
    return undefined;
  }
}

// The fields are named one by one, not listed in a table: a property access by name is several
// times cheaper than one by a variable, and this runs for each field of each event.

function isConnection(raw: Raw & Loose<Connection & { ts: unknown }>): boolean {
  return isMicros(raw.ts) && isPort(raw.src_port) && isPort(raw.dest_port) &&
    raw.src_ip !== undefined && readAddress(raw, "src_ip") &&
    raw.dest_ip !== undefined && readAddress(raw, "dest_ip");
}

function isHandshake(raw: Raw & Loose<HandshakeEvent>): boolean {
  return isCount(raw.seq) &&
    isText(raw.sensor) &&
    isCount(raw.boot) &&
    mayBeText(raw.in_iface) &&
    isText(raw.transport) &&
    mayBeCounts(raw.vlan) &&
    mayBeTexts(raw.tunnel) &&
    mayBeCount(raw.proxy_src_port) &&
    isText(raw.community_id) &&
    isText(raw.status) &&
    mayBeText(raw.status_reason) &&
    isCount(raw.hello) &&
    mayBeText(raw.client_random_hash) &&
    mayBeText(raw.ja4) &&
    mayBeText(raw.ja4_r) &&
    mayBeText(raw.ja4_o) &&
    mayBeText(raw.ja4_ro) &&
    mayBeText(raw.ja4_stable) &&
    mayBeText(raw.ja3) &&
    mayBeText(raw.ja3_string) &&
    mayBeText(raw.ja3n) &&
    mayBeText(raw.sni) &&
    mayBeTexts(raw.client_alpns) &&
    mayBeText(raw.tls_version_offered) &&
    mayBeCount(raw.legacy_version) &&
    mayBeCounts(raw.cipher_suites) &&
    mayBeCounts(raw.extensions) &&
    mayBeCounts(raw.supported_groups) &&
    mayBeCounts(raw.signature_algorithms) &&
    mayBeCounts(raw.ec_point_formats) &&
    mayBeCounts(raw.supported_versions) &&
    mayBeCounts(raw.key_share_groups) &&
    mayBeFlag(raw.grease) &&
    mayBeFlag(raw.post_quantum) &&
    mayBeFlag(raw.ech) &&
    mayBeFlag(raw.psk) &&
    mayBeFlag(raw.early_data) &&
    mayBeCount(raw.session_id_bytes) &&
    mayBeCount(raw.hello_bytes) &&
    mayBeCount(raw.hello_records) &&
    mayBeCount(raw.hello_segments) &&
    mayBeFlag(raw.out_of_order) &&
    mayBeText(raw.preamble) &&
    mayBeCount(raw.ip_ttl) &&
    mayBeFlag(raw.ip_df) &&
    mayBeCount(raw.ip_id) &&
    mayBeCount(raw.tcp_window) &&
    mayBeCount(raw.tcp_mss) &&
    mayBeCount(raw.tcp_wscale) &&
    mayBeFlag(raw.tcp_sack) &&
    mayBeFlag(raw.tcp_timestamps) &&
    mayBeText(raw.tcp_options) &&
    mayBeInteger(raw.tcp_rtt_us) &&
    mayBeInteger(raw.syn_to_hello_us) &&
    readAddress(raw, "proxy_src_ip");
}

function isStats(raw: Loose<StatsEvent>): boolean {
  return isText(raw.sensor) &&
    isCount(raw.boot) &&
    isCount(raw.packets) &&
    isCount(raw.kernel_drops) &&
    isCount(raw.interface_drops) &&
    isCount(raw.events_dropped) &&
    isCount(raw.handshakes) &&
    isCount(raw.flows_held) &&
    isCount(raw.flows_evicted) &&
    isCount(raw.wasm_traps) &&
    mayBeCount(raw.memory_bytes);
}

function isRequest(raw: Raw & Loose<RequestEvent>): boolean {
  return mayBeCount(raw.conn) &&
    mayBeMicros(raw.conn_ts) &&
    mayBeCount(raw.req_idx) &&
    mayBeCount(raw.pid) &&
    mayBeCount(raw.seq) &&
    mayBeCount(raw.events_dropped) &&
    mayBeText(raw.client_ip_source) &&
    isText(raw.url_scheme) &&
    isText(raw.http_method) &&
    isText(raw.http_host) &&
    isText(raw.url_path) &&
    mayBeText(raw.url_query) &&
    isText(raw.http_version) &&
    isCount(raw.status_code) &&
    mayBeCount(raw.request_bytes) &&
    mayBeCount(raw.response_bytes) &&
    mayBeCount(raw.duration_us) &&
    isTexts(raw.header_names) &&
    mayBeCount(raw.cookie_count) &&
    mayBeCount(raw.headers_dropped) &&
    mayBeFlag(raw.truncated) &&
    mayBeCount(raw.bad_utf8) &&
    mayBeText(raw.tls_version) &&
    mayBeText(raw.tls_cipher) &&
    mayBeFlag(raw.tls_resumed) &&
    mayBeText(raw.tls_sni) &&
    isHeaders(raw.headers) &&
    readAddress(raw, "client_ip");
}

function isConnectionEnd(raw: Loose<ConnectionEndEvent>): boolean {
  return isCount(raw.conn) &&
    mayBeCount(raw.pid) &&
    mayBeCount(raw.seq);
}

/** Makes the address canonical in place. True if it is one or is absent. */
function readAddress(raw: Raw, key: string): boolean {
  const text = raw[key];
  if (text === undefined) return true;
  const ip: IpAddress | undefined = typeof text === "string"
    ? parseIp(text)
    : undefined;
  if (ip === undefined) return false;
  if (ip !== text) raw[key] = ip;
  return true;
}

/** 2^52 microseconds is the year 2112: beyond it arithmetic on `ts` would lose exactness. */
const MICROS_MAX = 2 ** 52;

function isMicros(value: unknown): boolean {
  return typeof value === "number" && value > 0 && value < MICROS_MAX &&
    Number.isInteger(value);
}

function isPort(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 65_535 &&
    Number.isInteger(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value);
}

function isTexts(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) {
    if (typeof value[i] !== "string") return false;
  }
  return true;
}

function mayBeText(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function mayBeCount(value: unknown): boolean {
  return value === undefined || isCount(value);
}

function mayBeInteger(value: unknown): boolean {
  return value === undefined || Number.isSafeInteger(value);
}

function mayBeFlag(value: unknown): boolean {
  return value === undefined || typeof value === "boolean";
}

function mayBeMicros(value: unknown): boolean {
  return value === undefined || isMicros(value);
}

function mayBeTexts(value: unknown): boolean {
  return value === undefined || isTexts(value);
}

function mayBeCounts(value: unknown): boolean {
  if (value === undefined) return true;
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) {
    if (!isCount(value[i])) return false;
  }
  return true;
}

function isHeaders(value: unknown): boolean {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return false;
  }
  // JSON.parse made it: it inherits nothing that can be enumerated.
  for (const name in value) {
    if (!isHeader((value as Raw)[name])) return false;
  }
  return true;
}

/** A value, or the length of a redacted one. */
function isHeader(value: unknown): boolean {
  return typeof value === "string" ||
    (value !== null && typeof value === "object" &&
      isCount((value as Raw)["len"]));
}
