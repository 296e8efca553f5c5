/** What ties a login at a provider to the browser that began it. @module */
import type { Context } from "fresh";
import { readCookie, writeCookie } from "../cookies.ts";
import { isHttps } from "../security.ts";
import type { State } from "../utils.ts";

const NAME = "oidc";
/** Seconds that a login may take. */
const LOGIN_S = 600;

/** Where the provider sends the browser back to; it has to be registered there. */
export function redirectUri(ctx: Context<State>): string {
  const { publicOrigin, basePath } = ctx.state.services;
  return `${publicOrigin ?? ctx.url.origin}${basePath}/auth/oidc/callback`;
}

/** What the browser brought back. */
export function readLoginCookie(ctx: Context<State>): string {
  return readCookie(ctx.req.headers, NAME) ?? "";
}

/** Has the browser keep `value` until it comes back; empty: no longer. */
export function giveLoginCookie(
  ctx: Context<State>,
  response: Response,
  value: string,
): void {
  const secure = isHttps(ctx.state.services.publicOrigin ?? ctx.url.origin);
  response.headers.append(
    "set-cookie",
    writeCookie(NAME, value, { secure, maxAgeS: value === "" ? 0 : LOGIN_S }),
  );
}
