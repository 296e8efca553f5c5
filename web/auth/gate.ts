/** Who asks, and whether they may: the two middlewares in front of every route. @module */
import { type Context, HttpError } from "fresh";
import { FEED_ROUTE } from "../api/feed.ts";
import { isDirectLocal } from "../client_address.ts";
import { define, type State } from "../utils.ts";
import { permissionOf } from "./permissions.ts";
import { bearerOf } from "./bearer.ts";
import { readSessionToken } from "./session_cookie.ts";

/**
 * Puts who asks into the state: the owner of a token, the user of a session cookie, or whom a trusted
 * proxy names. A request with a token is judged by that alone.
 */
export const authenticate = define.middleware(async (ctx) => {
  const { services, client_ip } = ctx.state;
  const bearer = bearerOf(ctx.req.headers);
  if (bearer !== undefined) {
    if (!forMachines(ctx.url.pathname)) {
      throw new HttpError(401, "Tokens are for /api/ and /metrics");
    }
    const found = await services.tokens.find(bearer, client_ip);
    if (found === undefined) {
      throw new HttpError(
        401,
        "The token is unknown, revoked, expired or not for this place",
      );
    }
    ctx.state.user = found.user;
    ctx.state.scopes = found.token.scopes;
    ctx.state.token = found.token.id;
    return await ctx.next();
  }
  const key = feedKey(ctx);
  if (key !== undefined) {
    const found = await services.tokens.find(key, client_ip);
    if (found?.token.scopes.join() !== "lists:read") {
      throw new HttpError(401, "The key is not one for this list");
    }
    ctx.state.user = found.user;
    ctx.state.scopes = found.token.scopes;
    ctx.state.token = found.token.id;
    return await ctx.next();
  }
  const token = readSessionToken(ctx);
  if (token !== undefined) {
    const { found, stale } = await services.sessions.find(token);
    ctx.state.accountsDown = stale;
    if (found !== undefined) {
      ctx.state.user = found.user;
      ctx.state.session = found.session;
      return await ctx.next();
    }
  }
  const named = await services.proxy?.user(ctx.info, ctx.req.headers);
  if (named !== undefined) ctx.state.user = named;
  return await ctx.next();
});

/**
 * The key in the address of a list that a firewall fetches. Addresses end up in logs: so this is the only
 * place, and a token counts there that can do nothing else.
 */
function feedKey({ route, req, url }: Context<State>): string | undefined {
  return route === FEED_ROUTE && req.method === "GET"
    ? url.searchParams.get("key") ?? undefined
    : undefined;
}

/** Paths where a token counts: what it opens must never be a page that a browser would show. */
function forMachines(path: string): boolean {
  return path.startsWith("/api/") || path === "/metrics";
}

/** Refuses what the permission table does not allow; sends those who have not logged in to do so. */
export const authorize = define.middleware(async (ctx) => {
  const { route, url, req } = ctx;
  const permission = route === null
    ? "read" // what exists and what does not is nobody's business without a login
    : permissionOf(route, req.method);
  if (permission === undefined) throw new HttpError(405);
  const allowed = permission === "machine"
    ? isDirectLocal(ctx.info, req.headers) || ctx.state.can("read")
    : ctx.state.can(permission);
  if (allowed) return await ctx.next();
  if (ctx.state.user.role !== undefined) throw new HttpError(403);
  if (ctx.state.accountsDown) {
    throw new HttpError(
      503,
      "The database does not answer, so the dashboard cannot tell who you are. You will be let in when it is back.",
    );
  }
  if (url.pathname.startsWith("/api/") || permission === "machine") {
    throw new HttpError(401, "Log in first");
  }
  const next = req.method === "GET" ? url.pathname + url.search : "/";
  return ctx.redirect(
    next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`,
    303,
  );
});
