/**
 * What the Explorer can show of a request: each column's name, its field in the query language, and
 * how it is read for a page and for a file.
 *
 * @module
 */
import { type Sql, sql } from "../../lib/sql.ts";

/** A column that a page shows and a file holds. */
export interface ExploreColumn {
  /** In the URL, and the name in a file. */
  readonly id: string;
  readonly label: string;
  readonly kind: "text" | "number" | "time" | "ip" | "ja4";
  /** Field of the query language that asks for its values; undefined if none does. */
  readonly field?: string;
  readonly sql: Sql;
}

export const COLUMNS: readonly ExploreColumn[] = [
  {
    id: "time",
    label: "Time",
    kind: "time",
    sql: sql`toUnixTimestamp64Micro(http_events.ts)`,
  },
  {
    id: "ip",
    label: "Address",
    kind: "ip",
    field: "ip",
    sql: sql`replaceOne(toString(http_events.src_ip), '::ffff:', '')`,
  },
  number("port", "Port", sql`http_events.src_port`),
  {
    id: "client_ip",
    label: "Client address",
    kind: "ip",
    sql: sql`replaceOne(toString(http_events.client_ip), '::ffff:', '')`,
  },
  { ...number("asn", "AS", sql`http_events.asn`), field: "asn" },
  text("as_org", "Organisation", sql`http_events.as_org`),
  text("country", "Country", sql`http_events.country`, "country"),
  text("network", "Kind of network", sql`http_events.network_kind`, "network"),
  text("method", "Method", sql`http_events.http_method`, "method"),
  text("host", "Host", sql`http_events.http_host`, "host"),
  text("path", "Path", sql`http_events.url_path`, "path"),
  text("query", "Query string", sql`http_events.url_query`, "query"),
  {
    ...number("status", "Status", sql`http_events.status_code`),
    field: "status",
  },
  number("bytes", "Bytes", sql`http_events.response_bytes`),
  number("dur", "Duration, µs", sql`http_events.duration_us`),
  text("http", "HTTP", sql`http_events.http_version`, "http"),
  text("ua", "User agent", sql`http_events.user_agent`, "ua"),
  text("ua.family", "Claims", sql`http_events.ua_family`, "ua.family"),
  text("ua.os", "Claimed system", sql`http_events.ua_os`, "ua.os"),
  text("referrer", "Referrer", sql`http_events.referrer`, "referrer"),
  {
    id: "ja4",
    label: "JA4",
    kind: "ja4",
    field: "ja4",
    sql: sql`toString(http_events.ja4)`,
  },
  text(
    "ja4.client",
    "Client by JA4",
    sql`http_events.ja4_client`,
    "ja4.client",
  ),
  text("sni", "SNI", sql`http_events.sni`, "sni"),
  text("alpn", "ALPN", sql`http_events.client_alpns`),
  text("tls", "TLS", sql`http_events.tls_version_offered`, "tls"),
  text("corr", "Correlation", sql`http_events.match`, "corr"),
  text("bot", "Verified bot", sql`http_events.bot_name`, "bot"),
  text("accept", "Accept", sql`http_events.accept`),
  text("language", "Accept-Language", sql`http_events.accept_language`),
  text("encoding", "Accept-Encoding", sql`http_events.accept_encoding`),
  text("content", "Content type", sql`http_events.content_type`),
  text("ch.ua", "Sec-CH-UA", sql`http_events.sec_ch_ua`),
  text("ch.mobile", "Sec-CH-UA-Mobile", sql`http_events.sec_ch_ua_mobile`),
  text("ch.os", "Sec-CH-UA-Platform", sql`http_events.sec_ch_ua_platform`),
  text("fetch.site", "Sec-Fetch-Site", sql`http_events.sec_fetch_site`),
  text("fetch.mode", "Sec-Fetch-Mode", sql`http_events.sec_fetch_mode`),
  text("fetch.dest", "Sec-Fetch-Dest", sql`http_events.sec_fetch_dest`),
  text("headers", "Header order", sql`http_events.header_order`),
  text("sensor", "Sensor", sql`http_events.sensor`, "sensor"),
];

/** Shown where the URL names none. */
export const DEFAULT_COLUMNS: readonly string[] = [
  "time",
  "ip",
  "ja4",
  "ja4.client",
  "method",
  "host",
  "path",
  "status",
  "ua",
];

/** Fields whose top and rare values the Explorer can count. */
export const COUNTED: readonly string[] = COLUMNS.filter((column) =>
  column.field !== undefined
).map((column) => column.id);

/** The column of an id; undefined if there is none. */
export function columnNamed(id: string): ExploreColumn | undefined {
  return COLUMNS.find((column) => column.id === id);
}

function text(
  id: string,
  label: string,
  column: Sql,
  field?: string,
): ExploreColumn {
  return {
    id,
    label,
    kind: "text",
    sql: sql`toString(${column})`,
    ...(field === undefined ? {} : { field }),
  };
}

function number(id: string, label: string, column: Sql): ExploreColumn {
  return { id, label, kind: "number", sql: sql`toFloat64(${column})` };
}
