/**
 * Accounts of the dashboard as rows: what the dashboard and the command line tools both write.
 * Passwords and sessions are the dashboard's alone.
 *
 * @module
 */
import type { Database } from "./clickhouse.ts";
import { sql, typed } from "./sql.ts";

/** Roles in rising order; the names are those of the column app_users.role. */
export const ROLES = ["viewer", "analyst", "admin"] as const;
export type Role = typeof ROLES[number];

/** A row of app_users without its password. */
export interface Account {
  readonly login: string;
  readonly display_name: string;
  readonly role: Role;
}

/** Letters, digits and `. _ @ -`, 1 to 64 of them, a letter or digit first. */
export function isLogin(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(text);
}

/** A new secret of 256 bits, for a URL. */
export function createToken(): string {
  return crypto.getRandomValues(new Uint8Array(32))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The form in which a token is stored: hex of its SHA-256. A token has no structure to guess, so no salt. */
export async function hashToken(token: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(token),
  );
  return new Uint8Array(digest).toHex();
}

/** Seconds since the epoch, as the DateTime columns have them. */
export function epochSeconds(date: Date = new Date()): number {
  return Math.floor(date.getTime() / 1000);
}

/** Version of a row in a ReplacingMergeTree: microseconds, rising even within one millisecond. */
export function nextRevision(): number {
  lastRevision = Math.max(lastRevision + 1, Date.now() * 1000);
  return lastRevision;
}
let lastRevision = 0;

/** Options of {@linkcode createOneTimeLogin}. */
export interface OneTimeLogin extends Account {
  /** Seconds from now for which the token is good. */
  readonly expires_s: number;
}

/**
 * Makes a token that logs `login` in once, and the account itself if there is none of that name (an
 * account without a password: it can be entered by such tokens alone). An existing account keeps
 * its role. The token goes into the dashboard's URL: `/login?token=TOKEN`.
 *
 * @throws {DatabaseError} if it cannot be stored.
 */
export async function createOneTimeLogin(
  app: Database,
  options: OneTimeLogin,
): Promise<string> {
  const { login, display_name, role, expires_s } = options;
  const known = await app.query(
    sql`SELECT login FROM app_users FINAL WHERE login = ${login}`,
  );
  if (known.length === 0) {
    await app.insertRows("app_users", [
      { login, display_name, role, password_hash: "", rev: nextRevision() },
    ]);
  }
  const token = createToken();
  await app.insertRows("app_tokens", [{
    id: crypto.randomUUID(),
    token_sha256: await hashToken(token),
    login,
    scopes: ["login"],
    expires_at: epochSeconds() + expires_s,
    one_time: true,
    rev: nextRevision(),
  }]);
  return token;
}

/**
 * Marks a one-time token as used and says whose it was; undefined if it is unknown, expired or used.
 *
 * @throws {DatabaseError} if that cannot be stored; the token is then still good.
 */
export async function spendOneTimeToken(
  app: Database,
  token: string,
): Promise<string | undefined> {
  const token_sha256 = await hashToken(token);
  const [row] = await app.query<OneTimeRow>(sql`
    SELECT id, login, scopes, toUnixTimestamp(expires_at) AS expires_at
    FROM app_tokens FINAL
    WHERE token_sha256 = ${typed(token_sha256, "FixedString(64)")}
      AND one_time AND has(scopes, 'login') AND expires_at > now()`);
  if (row === undefined) return undefined;
  await app.insertRows("app_tokens", [{
    ...row,
    token_sha256,
    one_time: true,
    deleted: 1,
    rev: nextRevision(),
  }]);
  return row.login;
}

interface OneTimeRow {
  readonly id: string;
  readonly login: string;
  readonly scopes: readonly string[];
  /** Seconds since the epoch. */
  readonly expires_at: number;
}
