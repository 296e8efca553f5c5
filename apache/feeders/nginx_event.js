/*
 * The RequestEvent of lib/events.ts for nginx, evaluated by njs when a request is logged.
 *
 * njs has the headers as received: order, case and repetitions, which httpd's parser does not keep.
 * nginx gives times in milliseconds; they become microseconds here. nginx numbers connections from 1
 * at each start, so the port goes into `conn`: no number comes back for another connection soon.
 */
const VALUES = [
  "user-agent",
  "referer",
  "accept",
  "accept-language",
  "accept-encoding",
  "content-type",
  "sec-ch-ua",
  "sec-ch-ua-mobile",
  "sec-ch-ua-platform",
  "sec-fetch-site",
  "sec-fetch-mode",
  "sec-fetch-dest",
  "x-forwarded-for",
];
const CREDENTIALS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "x-api-key",
  "x-auth-token",
];
const VALUE_MAX = 1024;
const TARGET_MAX = 4096;
const HEADERS_MAX = 64;

/* nginx has "-", "" or nothing where it knows nothing. */
function known(value) {
  return value !== undefined && value !== "" && value !== "-";
}

function milliseconds(seconds) {
  return Math.round(Number(seconds) * 1000);
}

function event(r) {
  const v = r.variables;
  const loggedMs = milliseconds(v.msec);
  const acceptedMs = loggedMs - milliseconds(v.connection_time);
  const durationMs = milliseconds(v.request_time);
  const target = (v.request_uri || "").split("?");
  const headers = {};
  const names = [];
  let truncated = false;
  let cookies = 0;

  function cut(text, max) {
    if (text.length <= max) return text;
    truncated = true;
    return text.slice(0, max);
  }

  r.rawHeadersIn.forEach(function (pair, index) {
    const name = pair[0].toLowerCase();
    if (index < HEADERS_MAX) names.push(pair[0]);
    if (name === "cookie") {
      cookies += pair[1].split(";").filter((part) => part.trim() !== "").length;
    }
    if (CREDENTIALS.includes(name)) headers[name] = { len: pair[1].length };
    else if (VALUES.includes(name) && headers[name] === undefined) {
      headers[name] = cut(pair[1], VALUE_MAX);
    }
  });

  const out = {
    src_ip: v.realip_remote_addr,
    src_port: Number(v.realip_remote_port),
    dest_ip: v.server_addr,
    dest_port: Number(v.server_port),
    // Below 2^53 for the first 10^11 connections.
    conn: Number(v.connection) * 65536 + Number(v.realip_remote_port),
    conn_ts: acceptedMs * 1000,
    event_type: "request",
    ts: (loggedMs - durationMs) * 1000,
    req_idx: Number(v.connection_requests) - 1,
    url_scheme: v.scheme === "https" ? "https" : "http",
    http_version: (v.server_protocol || "").replace("HTTP/", "").replace(
      /^([2-9])\..*/,
      "$1",
    ),
    status_code: Number(v.status),
    response_bytes: Number(v.body_bytes_sent),
    duration_us: durationMs * 1000,
    http_method: cut(v.request_method || "", 64),
    http_host: cut(
      (r.headersIn.Host || v.host || "").replace(/:\d+$/, "").toLowerCase(),
      256,
    ),
    url_path: cut(target[0], TARGET_MAX),
    header_names: names,
    headers: headers,
    cookie_count: cookies,
  };
  if (target.length > 1) {
    out.url_query = cut(target.slice(1).join("?"), TARGET_MAX);
  }
  if (/^\d{1,15}$/.test(v.content_length || "")) {
    out.request_bytes = Number(v.content_length);
  }
  if (r.rawHeadersIn.length > names.length) {
    out.headers_dropped = r.rawHeadersIn.length - names.length;
  }
  if (known(v.remote_addr) && v.remote_addr !== v.realip_remote_addr) {
    out.client_ip = v.remote_addr;
    // nginx's own word for an address that the PROXY protocol brought.
    out.client_ip_source = v.remote_addr === v.proxy_protocol_addr
      ? "proxy_protocol"
      : "x_forwarded_for";
  }
  if (known(v.ssl_protocol)) {
    out.tls_version = v.ssl_protocol === "TLSv1"
      ? "1.0"
      : v.ssl_protocol.replace("TLSv", "");
    out.tls_cipher = v.ssl_cipher;
    out.tls_resumed = v.ssl_session_reused === "r";
    if (known(v.ssl_server_name)) out.tls_sni = v.ssl_server_name;
  }
  if (truncated) out.truncated = true;
  return JSON.stringify(out);
}

export default { event };
