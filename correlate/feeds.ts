/**
 * What web servers write that have no module of ours: a log line in, the fields of a RequestEvent
 * out, not checked. docs/feeders.md compares the servers, apache/feeders has their configuration.
 *
 * @module
 */
import { readCaddy } from "./feeds_caddy.ts";
import { readHaproxy } from "./feeds_haproxy.ts";
import { readNginx } from "./feeds_nginx.ts";

/** Names for the configuration; `reqin` is the JSON of docs/fields.md, as mod_reqin_log writes it. */
export const FEED_FORMATS = ["reqin", "nginx", "haproxy", "caddy"] as const;
/** One of {@linkcode FEED_FORMATS}. */
export type FeedFormat = typeof FEED_FORMATS[number];

const READERS = {
  reqin: (line: unknown): unknown => line,
  nginx: readNginx,
  haproxy: readHaproxy,
  caddy: readCaddy,
} as const;

/**
 * One datagram or line as an object with the fields of a RequestEvent, not checked; undefined if it
 * is no JSON. A line of another kind gives an object without `event_type`.
 */
export function readFeed(format: FeedFormat, text: string): unknown {
  let line: unknown;
  try {
    // Syslog writers put `<190>Nov 23 10:31:00 tag: ` before the line.
    line = JSON.parse(text.slice(Math.max(0, text.indexOf("{"))));
  } catch {
    return undefined;
  }
  if (line === null || typeof line !== "object") return undefined;
  return READERS[format](line, text);
}
