/**
 * Lines of recorded events -> CorrelatedEvents. Takes what any recorder may write: facts that are
 * missing or null are absent, unknown fields are ignored, addresses are put into their usual form.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import type { CorrelatedEvent, IpAddress } from "../lib/events.ts";
import { parseIp } from "../lib/ip.ts";

/** Times that an event may have: the years 2000 to 2099, in microseconds. */
const EARLIEST = Date.UTC(2000, 0) * 1000;
const LATEST = Date.UTC(2100, 0) * 1000;

const address = v.pipe(
  v.string("expected an address"),
  v.transform(parseIp),
  v.custom<IpAddress>(
    (ip) => ip !== undefined,
    "expected an IPv4 or IPv6 address",
  ),
);
const ANY = "::" as IpAddress;
const text = v.nullish(v.string("expected a text"));
const flag = v.nullish(v.boolean("expected true or false"));
const quantity = v.nullish(
  v.pipe(v.number("expected a number"), v.finite("expected a number")),
);
const texts = v.nullish(
  v.array(v.string("expected texts"), "expected a list of texts"),
);

const TEXTS = [
  ...["sensor", "orphan_reason", "client_ip_source", "transport"],
  ...["community_id", "ja4", "ja4_stable", "ja3", "ja3n", "sni", "status"],
  ...["tls_version_offered", "preamble", "tcp_options", "tls_version"],
  ...["tls_cipher", "url_scheme", "http_version", "http_method", "http_host"],
  ...["url_path", "url_query"],
] as const;
const QUANTITIES = [
  ...["hello_ts", "match_age_us", "src_port", "dest_port", "conn", "conn_ts"],
  ...["req_idx", "hello", "hello_bytes", "hello_records", "hello_segments"],
  ...["ip_ttl", "ip_id", "tcp_window", "tcp_mss", "tcp_wscale", "tcp_rtt_us"],
  ...["syn_to_hello_us", "status_code", "request_bytes", "response_bytes"],
  ...["duration_us", "cookie_count", "headers_dropped", "bad_utf8"],
] as const;
const FLAGS = [
  ...["out_of_order", "grease", "post_quantum", "ech", "psk", "early_data"],
  ...["ip_df", "tls_resumed", "truncated"],
] as const;

const line = v.object({
  event_type: v.nullish(
    v.literal("correlated", 'expected "correlated"'),
    "correlated",
  ),
  ts: v.pipe(
    v.number("expected microseconds since 1970"),
    v.minValue(EARLIEST, "expected microseconds since 1970"),
    v.maxValue(LATEST, "expected microseconds since 1970"),
    v.transform(Math.trunc),
  ),
  src_ip: address,
  dest_ip: v.optional(v.nullable(address, ANY), ANY),
  client_ip: v.nullish(address),
  event_id: v.nullish(
    v.union([v.string(), v.number()], "expected a text or a number"),
  ),
  match: v.nullish(
    v.picklist(
      ["conn", "window", "none", "tls_only"],
      'expected "conn", "window", "none" or "tls_only"',
    ),
  ),
  tunnel: texts,
  client_alpns: texts,
  header_names: texts,
  headers: v.nullish(
    v.record(
      v.string(),
      v.unknown(),
      "expected an object of names and values",
    ),
  ),
  ...fields(TEXTS, text),
  ...fields(QUANTITIES, quantity),
  ...fields(FLAGS, flag),
});

function fields<const Name extends string, Schema>(
  names: readonly Name[],
  schema: Schema,
): Record<Name, Schema> {
  return Object.fromEntries(names.map((name) => [name, schema])) as Record<
    Name,
    Schema
  >;
}

/** How an event that does not say so came about: a handshake alone has nothing of a request. */
function matchOf(event: v.InferOutput<typeof line>): CorrelatedEvent["match"] {
  if (!event.ja4) return "none";
  return event.http_method || event.url_path || event.http_host || event.headers
    ? "conn"
    : "tls_only";
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** A UUID as it is; of another identifier one that is the same each time. */
function identifier(id: string | number | null | undefined): string {
  if (id === undefined || id === null || id === "") return crypto.randomUUID();
  const own = String(id);
  if (UUID.test(own)) return own.toLowerCase();
  const hex = createHash("sha256").update(own).digest("hex");
  return hex.slice(0, 32).replace(
    /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
    "$1-$2-$3-$4-$5",
  );
}

/** What is wrong with a line; the message says where in it. */
export class LineError extends Error {
  override readonly name = "LineError";
}

/**
 * The event of one line.
 *
 * @throws {LineError}
 */
export function parseEvent(json: string): CorrelatedEvent {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (thrown) {
    throw new LineError("it is not JSON", { cause: thrown });
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new LineError("it is not a JSON object");
  }
  const result = v.safeParse(line, value);
  if (!result.success) {
    const [issue] = result.issues;
    const field = v.getDotPath(issue) ?? "it";
    throw new LineError(
      field in value || field.includes(".")
        ? `${field}: ${issue.message}`
        : `${field} is missing`,
    );
  }
  const { headers, header_names, http_version, http_host, match, ...event } =
    Object.fromEntries(
      Object.entries(result.output).filter(([, fact]) => fact !== null),
    ) as typeof result.output;
  return {
    ...event,
    event_id: identifier(event.event_id),
    match: match ?? matchOf(result.output),
    http_host: http_host?.toLowerCase() ?? "",
    http_version: http_version?.replace(/^HTTP\//i, "")
      .replace(/^([23])\.0$/, "$1"),
    header_names: header_names ?? [],
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).map((
        [name, value],
      ) => [name.toLowerCase(), value]),
    ),
  } as unknown as CorrelatedEvent;
}
