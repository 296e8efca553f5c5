/** Which version of a thing a caller means: ETag, If-None-Match and If-Match (RFC 9110, sections 8.8.3 and 13.1). @module */
import { createHash } from "node:crypto";
import type { Context } from "fresh";
import type { State } from "../utils.ts";
import { ApiError } from "./error.ts";

/** A strong tag of what is told: it changes when any member of it does. */
export function etagOf(told: unknown): string {
  const digest = createHash("sha256").update(JSON.stringify(told));
  return `"${digest.digest("hex").slice(0, 20)}"`;
}

/** The answer with its tag; to a GET 304 without it, where the caller has it already. */
export function answerTagged(ctx: Context<State>, told: unknown): Response {
  const etag = etagOf(told);
  const headers = { etag, "cache-control": "private, no-cache" };
  const held = ctx.req.method === "GET" &&
    matchesTag(ctx.req.headers.get("if-none-match"), etag);
  return held
    ? new Response(null, { status: 304, headers })
    : ctx.json(told, { headers });
}

/**
 * Lets a change pass if the caller saw the present state, or does not say which it saw.
 *
 * @param told what a GET answers now.
 * @throws {ApiError} 412
 */
export function requireMatch(ctx: Context<State>, told: unknown): void {
  const wanted = ctx.req.headers.get("if-match");
  const etag = etagOf(told);
  if (wanted === null || matchesTag(wanted, etag)) return;
  throw new ApiError(
    412,
    "precondition-failed",
    "It has changed since it was read. Nothing was changed now",
    {},
    { etag },
  );
}

function matchesTag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  const tags = header.split(",").map((one) => one.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(etag);
}
