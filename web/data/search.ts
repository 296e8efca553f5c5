/** The search box: what was typed, recognised by its shape, to the page that answers it. @module */
import { parseIp } from "../../lib/ip.ts";
import { equals, type Query } from "../query/ast.ts";
import { readNetwork } from "../query/fields.ts";
import { formatQuery } from "../query/format.ts";
import { parseQuery } from "../query/parse.ts";
import { pathOf } from "./paths.ts";

/** `t13d1516h2_8daaf6152771_b186095e22b6` (JA4.md, "JA4 fingerprint"). */
const JA4 =
  /^[tqd](?:1[0-3]|s[23]|d[123]|00)[di]\d{4}[0-9A-Za-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$/;
const DETECTION = /^D-[0-9A-HJKMNP-TV-Z]{8}$/;
const HOST = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62}\.)*[a-z0-9_-]{1,63}$/;

/** Whether `text` has the shape of a JA4. */
export function isJa4(text: string): boolean {
  return JA4.test(text);
}

/** Whether `text` has the shape of a detection's id. */
export function isDetectionId(text: string): boolean {
  return DETECTION.test(text);
}

/** The first section of a JA4, alone or with more of it. */
const JA4_HEAD =
  /^[tqd][0-9a-z]{2}[di]\d{4}[0-9A-Za-z]{2}(?:_[0-9a-f]{0,12}){0,2}$/;
/** Its second or third section alone. */
const JA4_HASH = /^[0-9a-f]{12}$/;
const NETWORK = /^[0-9A-Fa-f:.]+\/\d{1,3}$/;
/** `Mozilla/5.0 (...`, `curl/8.5.0`: a product and its version (RFC 9110, section 10.1.5). */
const USER_AGENT = /^[!#$%&'*+.^`|~\w-]+\/[\w.]+(?:$|[\s(;])/;

/**
 * Path of the page that answers `text`, told by its shape: an address, a network, a JA4 or a part of one,
 * an AS number, a detection, a host, a User-Agent, a query; anything else is looked for as it stands.
 * Undefined if there is nothing.
 */
export function destinationOf(text: string): string | undefined {
  const typed = text.trim();
  if (typed === "") return undefined;
  const ip = parseIp(typed.replace(/^\[|\]$/g, ""));
  if (ip !== undefined) return `/ip/${ip}`;
  if (NETWORK.test(typed)) {
    const network = readNetwork(typed);
    if (network !== undefined) {
      return `/net/${network.first}/${typed.slice(typed.indexOf("/") + 1)}`;
    }
  }
  if (isJa4(typed)) return `/ja4/${typed}`;
  const lower = typed.toLowerCase();
  const upper = typed.toUpperCase();
  if (isDetectionId(upper)) return `/detections/${upper}`;
  const asn = /^AS ?(\d{1,10})$/.exec(upper)?.[1];
  if (asn !== undefined) return `/asn/${asn}`;
  if (JA4_HEAD.test(typed)) return explore(`ja4:${typed}*`);
  if (JA4_HASH.test(lower)) return explore(`ja4.b:${lower} or ja4.c:${lower}`);
  const parsed = parseQuery(typed);
  if (/[A-Za-z][\w.]*(?:[:=<>~]|!=)/.test(typed) && parsed.ok) {
    return explore(typed);
  }
  if (USER_AGENT.test(typed)) {
    return pathOf("ua", typed) ?? explore(formatQuery(equals("ua", typed)));
  }
  if (HOST.test(lower) && lower.includes(".")) {
    return pathOf("host", lower) ??
      `/detections?host=${encodeURIComponent(lower)}`;
  }
  // A query with a fault is shown with its fault.
  const looks = /(?:^|\s)-?[A-Za-z][\w.]*(?:[:=<>~]|!=)\S/.test(typed);
  return explore(looks || parsed.ok ? typed : formatQuery(words(typed)));
}

function explore(query: string): string {
  return `/explore?q=${encodeURIComponent(query)}`;
}

/** A text to be found as it stands. */
function words(text: string): Query {
  return {
    kind: "term",
    field: "",
    op: ":",
    values: [{ kind: "text", text }],
  };
}
