/** What the application's routes work with, made once by main.ts. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import type { NetworkSet } from "../lib/ip_filter.ts";
import { invariant } from "../lib/invariant.ts";
import type { Logger } from "../lib/log.ts";
import type { IdempotentCalls } from "./api/idempotency.ts";
import type { RateLimiter } from "./api/rate_limit.ts";
import type { Accounts } from "./auth/accounts.ts";
import type { ApiTokens } from "./auth/api_tokens.ts";
import type { FirstAdmin } from "./auth/first_admin.ts";
import type { LoginThrottle } from "./auth/login_throttle.ts";
import type { Oidc } from "./auth/oidc.ts";
import type { ProxyAuth } from "./auth/proxy_auth.ts";
import type { GroupRoles } from "./auth/roles.ts";
import type { SecondFactors } from "./auth/second_factors.ts";
import type { SessionStore } from "./auth/session_store.ts";
import type { Sessions } from "./auth/sessions.ts";
import type { ExportPlaces } from "./export_places.ts";
import type { LiveHub } from "./live_hub.ts";
import type { Searches } from "./searches.ts";
import type { WebMetrics } from "./web_metrics.ts";

export interface Services {
  /** Asks; the account of the database may only read. */
  readonly db: Database;
  /** Writes accounts, triage, lists and the audit log. */
  readonly app: Database;
  readonly accounts: Accounts;
  readonly store: SessionStore;
  readonly tokens: ApiTokens;
  readonly secondFactors: SecondFactors;
  /** Undefined: nobody logs in by a provider. */
  readonly oidc: Oidc | undefined;
  /** Undefined: no proxy's word counts. */
  readonly proxy: ProxyAuth | undefined;
  /** What groups of a provider or a proxy give. */
  readonly groupRoles: GroupRoles;
  readonly sessions: Sessions;
  readonly throttle: LoginThrottle;
  readonly firstAdmin: FirstAdmin;
  readonly live: LiveHub;
  readonly searches: Searches;
  /** How often each caller of the API has called. */
  readonly rates: RateLimiter;
  /** What was answered to calls of the API that may be sent again. */
  readonly idempotent: IdempotentCalls;
  /** A place for each export that may run at once. */
  readonly exports: ExportPlaces;
  readonly metrics: WebMetrics;
  readonly log: Logger;
  readonly now: () => UnixMicros;
  /** Milliseconds for which a page waits for its panels. */
  readonly patienceMs: number;
  /** As browsers reach the dashboard, such as `https://soc.example.org`; undefined: as each asks. */
  readonly publicOrigin: string | undefined;
  /** Folder of the site that the dashboard is, such as `/ja4`; empty at its root. */
  readonly basePath: string;
  /** Peers whose X-Forwarded-For is believed. */
  readonly trustedProxies: NetworkSet;
}

let provided: Services | undefined;

/** Gives the process's app its services. Fresh imports the app by name, so it cannot be passed them. */
export function provide(services: Services): void {
  provided = services;
}

/** What {@linkcode provide} was given. */
export function providedServices(): Services {
  invariant(provided !== undefined, "the app answers before it has services");
  return provided;
}
