/** The application: the middlewares that every request passes, in order, and the routes. @module */
import { App, csp, staticFiles } from "fresh";
import { limitCalls } from "./api/rate_limit.ts";
import { authenticate, authorize } from "./auth/gate.ts";
import { begin } from "./begin.ts";
import { errorPages } from "./error_pages.tsx";
import { sameOriginWrites, securityHeaders } from "./security.ts";
import { providedServices, type Services } from "./services.ts";
import type { State } from "./utils.ts";

/** @param services is asked once a request. */
export function createApp(services: () => Services): App<State> {
  return new App<State>()
    .use(begin(services))
    .use(securityHeaders)
    // Only for the nonce, which Fresh itself makes: securityHeaders writes the policy that is sent.
    .use(csp({ useNonce: true }))
    .use(errorPages)
    .use(staticFiles())
    .use(sameOriginWrites)
    .use(authenticate)
    .use(authorize)
    .use(limitCalls)
    .fsRoutes();
}

/** The app that the build's server.js serves. */
export const app: App<State> = createApp(providedServices);
