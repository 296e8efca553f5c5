/**
 * The access log of nginx as `apache/feeders/nginx.conf` writes it: JSON with the names of nginx's
 * variables, all values texts. `headers` is what njs adds, a text with JSON of its own.
 *
 * nginx gives times in milliseconds, the end of a request and durations; connections are numbered
 * from 1 at each start, so the port goes into `conn`: no number comes back for another connection
 * soon.
 *
 * @module
 */
import {
  countOf,
  CREDENTIALS,
  httpVersion,
  known,
  type Line,
  microsOf,
  numberOf,
  requestEvent,
  textOf,
  tlsVersion,
} from "./feeds_request.ts";

/** Reads a line; one without `remote_port` is of another kind. */
export function readNginx(value: unknown, text: string): unknown {
  const line = value as Line;
  if (line["remote_port"] === undefined) return {};
  const njs = readNjs(line["headers"]);
  const ended = microsOf(line["msec"]);
  const duration = microsOf(line["request_time"]);
  const src_port = numberOf(line["remote_port"]);
  const facts = known({
    src_ip: line["remote_addr"],
    src_port,
    dest_ip: line["server_addr"],
    dest_port: numberOf(line["server_port"]),
    // Below 2^53 for the first 10^11 connections.
    conn: numberOf(line["connection"]) * 65_536 + src_port,
    conn_ts: ended - microsOf(line["connection_time"]),
    ts: ended - duration,
    req_idx: numberOf(line["connection_requests"]) - 1,
    url_scheme: line["scheme"] === "https" ? "https" : "http",
    http_version: httpVersion(line["server_protocol"]),
    status_code: numberOf(line["status"]),
    request_bytes: countOf(line["content_length"]),
    response_bytes: countOf(line["body_bytes_sent"]),
    duration_us: duration,
    cookie_count: njs?.["cookies"] ?? countOf(line["cookies"]),
    header_names: njs?.["names"],
    headers_dropped: njs?.["dropped"],
    ...claim(line),
    ...tls(line),
  });
  const lengths = (njs?.["lengths"] ?? {}) as Line;
  const headers = Object.fromEntries(
    CREDENTIALS.map((name) => [name, lengths[name]] as const)
      .filter(([_, len]) => countOf(len) !== undefined)
      .map(([name, len]) => [name, { len }]),
  );
  return requestEvent({
    facts,
    method: line["request_method"],
    host: line["host"],
    target: line["request_uri"],
    headers: { ...line, ...headers },
  }, text);
}

/** What `nginx_headers.js` says; undefined without it. */
function readNjs(text: unknown): Line | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object"
      ? value as Line
      : undefined;
  } catch {
    return undefined;
  }
}

/** Whom ngx_http_realip_module believes. */
function claim(line: Line): Line {
  const client_ip = textOf(line["client_addr"]);
  if (client_ip === "" || client_ip === line["remote_addr"]) return {};
  return {
    client_ip,
    client_ip_source: client_ip === line["proxy_protocol_addr"]
      ? "proxy_protocol"
      : "x_forwarded_for",
  };
}

function tls(line: Line): Line {
  const protocol = textOf(line["ssl_protocol"]);
  if (protocol === "") return {};
  return {
    tls_version: tlsVersion(protocol),
    tls_cipher: textOf(line["ssl_cipher"]),
    tls_resumed: line["ssl_session_reused"] === "r",
    tls_sni: textOf(line["ssl_server_name"]) || undefined,
  };
}
