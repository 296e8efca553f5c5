/**
 * Caddy's own access log (`format json`). Headers come from a map of Go: their order is lost, so the
 * event has no `header_names` but their number in `headers_dropped`. Caddy does not log its own
 * address: `dest_ip` is `::`.
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
} from "./feeds_request.ts";

/** Code points of the cipher suites that Go's server offers, as OpenSSL calls them. */
const CIPHERS: Readonly<Record<number, string>> = {
  0x002f: "AES128-SHA",
  0x0035: "AES256-SHA",
  0x009c: "AES128-GCM-SHA256",
  0x009d: "AES256-GCM-SHA384",
  0x1301: "TLS_AES_128_GCM_SHA256",
  0x1302: "TLS_AES_256_GCM_SHA384",
  0x1303: "TLS_CHACHA20_POLY1305_SHA256",
  0xc009: "ECDHE-ECDSA-AES128-SHA",
  0xc00a: "ECDHE-ECDSA-AES256-SHA",
  0xc013: "ECDHE-RSA-AES128-SHA",
  0xc014: "ECDHE-RSA-AES256-SHA",
  0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256",
  0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384",
  0xc02f: "ECDHE-RSA-AES128-GCM-SHA256",
  0xc030: "ECDHE-RSA-AES256-GCM-SHA384",
  0xcca8: "ECDHE-RSA-CHACHA20-POLY1305",
  0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305",
};

const VERSIONS: Readonly<Record<number, string>> = {
  0x0301: "1.0",
  0x0302: "1.1",
  0x0303: "1.2",
  0x0304: "1.3",
};

/** Reads a line; one that has no `request` is of another kind, such as a message of the server. */
export function readCaddy(value: unknown, text: string): unknown {
  const line = value as Line;
  const request = objectOf(line["request"]);
  if (request === undefined || line["duration"] === undefined) return {};
  const headers = valuesOf(objectOf(request["headers"]) ?? {});
  const src_ip = request["remote_ip"];
  const client_ip = textOf(request["client_ip"]);
  const claimed = client_ip !== "" && client_ip !== src_ip;
  const tls = objectOf(request["tls"]);
  const duration = microsOf(line["duration"]);
  const { names, values } = headers;
  const facts = known({
    src_ip,
    src_port: numberOf(request["remote_port"]),
    dest_ip: "::",
    dest_port: portOf(textOf(request["host"])) ?? (tls ? 443 : 80),
    ts: microsOf(line["ts"]) - duration,
    url_scheme: tls ? "https" : "http",
    http_version: httpVersion(request["proto"]),
    status_code: numberOf(line["status"]),
    request_bytes: countOf(values["content-length"]),
    response_bytes: countOf(line["size"]),
    duration_us: duration,
    // Caddy hides the value: that there is one counts as one.
    cookie_count: values["cookie"] === undefined ? 0 : 1,
    headers_dropped: names > 0 ? names : undefined,
    client_ip: claimed ? client_ip : undefined,
    client_ip_source: claimed ? "x_forwarded_for" : undefined,
    ...tlsFacts(tls),
  });
  return requestEvent({
    facts,
    method: request["method"],
    host: request["host"],
    target: request["uri"],
    headers: values,
  }, text);
}

function objectOf(value: unknown): Line | undefined {
  return value !== null && typeof value === "object" && !Array.isArray(value)
    ? value as Line
    : undefined;
}

/** By lower-case name: values joined as RFC 9110, section 5.2, says; of credentials, that they are there. */
function valuesOf(headers: Line): { names: number; values: Line } {
  const values: Record<string, unknown> = {};
  const entries = Object.entries(headers);
  for (const [name, list] of entries) {
    const lower = name.toLowerCase();
    if (CREDENTIALS.includes(lower)) values[lower] = { len: 0 };
    else if (Array.isArray(list)) {
      values[lower] = list.filter((item) => typeof item === "string")
        .join(", ");
    }
  }
  return { names: entries.length, values };
}

function portOf(host: string): number | undefined {
  const [, port] = /:(\d{1,5})$/.exec(host) ?? [];
  return port === undefined ? undefined : Number(port);
}

function tlsFacts(tls: Line | undefined): Line {
  if (tls === undefined) return {};
  const suite = numberOf(tls["cipher_suite"]);
  return {
    tls_version: VERSIONS[numberOf(tls["version"])],
    tls_cipher: CIPHERS[suite],
    tls_resumed: tls["resumed"] === true,
    tls_sni: textOf(tls["server_name"]) || undefined,
  };
}
