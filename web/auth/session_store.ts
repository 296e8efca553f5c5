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

/** A row of app_users. */
export interface StoredAccount extends Account {
  /** PHC string; empty if the account has no password. */
  readonly password_hash: string;
  readonly disabled: boolean;
  /** Base32; empty without a second factor. */
  readonly totp_secret: string;
  /** Time step of the last code used. */
  readonly totp_step: number;
  /** Hashes of the recovery codes not yet used. */
  readonly recovery: readonly string[];
  /** Issuer and subject at an OpenID provider, or "proxy" and the login; empty for an account of here. */
  readonly subject: string;
}

/** An account in a list, with what its sessions say. */
export interface ListedAccount extends StoredAccount {
  /** Sessions that have not ended. */
  readonly sessions: number;
  /** Seconds since the epoch; 0 if never within the life of a session. */
  readonly seen_at: number;
}

/** A question that somebody keeps: a page with its parameters. */
export interface SavedView {
  readonly id: string;
  readonly login: string;
  readonly name: string;
  readonly path: string;
  readonly shared: boolean;
}

const ACCOUNT_COLUMNS =
  sql`login, display_name, role, password_hash, disabled, totp_secret,
  toUInt32(totp_step) AS totp_step, recovery, subject`;

/** Reads and writes of app_users, app_sessions and saved_views. All throw DatabaseError. */
export class SessionStore {
  readonly #app: Database;

  constructor(app: Database) {
    this.#app = app;
  }

  /** The account, unless there is none or it is disabled. */
  async account(login: string): Promise<StoredAccount | undefined> {
    const found = await this.anyAccount(login);
    return found?.disabled === false ? found : undefined;
  }

  /** The account, disabled or not. */
  async anyAccount(login: string): Promise<StoredAccount | undefined> {
    const [row] = await this.#app.query<StoredAccount>(
      sql`SELECT ${ACCOUNT_COLUMNS} FROM app_users FINAL WHERE login = ${login}`,
    );
    return row;
  }

  /** The account that came from a provider under this subject, disabled or not. */
  async accountOfSubject(subject: string): Promise<StoredAccount | undefined> {
    const [row] = await this.#app.query<StoredAccount>(
      sql`SELECT ${ACCOUNT_COLUMNS} FROM app_users FINAL WHERE app_users.subject = ${subject} LIMIT 1`,
    );
    return row;
  }

  /** All accounts by login. */
  listAccounts(): Promise<ListedAccount[]> {
    return this.#app.query<ListedAccount>(sql`
      SELECT a.*, toUInt32(ifNull(s.sessions, 0)) AS sessions, toUInt32(ifNull(s.seen, 0)) AS seen_at
      FROM (SELECT ${ACCOUNT_COLUMNS} FROM app_users FINAL) AS a
      LEFT JOIN (
        SELECT login, count() AS sessions, max(toUnixTimestamp(app_sessions.seen_at)) AS seen
        FROM app_sessions FINAL WHERE expires_at > now() GROUP BY login
      ) AS s ON s.login = a.login
      ORDER BY a.login LIMIT 1000`);
  }

  /** Whether there is any account at all. */
  async hasAccounts(): Promise<boolean> {
    const rows = await this.#app.query(
      sql`SELECT 1 FROM app_users FINAL LIMIT 1`,
    );
    return rows.length > 0;
  }

  /** Writes the whole row: what is not given becomes the default of its column. */
  async putAccount(
    account:
      & Account
      & Pick<StoredAccount, "password_hash">
      & Partial<StoredAccount>,
  ): Promise<void> {
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

  /** The sessions of an account that have not ended, newest first. */
  listSessions(login: string): Promise<Session[]> {
    return this.#app.query<Session>(sql`
      SELECT token_sha256, login, toUnixTimestamp(app_sessions.created_at) AS created_at,
        toUnixTimestamp(app_sessions.seen_at) AS seen_at, toUnixTimestamp(app_sessions.expires_at) AS expires_at,
        replaceOne(toString(app_sessions.src_ip), '::ffff:', '') AS src_ip, user_agent
      FROM app_sessions FINAL WHERE login = ${login} AND app_sessions.expires_at > now()
      ORDER BY seen_at DESC LIMIT 200`);
  }

  /** The views of `login` and those that others share. */
  listViews(login: string): Promise<SavedView[]> {
    return this.#app.query<SavedView>(sql`
      SELECT id, login, name, path, shared FROM saved_views FINAL
      WHERE login = ${login} OR shared ORDER BY login != ${login}, lower(name) LIMIT 500`);
  }

  async putView(
    view: SavedView,
    options: { deleted?: boolean } = {},
  ): Promise<void> {
    await this.#app.insertRows("saved_views", [
      {
        ...view,
        deleted: options.deleted === true ? 1 : 0,
        rev: nextRevision(),
      },
    ]);
  }
}
