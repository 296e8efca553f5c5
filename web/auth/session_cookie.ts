/** The cookie that carries a session's token. @module */
import type { Context } from "fresh";
import { readCookie, writeCookie } from "../cookies.ts";
import { isHttps } from "../security.ts";
import type { State } from "../utils.ts";
import { ABSOLUTE_S } from "./sessions.ts";

/** The token that the browser sent. */
export function readSessionToken(ctx: Context<State>): string | undefined {
  const token = readCookie(ctx.req.headers, cookieName(ctx));
  return token !== undefined && /^[\w-]{43}$/.test(token) ? token : undefined;
}

/** Has the browser keep `token`. */
export function giveSession(
  ctx: Context<State>,
  response: Response,
  token: string,
): void {
  append(ctx, response, token, ABSOLUTE_S);
}

/** Has the browser forget its token. */
export function takeSession(ctx: Context<State>, response: Response): void {
  append(ctx, response, "", 0);
}

function append(
  ctx: Context<State>,
  response: Response,
  value: string,
  maxAgeS: number,
): void {
  const secure = isSecure(ctx);
  response.headers.append(
    "set-cookie",
    writeCookie(cookieName(ctx), value, { secure, maxAgeS }),
  );
}

/** The prefix has browsers refuse the cookie from subdomains and over plain http (RFC 6265bis, 4.1.3). */
function cookieName(ctx: Context<State>): string {
  return isSecure(ctx) ? "__Host-s" : "s";
}

function isSecure(ctx: Context<State>): boolean {
  return isHttps(ctx.state.services.publicOrigin ?? ctx.url.origin);
}
