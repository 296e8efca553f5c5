/**
 * The log of HAProxy as `apache/feeders/haproxy.cfg` writes it: JSON with the fields of a
 * RequestEvent where HAProxy has them, and its own where something is to be made of them. `request`
 * is a text with JSON of its own, or "-" where HAProxy refused the request and no rule has run.
 *
 * @module
 */
import {
  httpVersion,
  isGrease,
  known,
  type Line,
  numberOf,
  requestEvent,
  textOf,
  tlsVersion,
} from "./feeds_request.ts";

/** Reads a line; one without `accepted_ms` is of another kind. */
export function readHaproxy(value: unknown, text: string): unknown {
  const line = value as Line;
  if (line["accepted_ms"] === undefined) return {};
  const acceptedMs = numberOf(line["accepted_ms"]);
  // The handshake and the pause before the request; HAProxy has -1 for what it did not reach.
  const waitedMs = atLeast0(line["handshake_ms"]) + atLeast0(line["idle_ms"]);
  const activeMs = numberOf(line["active_ms"]);
  const src_ip = line["src_ip"];
  const client_ip = line["client_ip"];
  const claimed = client_ip !== src_ip && textOf(client_ip) !== "";
  const request = readRequest(line["request"]);
  const secure = line["url_scheme"] === "https";
  const facts = known({
    src_ip,
    src_port: line["src_port"],
    dest_ip: line["dest_ip"],
    dest_port: line["dest_port"],
    ts: (acceptedMs + waitedMs) * 1000,
    url_scheme: line["url_scheme"],
    http_version: httpVersion(request["http_version"]),
    status_code: atLeast0(line["status_code"]),
    response_bytes: line["response_bytes"],
    duration_us: activeMs >= 0 ? activeMs * 1000 : undefined,
    cookie_count: request["cookie_count"],
    header_names: request["header_names"],
    client_ip: claimed ? client_ip : undefined,
    client_ip_source: !claimed
      ? undefined
      : line["proxied"] === "1"
      ? "proxy_protocol"
      : "x_forwarded_for",
    tls_version: secure ? tlsVersion(textOf(line["tls_version"])) : undefined,
    tls_cipher: secure ? line["tls_cipher"] : undefined,
    tls_resumed: secure ? line["tls_resumed"] === "1" : undefined,
    tls_sni: secure ? textOf(line["tls_sni"]) || undefined : undefined,
    tls_cipher_suites: codePoints(line["ciphers"]),
    tls_extensions: codePoints(line["extensions"]),
  });
  const query = request["url_query"];
  return requestEvent({
    facts,
    method: request["http_method"],
    host: request["http_host"],
    target: typeof query === "string"
      ? `${textOf(request["url_path"])}?${query}`
      : request["url_path"],
    headers: (request["headers"] ?? {}) as Line,
  }, text);
}

function readRequest(text: unknown): Line {
  try {
    const value: unknown = JSON.parse(textOf(text));
    return value !== null && typeof value === "object" ? value as Line : {};
  } catch {
    return {};
  }
}

function atLeast0(value: unknown): number {
  return Math.max(0, numberOf(value));
}

/** `1301c02b` -> 0x1301, 0xc02b; undefined where HAProxy has nothing. */
function codePoints(hex: unknown): number[] | undefined {
  if (typeof hex !== "string" || !/^([0-9a-f]{4})+$/i.test(hex)) {
    return undefined;
  }
  const codes = hex.match(/.{4}/g) ?? [];
  return codes.map((code) => parseInt(code, 16))
    .filter((code) => !isGrease(code));
}
