import type { Middleware } from "fresh";
import { may } from "./auth/permissions.ts";
import { NOBODY } from "./auth/session_store.ts";
import { clientAddress } from "./client_address.ts";
import { readPreferences } from "./preferences.ts";
import type { Services } from "./services.ts";
import type { State } from "./utils.ts";

/** Fills in the state, counts and times the request, and gives it an identifier. */
export function begin(services: () => Services): Middleware<State> {
  return async (ctx) => {
    const given = services();
    const state: State = {
      services: given,
      db: given.db,
      app: given.app,
      request_id: crypto.randomUUID(),
      client_ip: clientAddress(
        ctx.info,
        ctx.req.headers,
        given.trustedProxies,
      ),
      preferences: readPreferences(ctx.req.headers, ctx.url),
      now: given.now,
      user: NOBODY,
      session: undefined,
      scopes: undefined,
      token: undefined,
      accountsDown: false,
      late: false,
      range: undefined,
      can: (permission) => may(state.user.role, permission, state.scopes),
    };
    // One object throughout, so that `can` sees the user that the gate puts in.
    Object.assign(ctx, { state });
    const startMs = performance.now();
    const response = await ctx.next();
    response.headers.set("x-request-id", state.request_id);
    given.metrics.observe({
      route: ctx.route,
      method: ctx.req.method,
      status: response.status,
      seconds: (performance.now() - startMs) / 1000,
    });
    return response;
  };
}
