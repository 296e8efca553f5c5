/**
 * What the readers of foreign log lines share: the limits of a request's texts, what is hidden of
 * them, what is counted.
 *
 * @module
 */
import { QueryPrivacy } from "./query_privacy.ts";

/** A parsed line: fields of any type under any name. */
export type Line = Readonly<Record<string, unknown>>;

/** A request as a log line tells it, in the words of a RequestEvent where the line has them. */
export interface LoggedRequest {
  /** Fields of the event that need nothing done. */
  readonly facts: Line;
  readonly method: unknown;
  /** Host header, may have a port. */
  readonly host: unknown;
  /** Request target as sent. */
  readonly target: unknown;
  /** By lower-case name; a value that is no text and no length is left out. */
  readonly headers: Line;
}

/** Headers that detection reads, with the bytes kept. The same as in apache/settings.c. */
export const HEADER_VALUES: readonly string[] = [
  ...["user-agent", "referer", "accept", "accept-language", "accept-encoding"],
  ...["content-type", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform"],
  ...["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "x-forwarded-for"],
];

/** Headers of which nothing but the length is kept. The same as in apache/settings.c. */
export const CREDENTIALS: readonly string[] = [
  ...["authorization", "proxy-authorization", "cookie", "x-api-key"],
  "x-auth-token",
];

/** Parameters of a URL whose values are hidden. The same as in apache/settings.c. */
export const SECRET_PARAMETERS: readonly string[] = [
  ...["access_token", "api-key", "api_key", "apikey", "auth", "auth_token"],
  ...["client_secret", "id_token", "jsessionid", "jwt", "pass", "passwd"],
  ...["password", "phpsessid", "pwd", "refresh_token", "secret", "session"],
  ...["session_id", "sessionid", "sid", "sig", "signature", "token"],
  ...["x-amz-credential", "x-amz-security-token", "x-amz-signature"],
  "x-goog-signature",
];

const METHOD_MAX = 64;
const HOST_MAX = 256;
const TARGET_MAX = 4096;
const VALUE_MAX = 1024;

const secrets = new QueryPrivacy("redact", SECRET_PARAMETERS);

/** The event of `request`; `line` is what it was read from. */
export function requestEvent(
  { facts, method, host, target, headers }: LoggedRequest,
  line: string,
): Line {
  let truncated = false;
  let control = 0;
  const keep = (value: string, max: number): string => {
    const kept = value.length <= max ? value : cut(value, max);
    if (kept !== value) truncated = true;
    control += controlBytes(kept);
    return kept;
  };
  const url = withoutAuthority(textOf(target));
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const values: Record<string, unknown> = {};
  for (const name of CREDENTIALS) {
    const value = headers[name];
    if (typeof value === "string") values[name] = { len: value.length };
    else if (isLength(value)) values[name] = value;
  }
  for (const name of HEADER_VALUES) {
    const value = headers[name];
    if (typeof value !== "string" || value === "") continue;
    values[name] = keep(
      name === "referer" ? hideInUrl(value) : value,
      VALUE_MAX,
    );
  }
  const event: Record<string, unknown> = {
    event_type: "request",
    header_names: [],
    ...facts,
    http_method: keep(textOf(method), METHOD_MAX),
    http_host: keep(hostName(textOf(host)), HOST_MAX),
    url_path: keep(hideInPath(path), TARGET_MAX),
    headers: values,
  };
  if (mark >= 0) {
    event["url_query"] = keep(
      secrets.query(url.slice(mark + 1)) ?? "",
      TARGET_MAX,
    );
  }
  const bad = occurrences(line, "\ufffd");
  if (truncated) event["truncated"] = true;
  if (bad > 0) event["bad_utf8"] = bad;
  if (control > 0) event["control_bytes"] = control;
  return event;
}

/** `value` if it is a text, else the empty one. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A number, also one that is written as a text; NaN for anything else, which the checks refuse. */
export function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" ? Number(value) : NaN;
}

/** Digits as a number, undefined for anything else. */
export function countOf(value: unknown): number | undefined {
  const text = typeof value === "number" ? String(value) : textOf(value);
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Seconds, to the microsecond. */
export function microsOf(seconds: unknown): number {
  return Math.round(numberOf(seconds) * 1e6);
}

/** `HTTP/1.1` -> `1.1`, `HTTP/2.0` -> `2`: since HTTP/2 there are no minor versions. */
export function httpVersion(protocol: unknown): string {
  const [, major = "", minor = ""] =
    /^HTTP\/(\d)(?:\.(\d))?$/.exec(textOf(protocol)) ?? [];
  return Number(major) >= 2 || minor === "" ? major : `${major}.${minor}`;
}

/** `TLSv1.3` -> `1.3`, `TLSv1` -> `1.0`. */
export function tlsVersion(protocol: string): string {
  const version = protocol.replace(/^TLSv/, "");
  return version === "1" ? "1.0" : version;
}

/** `facts` without those that are not known. */
export function known(facts: Line): Line {
  return Object.fromEntries(
    Object.entries(facts).filter(([_, value]) => value !== undefined),
  );
}

/** GREASE code points are 0x0a0a, 0x1a1a, ..., 0xfafa (RFC 8701). */
export function isGrease(code: number): boolean {
  return (code & 0x0f0f) === 0x0a0a && code >> 8 === (code & 0xff);
}

function isLength(value: unknown): boolean {
  return value !== null && typeof value === "object" && "len" in value;
}

/** At most `max` UTF-16 units, not half of a character. */
function cut(text: string, max: number): string {
  return text.slice(0, max).replace(/[\ud800-\udbff]$/, "");
}

function controlBytes(text: string): number {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  return text.match(/[\x00-\x08\x0a-\x1f\x7f]/g)?.length ?? 0;
}

function occurrences(text: string, char: string): number {
  return text.split(char).length - 1;
}

/** Without port, lower case; an IPv6 address keeps its brackets. */
function hostName(host: string): string {
  return host.replace(/(^\[[^\]]*\]|^[^:[]*).*$/s, "$1").toLowerCase();
}

/** What follows the authority in the absolute form (RFC 9112, section 3.2.2). */
function withoutAuthority(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, "");
}

function hideInPath(path: string): string {
  if (!path.includes("=")) return path;
  return path.replace(
    /;[^/]*/g,
    (parameters) => `;${secrets.query(parameters.slice(1))}`,
  );
}

function hideInUrl(url: string): string {
  const mark = url.indexOf("?");
  return mark < 0
    ? hideInPath(url)
    : hideInPath(url.slice(0, mark)) + secrets.reference(url.slice(mark));
}
