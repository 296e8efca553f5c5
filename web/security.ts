/**
 * What every answer carries so that a browser limits what hostile text could do, and what every
 * write must carry to be believed.
 *
 * Everything that the dashboard shows was written by visitors of a web site, attackers among them.
 * The policy allows no inline script or style at all, so that markup which slipped through escaping
 * stays dead.
 *
 * @module
 */
import { HttpError } from "fresh";
import { bearerOf } from "./auth/bearer.ts";
import { define } from "./utils.ts";

/** Powerful features, all off. */
const FEATURES = [
  "accelerometer",
  "camera",
  "display-capture",
  "geolocation",
  "gyroscope",
  "magnetometer",
  "microphone",
  "midi",
  "payment",
  "publickey-credentials-get",
  "usb",
];

/** The Content-Security-Policy of a page; `nonce` is that of its scripts, if it has any. */
export function contentSecurityPolicy(
  options: { readonly nonce?: string | undefined; readonly https: boolean },
): string {
  const { nonce, https } = options;
  return [
    "default-src 'none'",
    `script-src 'self'${nonce === undefined ? "" : ` 'nonce-${nonce}'`}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    // On plain http this would send the browser to a port that does not answer.
    ...(https ? ["upgrade-insecure-requests"] : []),
  ].join("; ");
}

/** Sets the headers above and those of OWASP's Secure Headers list. */
export const securityHeaders = define.middleware(async (ctx) => {
  const response = await ctx.next();
  const { headers } = response;
  const https = isHttps(ctx.state.services.publicOrigin ?? ctx.url.origin);
  const nonce = /'nonce-([^']+)'/.exec(
    headers.get("content-security-policy") ?? "",
  )?.[1];
  headers.set(
    "content-security-policy",
    contentSecurityPolicy({ nonce, https }),
  );
  headers.set("x-content-type-options", "nosniff");
  headers.set("x-frame-options", "DENY");
  headers.set("referrer-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  headers.set(
    "permissions-policy",
    FEATURES.map((feature) => `${feature}=()`).join(", "),
  );
  if (https) {
    headers.set("strict-transport-security", "max-age=31536000");
  }
  const kept = headers.get("cache-control");
  if (kept?.includes("immutable")) {
    // For this browser alone: what a proxy keeps would outlive a change of who may come in.
    headers.set("cache-control", kept.replace("public", "private"));
  }
  // Static files set their own; everything else is somebody's data.
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  return response;
});

/** Whether an origin is reached over TLS. */
export function isHttps(origin: string): boolean {
  return origin.startsWith("https:");
}

/**
 * Refuses a write that does not show that a page of this dashboard sent it. Fresh's csrf() lets one
 * pass that has neither Sec-Fetch-Site nor Origin; here one of them is required.
 *
 * Sec-Fetch-Site is absent on plain http to any name but loopback, so that Origin has to do there.
 */
export const sameOriginWrites = define.middleware((ctx) => {
  if (["GET", "HEAD", "OPTIONS"].includes(ctx.req.method)) return ctx.next();
  // No page of another site can put a token into a request; without one the cookie would count.
  if (bearerOf(ctx.req.headers) !== undefined) return ctx.next();
  const site = ctx.req.headers.get("sec-fetch-site");
  const origin = ctx.req.headers.get("origin");
  const own = ctx.state.services.publicOrigin ?? ctx.url.origin;
  // A page cannot set either header, so the browser's own judgement comes first.
  if (site !== null ? site !== "same-origin" : origin !== own) {
    throw new HttpError(403, "This request did not come from the dashboard");
  }
  return ctx.next();
});
