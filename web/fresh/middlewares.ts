import { HttpError } from "./error.ts";
import { nonceOf } from "./render.ts";
import { servedSnapshot } from "./snapshot.ts";
import type { Middleware } from "./types.ts";

/** Serves static/ and the built islands; what has the build's id in its URL may be kept for good. */
export function staticFiles<State>(): Middleware<State> {
  return async ({ req, url, config, next }) => {
    const snapshot = servedSnapshot();
    const file = snapshot?.files[url.pathname];
    if (snapshot === undefined || file === undefined) return await next();
    if (req.method !== "GET" && req.method !== "HEAD") throw new HttpError(405);
    const locked = file.immutable ||
      url.searchParams.get("v") === snapshot.buildId;
    const headers = {
      "content-type": file.type,
      "cache-control": locked && config.mode === "production"
        ? "public, max-age=31536000, immutable"
        : "no-cache",
      etag: file.etag,
    };
    if (req.headers.get("if-none-match") === file.etag) {
      return new Response(null, { status: 304, headers });
    }
    const body = typeof file.content === "string"
      ? (await Deno.open(`${snapshot.root}/${file.content}`)).readable
      : file.content;
    return new Response(body, { headers });
  };
}

/** The directives in force unless the app gives its own, by name: Fresh's documented defaults. */
const DEFAULTS: Readonly<Record<string, string>> = {
  "default-src": "'self'",
  "script-src": "'self' 'unsafe-inline'",
  "style-src": "'self' 'unsafe-inline'",
  "font-src": "'self'",
  "img-src": "'self' data:",
  "media-src": "'self' data: blob:",
  "worker-src": "'self' blob:",
  "connect-src": "'self'",
  "object-src": "'none'",
  "base-uri": "'self'",
  "form-action": "'self'",
  "frame-ancestors": "'none'",
  "upgrade-insecure-requests": "",
};

/** Options of {@linkcode csp}. */
export interface CspOptions {
  /** Whole directives, such as `"img-src 'self'"`; each takes the place of its default. */
  readonly csp?: readonly string[];
  /** Each page's own nonce takes the place of 'unsafe-inline'. */
  readonly useNonce?: boolean;
  readonly reportOnly?: boolean;
}

/** Sets the Content-Security-Policy. */
export function csp<State>(options: CspOptions = {}): Middleware<State> {
  const own = (options.csp ?? []).map((text) => {
    const [name = "", ...sources] = text.split(" ");
    return [name, sources.join(" ")];
  });
  const directives = { ...DEFAULTS, ...Object.fromEntries(own) };
  const policy = Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources}`.trim()).join("; ");
  const header = options.reportOnly
    ? "content-security-policy-report-only"
    : "content-security-policy";
  return async ({ next }) => {
    const response = await next();
    const nonce = options.useNonce ? nonceOf(response) : undefined;
    response.headers.set(
      header,
      nonce === undefined
        ? policy
        : policy.replaceAll("'unsafe-inline'", `'nonce-${nonce}'`),
    );
    return response;
  };
}

/** Refuses what another site's page sends in a visitor's name. */
export function csrf<State>(
  options: { readonly origin?: string | readonly string[] } = {},
): Middleware<State> {
  return (ctx) => {
    if (["GET", "HEAD", "OPTIONS"].includes(ctx.req.method)) return ctx.next();
    const site = ctx.req.headers.get("sec-fetch-site");
    const origin = ctx.req.headers.get("origin");
    const allowed = [options.origin ?? ctx.url.origin].flat();
    if (
      site === "same-origin" || site === "none" || (site ?? origin) === null ||
      (origin !== null && allowed.includes(origin))
    ) return ctx.next();
    throw new HttpError(403);
  };
}
