/**
 * Tokens for programs: `ja4_<id>_<secret>` in an Authorization header. Shown once, stored as a digest,
 * with an end, with scopes that narrow the role of their owner, and if wanted from some networks only.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import {
  type Account,
  createToken,
  epochSeconds,
  hashToken,
  nextRevision,
} from "../../lib/accounts.ts";
import { type Database, DatabaseError } from "../../lib/clickhouse.ts";
import type { IpAddress } from "../../lib/events.ts";
import { NetworkSet } from "../../lib/ip_filter.ts";
import { sql } from "../../lib/sql.ts";
import type { Scope } from "./permissions.ts";
import type { User } from "./session_store.ts";

/** Days for which a token is good: unless said otherwise, and at most. */
export const TOKEN_DAYS = 90;
export const TOKEN_DAYS_MAX = 365;
/** Milliseconds for which an answer is not asked again. */
const FRESH_MS = 5000;
/** Seconds between two notes of when a token was last used. */
const TOUCH_S = 60;
const CACHE_MAX = 1000;

/** A row of app_tokens. Times are seconds since the epoch. */
export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly login: string;
  readonly scopes: readonly Scope[];
  readonly networks: readonly string[];
  readonly created_at: number;
  /** 0 if it was never used. */
  readonly seen_at: number;
  readonly expires_at: number;
}

interface Row extends ApiToken {
  readonly token_sha256: string;
}

/** A token that was recognised, and whose it is. */
export interface Bearer {
  readonly token: ApiToken;
  readonly user: User;
}

const COLUMNS =
  sql`id, name, token_sha256, app_tokens.login AS login, scopes, networks,
  toUnixTimestamp(app_tokens.created_at) AS created_at, toUnixTimestamp(app_tokens.seen_at) AS seen_at,
  toUnixTimestamp(app_tokens.expires_at) AS expires_at`;

export class ApiTokens {
  readonly #app: Database;
  readonly #nowMs: () => number;
  readonly #cache = new Map<
    string,
    {
      readonly found: (Bearer & { hash: string }) | undefined;
      readonly atMs: number;
    }
  >();

  /** Revoked by this process: a note of their last use must not bring them back. */
  readonly #revoked = new Set<string>();

  /** @param nowMs milliseconds since the epoch. */
  constructor(app: Database, nowMs: () => number) {
    this.#app = app;
    this.#nowMs = nowMs;
  }

  /** Makes one; the text is nowhere kept. @throws {DatabaseError} */
  async create(
    options: Pick<ApiToken, "name" | "login" | "scopes" | "networks"> & {
      readonly days: number;
    },
  ): Promise<{ readonly id: string; readonly text: string }> {
    const { days, ...rest } = options;
    const id = crypto.getRandomValues(new Uint8Array(6)).toHex();
    const secret = createToken();
    const now = epochSeconds(new Date(this.#nowMs()));
    await this.#app.insertRows("app_tokens", [{
      ...rest,
      id,
      token_sha256: await hashToken(secret),
      created_at: now,
      expires_at: now + days * 86_400,
      one_time: false,
      rev: nextRevision(),
    }]);
    return { id, text: `ja4_${id}_${secret}` };
  }

  /**
   * Whose token a header's text is, asked from `address`; undefined if it is none that is good there.
   *
   * @throws {DatabaseError}
   */
  async find(text: string, address: IpAddress): Promise<Bearer | undefined> {
    const match = /^ja4_([0-9a-f]{12})_([\w-]{43})$/.exec(text);
    if (match === null) return undefined;
    const [, id = "", secret = ""] = match;
    const found = await this.#byId(id);
    if (found === undefined) return undefined;
    const given = new TextEncoder().encode(await hashToken(secret));
    const kept = new TextEncoder().encode(found.hash);
    if (given.length !== kept.length || !timingSafeEqual(given, kept)) {
      return undefined;
    }
    const { token, user } = found;
    if (token.expires_at * 1000 <= this.#nowMs()) return undefined;
    if (
      token.networks.length > 0 &&
      !new NetworkSet([...token.networks]).has(address)
    ) return undefined;
    await this.#touch(found);
    return { token, user };
  }

  /** Tokens of an account, newest first; without a login, of all. */
  list(login?: string): Promise<ApiToken[]> {
    const whose = login === undefined ? sql`` : sql` AND login = ${login}`;
    return this.#app.query<ApiToken>(
      sql`SELECT * EXCEPT (token_sha256) FROM (SELECT ${COLUMNS} FROM app_tokens FINAL
        WHERE NOT one_time AND expires_at > now()) WHERE 1${whose} ORDER BY created_at DESC LIMIT 500`,
    );
  }

  /** Ends a token; false if `login` has none of the id. Without a login, anybody's. */
  async revoke(id: string, login?: string): Promise<ApiToken | undefined> {
    const [row] = await this.#app.query<Row>(
      sql`SELECT ${COLUMNS} FROM app_tokens FINAL WHERE id = ${id} AND NOT one_time`,
    );
    if (row === undefined || login !== undefined && row.login !== login) {
      return undefined;
    }
    this.#revoked.add(id);
    await this.#app.insertRows("app_tokens", [
      { ...row, one_time: false, deleted: 1, rev: nextRevision() },
    ]);
    this.#cache.delete(id);
    const { token_sha256: _, ...token } = row;
    return token;
  }

  async #byId(
    id: string,
  ): Promise<(Bearer & { hash: string }) | undefined> {
    const cached = this.#cache.get(id);
    if (cached !== undefined && this.#nowMs() - cached.atMs < FRESH_MS) {
      return cached.found;
    }
    const [row] = await this.#app.query<Row & Account>(sql`
      SELECT t.*, u.display_name AS display_name, u.role AS role
      FROM (SELECT ${COLUMNS} FROM app_tokens FINAL WHERE id = ${id} AND NOT one_time) AS t
      INNER JOIN (SELECT login, display_name, role FROM app_users FINAL WHERE NOT disabled) AS u ON u.login = t.login`);
    let found: (Bearer & { hash: string }) | undefined;
    if (row !== undefined) {
      const { token_sha256: hash, display_name, role, ...token } = row;
      found = { hash, token, user: { login: token.login, display_name, role } };
    }
    this.#remember(id, found);
    return found;
  }

  #remember(id: string, found: (Bearer & { hash: string }) | undefined): void {
    this.#cache.delete(id);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size >= CACHE_MAX && oldest !== undefined) {
      this.#cache.delete(oldest);
    }
    this.#cache.set(id, { found, atMs: this.#nowMs() });
  }

  /** Notes that a token is in use; that this cannot be stored is no reason to refuse it. */
  async #touch(found: Bearer & { hash: string }): Promise<void> {
    const now = epochSeconds(new Date(this.#nowMs()));
    const { id, seen_at } = found.token;
    if (now - seen_at < TOUCH_S || this.#revoked.has(id)) return;
    const token = { ...found.token, seen_at: now };
    this.#remember(token.id, { ...found, token });
    try {
      await this.#app.insertRows("app_tokens", [{
        ...token,
        token_sha256: found.hash,
        one_time: false,
        rev: nextRevision(),
      }]);
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
    }
  }
}
