/**
 * Sessions: a random token in the browser's cookie, its digest in the database, and the answer to
 * "who is this" kept in memory for a few seconds, so that a page costs no query for it.
 *
 * @module
 */
import { createToken, epochSeconds, hashToken } from "../../lib/accounts.ts";
import { DatabaseError } from "../../lib/clickhouse.ts";
import type { Session, SessionStore, User } from "./session_store.ts";

/** Seconds after which a session ends for want of use, and in any case (OWASP ASVS 4.0, 3.3). */
export const IDLE_S = 8 * 3600;
export const ABSOLUTE_S = 24 * 3600;
/** Milliseconds for which an answer is not asked again: how long a revoked session may live on. */
const FRESH_MS = 5000;
/** Milliseconds for which an answer is used while the database is away. */
const STALE_MS = 15 * 60_000;
/** Seconds between two notes of when a session was last used. */
const TOUCH_S = 60;
/** Answers kept, "no such session" among them. */
const CACHE_MAX = 2000;

/** A session and whose it is. */
export interface Recognised {
  readonly session: Session;
  readonly user: User;
}

interface Cached {
  readonly found: Recognised | undefined;
  readonly atMs: number;
}

/** What {@linkcode Sessions.find} says. */
export interface Lookup {
  readonly found: Recognised | undefined;
  /** The database did not answer; `found` is from memory, if anything. */
  readonly stale: boolean;
}

export class Sessions {
  readonly #store: SessionStore;
  /** Milliseconds since the epoch. */
  readonly #nowMs: () => number;
  /** By digest of the token, least recently asked first. */
  readonly #cache = new Map<string, Cached>();

  constructor(store: SessionStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** Opens a session for someone who has just shown who they are; returns the cookie's token. */
  async open(
    user: User,
    from: { readonly src_ip: string; readonly user_agent: string },
  ): Promise<string> {
    const token = createToken();
    const now = this.#seconds();
    const session: Session = {
      token_sha256: await hashToken(token),
      login: user.login,
      created_at: now,
      seen_at: now,
      expires_at: now + ABSOLUTE_S,
      src_ip: from.src_ip,
      user_agent: from.user_agent.slice(0, 512),
    };
    await this.#store.putSession(session);
    this.#remember(session.token_sha256, { session, user });
    return token;
  }

  /** Who holds `token`; nobody if it is unknown, ended or too old. */
  async find(token: string): Promise<Lookup> {
    const key = await hashToken(token);
    const cached = this.#cache.get(key);
    const age = cached === undefined ? Infinity : this.#nowMs() - cached.atMs;
    if (cached !== undefined && age < FRESH_MS) {
      return { found: this.#live(cached.found), stale: false };
    }
    try {
      const found = this.#live(await this.#store.session(key));
      this.#remember(key, found);
      if (found !== undefined) await this.#touch(found);
      return { found, stale: false };
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
      const found = age < STALE_MS ? this.#live(cached?.found) : undefined;
      return { found, stale: true };
    }
  }

  /** Ends a session for good. */
  async close(session: Session): Promise<void> {
    await this.#store.endSession(session);
    this.#remember(session.token_sha256, undefined);
  }

  /** Ends all sessions of an account but `kept`, as when its role or password changes. */
  async closeAll(login: string, kept?: Session): Promise<number> {
    const others = (await this.#store.listSessions(login)).filter((one) =>
      one.token_sha256 !== kept?.token_sha256
    );
    for (const session of others) await this.close(session);
    return others.length;
  }

  /** The sessions of an account that are good now. */
  async list(login: string): Promise<Session[]> {
    const now = this.#seconds();
    return (await this.#store.listSessions(login)).filter(({ seen_at }) =>
      now < seen_at + IDLE_S
    );
  }

  /** The same, unless it has been idle or has lived for too long. */
  #live(found: Recognised | undefined): Recognised | undefined {
    if (found === undefined) return undefined;
    const { seen_at, expires_at } = found.session;
    const now = this.#seconds();
    return now < expires_at && now < seen_at + IDLE_S ? found : undefined;
  }

  /** Notes that a session is in use. */
  async #touch({ session, user }: Recognised): Promise<void> {
    const now = this.#seconds();
    if (now - session.seen_at < TOUCH_S) return;
    const touched = { ...session, seen_at: now };
    await this.#store.putSession(touched);
    this.#remember(session.token_sha256, { session: touched, user });
  }

  #remember(key: string, found: Recognised | undefined): void {
    this.#cache.delete(key);
    if (this.#cache.size >= CACHE_MAX) {
      const [oldest] = this.#cache.keys();
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
    this.#cache.set(key, { found, atMs: this.#nowMs() });
  }

  #seconds(): number {
    return epochSeconds(new Date(this.#nowMs()));
  }
}
