/** Users and sessions as rows of the database. Reads are fresh: FINAL, so that a revocation counts. @module */
import {
  type Account,
  epochSeconds,
  nextRevision,
  type Role,
} from "../../lib/accounts.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql, typed } from "../../lib/sql.ts";

/** Who asks for a page. */
export interface User {
  readonly login: string;
  readonly display_name: string;
  /** undefined for {@linkcode NOBODY} alone. */
  readonly role: Role | undefined;
}

/** Whoever has not logged in; has only what is public. */
export const NOBODY: User = {
  login: "",
  display_name: "",
  role: undefined,
};

/** A row of app_sessions. Times are seconds since the epoch. */
export interface Session {
  /** Hex of the token's SHA-256; the token is in the browser's cookie alone. */
  readonly token_sha256: string;
  readonly login: string;
  readonly created_at: number;
  readonly seen_at: number;
  readonly expires_at: number;
  readonly src_ip: string;
  readonly user_agent: string;
}

/** A row of app_users with its password. */
export interface StoredAccount extends Account {
  /** PHC string; empty if the account has no password. */
  readonly password_hash: string;
}

/** Reads and writes of app_users and app_sessions. All throw DatabaseError. */
export class SessionStore {
  readonly #app: Database;

  constructor(app: Database) {
    this.#app = app;
  }

  /** The account, unless there is none or it is disabled. */
  async account(login: string): Promise<StoredAccount | undefined> {
    const [row] = await this.#app.query<StoredAccount>(sql`
      SELECT login, display_name, role, password_hash
      FROM app_users FINAL WHERE login = ${login} AND NOT disabled`);
    return row;
  }

  /** Whether there is any account at all. */
  async hasAccounts(): Promise<boolean> {
    const rows = await this.#app.query(
      sql`SELECT 1 FROM app_users FINAL LIMIT 1`,
    );
    return rows.length > 0;
  }

  async putAccount(account: StoredAccount): Promise<void> {
    await this.#app.insertRows("app_users", [
      { ...account, rev: nextRevision() },
    ]);
  }

  /** The session and its user, unless it has ended or the account is gone or disabled. */
  async session(
    tokenSha256: string,
  ): Promise<{ session: Session; user: User } | undefined> {
    const [row] = await this.#app.query<Session & Account>(sql`
      SELECT
        s.token_sha256 AS token_sha256, s.login AS login,
        toUnixTimestamp(s.created_at) AS created_at,
        toUnixTimestamp(s.seen_at) AS seen_at,
        toUnixTimestamp(s.expires_at) AS expires_at,
        toString(s.src_ip) AS src_ip, s.user_agent AS user_agent,
        u.display_name AS display_name, u.role AS role
      FROM (
        SELECT * FROM app_sessions FINAL
        WHERE token_sha256 = ${typed(tokenSha256, "FixedString(64)")}
      ) AS s
      INNER JOIN (SELECT * FROM app_users FINAL WHERE NOT disabled) AS u
        ON u.login = s.login
      WHERE s.expires_at > now()`);
    if (row === undefined) return undefined;
    const { display_name, role, ...session } = row;
    return { session, user: { login: session.login, display_name, role } };
  }

  async putSession(session: Session): Promise<void> {
    await this.#app.insertRows("app_sessions", [
      { ...session, rev: nextRevision() },
    ]);
  }

  async endSession(session: Session): Promise<void> {
    await this.#app.insertRows("app_sessions", [
      { ...session, seen_at: epochSeconds(), deleted: 1, rev: nextRevision() },
    ]);
  }
}
