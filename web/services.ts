/** What the application's routes work with, made once by main.ts. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import type { NetworkSet } from "../lib/ip_filter.ts";
import { invariant } from "../lib/invariant.ts";
import type { Logger } from "../lib/log.ts";
import type { Accounts } from "./auth/accounts.ts";
import type { FirstAdmin } from "./auth/first_admin.ts";
import type { LoginThrottle } from "./auth/login_throttle.ts";
import type { Sessions } from "./auth/sessions.ts";
import type { LiveHub } from "./live_hub.ts";
import type { Searches } from "./searches.ts";
import type { Places } from "./stream.ts";
import type { WebMetrics } from "./web_metrics.ts";

export interface Services {
  /** Asks; the account of the database may only read. */
  readonly db: Database;
  /** Writes accounts, triage, lists and the audit log. */
  readonly app: Database;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly throttle: LoginThrottle;
  readonly firstAdmin: FirstAdmin;
  readonly live: LiveHub;
  readonly searches: Searches;
  /** A place for each export that may run at once. */
  readonly exports: Places;
  readonly metrics: WebMetrics;
  readonly log: Logger;
  readonly now: () => UnixMicros;
  /** As browsers reach the dashboard, such as `https://soc.example.org`; undefined: as each asks. */
  readonly publicOrigin: string | undefined;
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
