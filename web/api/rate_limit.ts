/**
 * How often a caller may call: a bucket of tokens for each caller and kind of call, filled evenly over a
 * minute.
 *
 * @module
 */
import { define } from "../utils.ts";
import { ApiError } from "./error.ts";

/** Calls a minute, by kind. */
export const RATES = { read: 600, write: 120, search: 60 } as const;
export type CallKind = keyof typeof RATES;

const MINUTE_MS = 60_000;
/** Buckets kept; the one least recently used goes first. */
const BUCKETS_MAX = 10_000;

export class RateLimiter {
  /** Milliseconds on a clock that never goes back. */
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Takes a token: how many are left, or in how many seconds there is one. */
  take(
    caller: string,
    kind: CallKind,
  ): { readonly remaining: number; readonly retryAfterS: number | undefined } {
    const rate = RATES[kind];
    const key = `${kind} ${caller}`;
    const nowMs = this.#nowMs();
    const before = this.#buckets.get(key) ?? { tokens: rate, atMs: nowMs };
    const tokens = Math.min(
      rate,
      before.tokens + (nowMs - before.atMs) / MINUTE_MS * rate,
    );
    this.#buckets.delete(key);
    const oldest = this.#buckets.keys().next().value;
    if (this.#buckets.size >= BUCKETS_MAX && oldest !== undefined) {
      this.#buckets.delete(oldest);
    }
    const taken = tokens >= 1;
    this.#buckets.set(key, {
      tokens: taken ? tokens - 1 : tokens,
      atMs: nowMs,
    });
    return {
      remaining: Math.floor(taken ? tokens - 1 : 0),
      retryAfterS: taken
        ? undefined
        : Math.ceil((1 - tokens) / rate * MINUTE_MS / 1000),
    };
  }
}

/** Limits the calls of the API by who calls, and says how many are left (draft-ietf-httpapi-ratelimit-headers). */
export const limitCalls = define.middleware(async (ctx) => {
  const { user, token, services, request_id } = ctx.state;
  const { pathname } = ctx.url;
  if (!pathname.startsWith("/api/") || user.role === undefined) {
    return await ctx.next();
  }
  const kind: CallKind = /^\/api\/v1\/(?:search$|export$)/.test(pathname)
    ? "search"
    : ["GET", "HEAD"].includes(ctx.req.method)
    ? "read"
    : "write";
  const { remaining, retryAfterS } = services.rates.take(
    // Each token for itself: a script that runs wild must not lock its owner out.
    token === undefined ? user.login : `${user.login} ${token}`,
    kind,
  );
  const fields = {
    "ratelimit-policy": `"${kind}";q=${RATES[kind]};w=60`,
    ratelimit: `"${kind}";r=${remaining};t=${retryAfterS ?? 60}`,
  };
  if (retryAfterS !== undefined) {
    services.log.debug("A caller was slowed", {
      login: user.login,
      kind,
      request_id,
    });
    throw new ApiError(
      429,
      "too-many-requests",
      `At most ${RATES[kind]} calls a minute of this kind`,
      {},
      { ...fields, "retry-after": String(retryAfterS) },
    );
  }
  const response = await ctx.next();
  for (const [name, value] of Object.entries(fields)) {
    response.headers.set(name, value);
  }
  return response;
});
