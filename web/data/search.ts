/** The search box: what was typed, recognised by its shape, to the page that answers it. @module */
import { parseIp } from "../../lib/ip.ts";

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

/** Path of the page that answers `text`; undefined if its shape is none of those known. */
export function destinationOf(text: string): string | undefined {
  const typed = text.trim();
  const ip = parseIp(typed.replace(/^\[|\]$/g, ""));
  if (ip !== undefined) return `/ip/${ip}`;
  if (isJa4(typed)) return `/ja4/${typed}`;
  const lower = typed.toLowerCase();
  const upper = typed.toUpperCase();
  if (isDetectionId(upper)) return `/detections/${upper}`;
  if (HOST.test(lower)) return `/detections?host=${encodeURIComponent(lower)}`;
  return undefined;
}
