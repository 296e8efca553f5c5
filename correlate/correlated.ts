/**
 * A joined pair in, the text of the flat CorrelatedEvent out.
 *
 * The text is put together from texts: the facts of the handshake, which were made once, and those
 * of the request, both of known keys alone, so that no key of one side can overwrite the other's.
 * To build an object of all fields and to write that took longer than all the rest of the join.
 *
 * @module
 */
import type {
  Connection,
  CorrelatedEvent,
  RequestEvent,
} from "../lib/events.ts";
import type { Joined, RequestText } from "./join_options.ts";

/** What a row takes from a request beyond its connection and time. */
type Facts = Omit<
  RequestEvent,
  keyof Connection | "event_type" | "ts" | "seq" | "conn" | "conn_ts" | "pid"
>;

/** One line of JSON; `eventId` makes it unique. */
export function correlatedText(joined: Joined, eventId: string): string {
  if (joined.match === "tls_only") {
    const { handshake } = joined;
    return `{"event_type":"correlated","ts":${handshake.ts},"event_id":"${eventId}","match":"tls_only","hello_ts":${handshake.ts},${
      connectionOf(handshake)
    },"sensor":${JSON.stringify(handshake.sensor)},${handshake.facts}}`;
  }
  const { request, text = textOf(request) } = joined;
  const start =
    `{"event_type":"correlated","ts":${request.ts},"event_id":"${eventId}","match":"${joined.match}",`;
  const middle = `${text.connection},${text.facts}`;
  if (joined.match === "none") {
    return `${start}"orphan_reason":"${joined.reason}",${middle}}`;
  }
  const { ts, sensor, facts } = joined.handshake;
  return `${start}"hello_ts":${ts},"match_age_us":${
    request.ts - ts
  },${middle},"sensor":${JSON.stringify(sensor)},${facts}}`;
}

/** The event of {@linkcode correlatedText}. */
export function toCorrelated(joined: Joined, eventId: string): CorrelatedEvent {
  return JSON.parse(correlatedText(joined, eventId)) as CorrelatedEvent;
}

/** The parts written anew, for a request that came in another form: every field is named. */
function textOf(request: RequestEvent): RequestText {
  const facts: { [Key in keyof Facts]-?: Facts[Key] | undefined } = {
    req_idx: request.req_idx,
    events_dropped: request.events_dropped,
    client_ip: request.client_ip,
    client_ip_source: request.client_ip_source,
    url_scheme: request.url_scheme,
    http_method: request.http_method,
    http_host: request.http_host,
    url_path: request.url_path,
    url_query: request.url_query,
    http_version: request.http_version,
    status_code: request.status_code,
    request_bytes: request.request_bytes,
    response_bytes: request.response_bytes,
    duration_us: request.duration_us,
    header_names: request.header_names,
    headers: request.headers,
    cookie_count: request.cookie_count,
    headers_dropped: request.headers_dropped,
    truncated: request.truncated,
    bad_utf8: request.bad_utf8,
    control_bytes: request.control_bytes,
    tls_version: request.tls_version,
    tls_cipher: request.tls_cipher,
    tls_resumed: request.tls_resumed,
    tls_sni: request.tls_sni,
    tls_cipher_suites: request.tls_cipher_suites,
    tls_extensions: request.tls_extensions,
  };
  return {
    connection: `${connectionOf(request)}${numbersOf(request)}`,
    facts: JSON.stringify(facts).slice(1, -1),
  };
}

const CONNECTION =
  /\{"src_ip":"[0-9a-f.:]+","src_port":\d+,"dest_ip":"[0-9a-f.:]+","dest_port":\d+(?:,"conn":\d+)?(?:,"conn_ts":\d+)?(?:,"pid":\d+)?/y;
const TYPE = /(?:,"seq":\d+)?,"event_type":"request","ts":\d+,(?=")/y;

/**
 * The parts of a row in the text of a request as the module writes it; undefined for a text in
 * another order, or in more than one line.
 */
export function requestText(text: string): RequestText | undefined {
  CONNECTION.lastIndex = 0;
  if (!CONNECTION.test(text)) return undefined;
  const end = TYPE.lastIndex = CONNECTION.lastIndex;
  if (!TYPE.test(text) || !text.endsWith("}") || text.includes("\n")) {
    return undefined;
  }
  return {
    connection: text.slice(1, end),
    facts: text.slice(TYPE.lastIndex, -1),
  };
}

function connectionOf(
  { src_ip, src_port, dest_ip, dest_port }: Connection,
): string {
  return `"src_ip":"${src_ip}","src_port":${src_port},"dest_ip":"${dest_ip}","dest_port":${dest_port}`;
}

/** The numbers of a request that may be absent and stand before its facts. */
function numbersOf({ conn, conn_ts, pid }: RequestEvent): string {
  return `${conn === undefined ? "" : `,"conn":${conn}`}${
    conn_ts === undefined ? "" : `,"conn_ts":${conn_ts}`
  }${pid === undefined ? "" : `,"pid":${pid}`}`;
}
