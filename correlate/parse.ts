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

/** Why a line is no event; the label of `correlate_events_discarded_total`. */
export type Refusal = "not_json" | "unknown_type" | "bad_field";

/** An event, or the reason why there is none. */
export type Parsed<Event> =
  | {
    readonly ok: true;
    readonly event: Event;
    /** The text says just this: no key is unknown and no address was spelled otherwise. */
    readonly plain: boolean;
  }
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
  return checkNetworkEvent(parseJson(text));
}

/** Reads a datagram of `http.socket`. */
export function parseHttpEvent(text: string): Parsed<HttpEvent> {
  return checkHttpEvent(parseJson(text));
}

/** Checks what JSON gave; undefined where it was none. Addresses become canonical in place. */
export function checkNetworkEvent(value: unknown): Parsed<NetworkEvent> {
  if (!isObject(value)) return NOT_JSON;
  switch (value["event_type"]) {
    case "handshake":
      return checked(value, connection(value) + handshake(value));
    case "stats":
      return checked(value, micros(value["ts"]) + stats(value));
    default:
      return UNKNOWN_TYPE;
  }
}

/** {@linkcode checkNetworkEvent} for what a web server says. */
export function checkHttpEvent(value: unknown): Parsed<HttpEvent> {
  if (!isObject(value)) return NOT_JSON;
  switch (value["event_type"]) {
    case "request":
      return checked(value, connection(value) + request(value));
    case "connection_end":
      return checked(value, connection(value) + connectionEnd(value));
    default:
      return UNKNOWN_TYPE;
  }
}

/** `found` is the number of fields that are right, negative if one is wrong. */
function checked<Event>(raw: Raw, found: number): Parsed<Event> {
  if (found < 0) return BAD_FIELD;
  // One more: the type itself.
  const plain = Object.keys(raw).length === found + 1;
  return { ok: true, event: raw as Event, plain };
}

function isObject(value: unknown): value is Raw {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Outweighs all fields of an event together. */
const WRONG = -1000;

// The fields are named one by one, not listed in a table: a property access by name is several
// times cheaper than one by a variable, and this runs for each field of each event. Each check gives
// 1 for a field that is right, 0 for one that is absent and may be, WRONG otherwise.

function connection(raw: Raw & Loose<Connection & { ts: unknown }>): number {
  return micros(raw.ts) + port(raw.src_port) + port(raw.dest_port) +
    (raw.src_ip === undefined ? WRONG : mayBeAddress(raw, "src_ip")) +
    (raw.dest_ip === undefined ? WRONG : mayBeAddress(raw, "dest_ip"));
}

function handshake(raw: Raw & Loose<HandshakeEvent>): number {
  return count(raw.seq) +
    text(raw.sensor) +
    count(raw.boot) +
    mayBeText(raw.in_iface) +
    text(raw.transport) +
    mayBeCounts(raw.vlan) +
    mayBeTexts(raw.tunnel) +
    mayBeCount(raw.proxy_src_port) +
    text(raw.community_id) +
    text(raw.status) +
    mayBeText(raw.status_reason) +
    count(raw.hello) +
    mayBeText(raw.client_random_hash) +
    mayBeText(raw.ja4) +
    mayBeText(raw.ja4_r) +
    mayBeText(raw.ja4_o) +
    mayBeText(raw.ja4_ro) +
    mayBeText(raw.ja4_stable) +
    mayBeText(raw.ja3) +
    mayBeText(raw.ja3_string) +
    mayBeText(raw.ja3n) +
    mayBeText(raw.sni) +
    mayBeTexts(raw.client_alpns) +
    mayBeText(raw.tls_version_offered) +
    mayBeCount(raw.legacy_version) +
    mayBeCounts(raw.cipher_suites) +
    mayBeCounts(raw.extensions) +
    mayBeCounts(raw.supported_groups) +
    mayBeCounts(raw.signature_algorithms) +
    mayBeCounts(raw.ec_point_formats) +
    mayBeCounts(raw.supported_versions) +
    mayBeCounts(raw.key_share_groups) +
    mayBeFlag(raw.grease) +
    mayBeFlag(raw.post_quantum) +
    mayBeFlag(raw.ech) +
    mayBeFlag(raw.psk) +
    mayBeFlag(raw.early_data) +
    mayBeCount(raw.session_id_bytes) +
    mayBeCount(raw.hello_bytes) +
    mayBeCount(raw.hello_records) +
    mayBeCount(raw.hello_segments) +
    mayBeFlag(raw.out_of_order) +
    mayBeText(raw.preamble) +
    mayBeCount(raw.ip_ttl) +
    mayBeFlag(raw.ip_df) +
    mayBeCount(raw.ip_id) +
    mayBeCount(raw.tcp_window) +
    mayBeCount(raw.tcp_mss) +
    mayBeCount(raw.tcp_wscale) +
    mayBeFlag(raw.tcp_sack) +
    mayBeFlag(raw.tcp_timestamps) +
    mayBeText(raw.tcp_options) +
    mayBeInteger(raw.tcp_rtt_us) +
    mayBeInteger(raw.syn_to_hello_us) +
    mayBeAddress(raw, "proxy_src_ip");
}

function stats(raw: Loose<StatsEvent>): number {
  return text(raw.sensor) +
    count(raw.boot) +
    count(raw.packets) +
    count(raw.kernel_drops) +
    count(raw.interface_drops) +
    count(raw.events_dropped) +
    count(raw.handshakes) +
    count(raw.flows_held) +
    count(raw.flows_evicted) +
    count(raw.wasm_traps) +
    mayBeCount(raw.memory_bytes);
}

function request(raw: Raw & Loose<RequestEvent>): number {
  return mayBeCount(raw.conn) +
    mayBeMicros(raw.conn_ts) +
    mayBeCount(raw.req_idx) +
    mayBeCount(raw.pid) +
    mayBeCount(raw.seq) +
    mayBeCount(raw.events_dropped) +
    mayBeText(raw.client_ip_source) +
    text(raw.url_scheme) +
    text(raw.http_method) +
    text(raw.http_host) +
    text(raw.url_path) +
    mayBeText(raw.url_query) +
    text(raw.http_version) +
    count(raw.status_code) +
    mayBeCount(raw.request_bytes) +
    mayBeCount(raw.response_bytes) +
    mayBeCount(raw.duration_us) +
    texts(raw.header_names) +
    mayBeCount(raw.cookie_count) +
    mayBeCount(raw.headers_dropped) +
    mayBeFlag(raw.truncated) +
    mayBeCount(raw.bad_utf8) +
    mayBeCount(raw.control_bytes) +
    mayBeText(raw.tls_version) +
    mayBeText(raw.tls_cipher) +
    mayBeFlag(raw.tls_resumed) +
    mayBeText(raw.tls_sni) +
    mayBeCounts(raw.tls_cipher_suites) +
    mayBeCounts(raw.tls_extensions) +
    headers(raw.headers) +
    mayBeAddress(raw, "client_ip");
}

function connectionEnd(raw: Loose<ConnectionEndEvent>): number {
  return count(raw.conn) +
    mayBeCount(raw.pid) +
    mayBeCount(raw.seq);
}

/**
 * Makes an address canonical in place. One that had to be rewritten counts as absent: the text says
 * something else.
 */
function mayBeAddress(raw: Raw, key: string): number {
  const text = raw[key];
  if (text === undefined) return 0;
  const ip: IpAddress | undefined = typeof text === "string"
    ? parseIp(text)
    : undefined;
  if (ip === undefined) return WRONG;
  if (ip === text) return 1;
  raw[key] = ip;
  return 0;
}

/** 2^52 microseconds is the year 2112: beyond it arithmetic on `ts` would lose exactness. */
const MICROS_MAX = 2 ** 52;

function micros(value: unknown): number {
  return typeof value === "number" && value > 0 && value < MICROS_MAX &&
      Number.isInteger(value)
    ? 1
    : WRONG;
}

function port(value: unknown): number {
  return typeof value === "number" && value >= 0 && value <= 65_535 &&
      Number.isInteger(value)
    ? 1
    : WRONG;
}

function text(value: unknown): number {
  return typeof value === "string" ? 1 : WRONG;
}

function count(value: unknown): number {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value)
    ? 1
    : WRONG;
}

function texts(value: unknown): number {
  if (!Array.isArray(value)) return WRONG;
  for (let i = 0; i < value.length; i++) {
    if (typeof value[i] !== "string") return WRONG;
  }
  return 1;
}

function mayBeText(value: unknown): number {
  return value === undefined ? 0 : typeof value === "string" ? 1 : WRONG;
}

function mayBeCount(value: unknown): number {
  return value === undefined ? 0 : count(value);
}

function mayBeInteger(value: unknown): number {
  return value === undefined ? 0 : Number.isSafeInteger(value) ? 1 : WRONG;
}

function mayBeFlag(value: unknown): number {
  return value === undefined ? 0 : typeof value === "boolean" ? 1 : WRONG;
}

function mayBeMicros(value: unknown): number {
  return value === undefined ? 0 : micros(value);
}

function mayBeTexts(value: unknown): number {
  return value === undefined ? 0 : texts(value);
}

function mayBeCounts(value: unknown): number {
  if (value === undefined) return 0;
  if (!Array.isArray(value)) return WRONG;
  for (let i = 0; i < value.length; i++) {
    if (count(value[i]) < 0) return WRONG;
  }
  return 1;
}

function headers(value: unknown): number {
  if (!isObject(value)) return WRONG;
  // JSON.parse made it: it inherits nothing that can be enumerated.
  for (const name in value) {
    if (!isHeader(value[name])) return WRONG;
  }
  return 1;
}

/** A value, or the length of a redacted one. */
function isHeader(value: unknown): boolean {
  return typeof value === "string" ||
    (isObject(value) && count(value["len"]) > 0);
}
