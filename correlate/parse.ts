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

type Raw = Record<string, unknown>;

/** Reads a line of `network.socket`. */
export function parseNetworkEvent(text: string): Parsed<NetworkEvent> {
  const raw = parseObject(text);
  if (raw === undefined) return NOT_JSON;
  switch (raw["event_type"]) {
    case "handshake":
      return isConnection(raw) && conforms(raw, HANDSHAKE) &&
          readAddress(raw, "proxy_src_ip")
        ? { ok: true, event: raw as unknown as HandshakeEvent }
        : BAD_FIELD;
    case "stats":
      return isMicros(raw["ts"]) && conforms(raw, STATS)
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
      return isConnection(raw) && conforms(raw, REQUEST) &&
          readAddress(raw, "client_ip") && isHeaders(raw["headers"])
        ? { ok: true, event: raw as unknown as RequestEvent }
        : BAD_FIELD;
    case "connection_end":
      return isConnection(raw) && conforms(raw, CONNECTION_END)
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

/** 2^52 microseconds is the year 2112: beyond it arithmetic on `ts` would lose exactness. */
const MICROS_MAX = 2 ** 52;

function isMicros(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0 &&
    (value as number) < MICROS_MAX;
}

function isPort(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 65_535 &&
    Number.isInteger(value);
}

function isConnection(raw: Raw): boolean {
  return isMicros(raw["ts"]) && isPort(raw["src_port"]) &&
    isPort(raw["dest_port"]) && raw["src_ip"] !== undefined &&
    readAddress(raw, "src_ip") && raw["dest_ip"] !== undefined &&
    readAddress(raw, "dest_ip");
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

/** What a field must be; a name in upper case must be present. */
type Kind =
  | "TEXT"
  | "COUNT"
  | "TEXTS"
  | "text"
  | "count"
  | "number"
  | "flag"
  | "micros"
  | "texts"
  | "counts";
type Shape = readonly (readonly [key: string, kind: Kind])[];

function conforms(raw: Raw, shape: Shape): boolean {
  for (let i = 0; i < shape.length; i++) {
    const [key, kind] = shape[i] as Shape[number];
    const value = raw[key];
    if (value === undefined) {
      if (kind === "TEXT" || kind === "COUNT" || kind === "TEXTS") return false;
    } else if (!isKind(kind, value)) return false;
  }
  return true;
}

function isKind(kind: Kind, value: unknown): boolean {
  switch (kind) {
    case "TEXT":
    case "text":
      return typeof value === "string";
    case "COUNT":
    case "count":
      return isCount(value);
    case "number":
      return Number.isSafeInteger(value);
    case "flag":
      return typeof value === "boolean";
    case "micros":
      return isMicros(value);
    case "TEXTS":
    case "texts":
      return isTextList(value);
    case "counts":
      return isCountList(value);
  }
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isSafeInteger(value);
}

function isTextList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) {
    if (typeof value[i] !== "string") return false;
  }
  return true;
}

function isCountList(value: unknown): boolean {
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
  for (const header of Object.values(value)) {
    if (typeof header === "string") continue;
    if (header === null || typeof header !== "object") return false;
    if (!isCount((header as Raw)["len"])) return false;
  }
  return true;
}

const HANDSHAKE: Shape = [
  ["seq", "COUNT"],
  ["sensor", "TEXT"],
  ["boot", "COUNT"],
  ["in_iface", "text"],
  ["transport", "TEXT"],
  ["vlan", "counts"],
  ["tunnel", "texts"],
  ["proxy_src_port", "count"],
  ["community_id", "TEXT"],
  ["status", "TEXT"],
  ["status_reason", "text"],
  ["hello", "COUNT"],
  ["client_random_hash", "text"],
  ["ja4", "text"],
  ["ja4_r", "text"],
  ["ja4_o", "text"],
  ["ja4_ro", "text"],
  ["ja4_stable", "text"],
  ["ja3", "text"],
  ["ja3_string", "text"],
  ["ja3n", "text"],
  ["sni", "text"],
  ["client_alpns", "texts"],
  ["tls_version_offered", "text"],
  ["legacy_version", "count"],
  ["cipher_suites", "counts"],
  ["extensions", "counts"],
  ["supported_groups", "counts"],
  ["signature_algorithms", "counts"],
  ["ec_point_formats", "counts"],
  ["supported_versions", "counts"],
  ["key_share_groups", "counts"],
  ["grease", "flag"],
  ["post_quantum", "flag"],
  ["ech", "flag"],
  ["psk", "flag"],
  ["early_data", "flag"],
  ["session_id_bytes", "count"],
  ["hello_bytes", "count"],
  ["hello_records", "count"],
  ["hello_segments", "count"],
  ["out_of_order", "flag"],
  ["preamble", "text"],
  ["ip_ttl", "count"],
  ["ip_df", "flag"],
  ["ip_id", "count"],
  ["tcp_window", "count"],
  ["tcp_mss", "count"],
  ["tcp_wscale", "count"],
  ["tcp_sack", "flag"],
  ["tcp_timestamps", "flag"],
  ["tcp_options", "text"],
  ["tcp_rtt_us", "number"],
  ["syn_to_hello_us", "number"],
];

const STATS: Shape = [
  ["sensor", "TEXT"],
  ["boot", "COUNT"],
  ["packets", "COUNT"],
  ["kernel_drops", "COUNT"],
  ["interface_drops", "COUNT"],
  ["events_dropped", "COUNT"],
  ["handshakes", "COUNT"],
  ["flows_held", "COUNT"],
  ["flows_evicted", "COUNT"],
  ["wasm_traps", "COUNT"],
];

const REQUEST: Shape = [
  ["conn", "count"],
  ["conn_ts", "micros"],
  ["req_idx", "count"],
  ["pid", "count"],
  ["seq", "count"],
  ["events_dropped", "count"],
  ["client_ip_source", "text"],
  ["url_scheme", "TEXT"],
  ["http_method", "TEXT"],
  ["http_host", "TEXT"],
  ["url_path", "TEXT"],
  ["url_query", "text"],
  ["http_version", "TEXT"],
  ["status_code", "COUNT"],
  ["request_bytes", "count"],
  ["response_bytes", "count"],
  ["duration_us", "count"],
  ["header_names", "TEXTS"],
  ["cookie_count", "count"],
  ["headers_dropped", "count"],
  ["truncated", "flag"],
  ["bad_utf8", "count"],
  ["tls_version", "text"],
  ["tls_cipher", "text"],
  ["tls_resumed", "flag"],
  ["tls_sni", "text"],
];

const CONNECTION_END: Shape = [
  ["conn", "COUNT"],
  ["pid", "count"],
  ["seq", "count"],
];
