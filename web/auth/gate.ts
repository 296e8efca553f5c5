/** Who asks, and whether they may: the two middlewares in front of every route. @module */
import { HttpError } from "fresh";
import { isDirectLocal } from "../client_address.ts";
import { define } from "../utils.ts";
import { permissionOf } from "./permissions.ts";
import { readSessionToken } from "./session_cookie.ts";

/** Puts the user of a valid session cookie into the state. */
export const authenticate = define.middleware(async (ctx) => {
  const token = readSessionToken(ctx);
  if (token !== undefined) {
    const { found, stale } = await ctx.state.services.sessions.find(token);
    ctx.state.accountsDown = stale;
    if (found !== undefined) {
      ctx.state.user = found.user;
      ctx.state.session = found.session;
    }
  }
  return await ctx.next();
});

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
