/** What every route and middleware shares: the state of a request, and `define`. @module */
import { createDefine } from "fresh";
import type { Database } from "../lib/clickhouse.ts";
import type { IpAddress, UnixMicros } from "../lib/events.ts";
import type { Permission, Scope } from "./auth/permissions.ts";
import type { Session, User } from "./auth/session_store.ts";
import type { TimeRange } from "./data/range.ts";
import type { Preferences } from "./preferences.ts";
import type { Services } from "./services.ts";

/** One request's state, filled in by the middlewares of app.ts before a route runs. */
export interface State {
  readonly services: Services;
  /** Asks; the account of the database may only read. */
  readonly db: Database;
  /** Writes accounts, triage, lists and the audit log. */
  readonly app: Database;
  /** Appears in the log, in the answer's header and on error pages. */
  readonly request_id: string;
  /** The peer, or the client that a trusted proxy names. */
  readonly client_ip: IpAddress;
  readonly preferences: Preferences;
  readonly now: () => UnixMicros;
  /** Who asks. On the routes that need no login this may be {@linkcode NOBODY}. */
  user: User;
  session: Session | undefined;
  /** Of the token that was shown; undefined: a person asks. */
  scopes: readonly Scope[] | undefined;
  /** Identifier of that token. */
  token: string | undefined;
  /** The accounts could not be asked: nobody can be recognised. */
  accountsDown: boolean;
  /** A panel of the page is still being loaded. */
  late: boolean;
  /** The time range that the page shows; set by its handler, undefined where there is none. */
  range: TimeRange | undefined;
  /** Whether the user's role, and the token's scopes, have the permission. */
  readonly can: (permission: Permission) => boolean;
}

export const define = createDefine<State>();
