/**
 * A proxy in front that has already asked who it is: the name in a header of its own, believed from
 * trusted peers alone. From anybody else the header is nothing.
 *
 * @module
 */
import { messageOf } from "../../lib/errors.ts";
import type { NetworkSet } from "../../lib/ip_filter.ts";
import type { Logger } from "../../lib/log.ts";
import { peerAddress } from "../client_address.ts";
import { AccountError, type Accounts } from "./accounts.ts";
import { type GroupRoles, roleOfGroups } from "./roles.ts";
import type { User } from "./session_store.ts";
import { DatabaseError } from "../../lib/clickhouse.ts";

/** Which headers say what. */
export interface ProxyAuthOptions {
  readonly userHeader: string;
  /** Names of groups, between commas. */
  readonly groupsHeader: string;
  readonly roles: GroupRoles;
}

/** Milliseconds for which an answer is not asked again, and answers kept. */
const FRESH_MS = 5000;
const CACHE_MAX = 1000;

export class ProxyAuth {
  readonly #options: ProxyAuthOptions;
  readonly #accounts: Accounts;
  readonly #trusted: NetworkSet;
  readonly #log: Logger;
  readonly #cache = new Map<string, { user: User | undefined; atMs: number }>();

  constructor(
    options: ProxyAuthOptions,
    parts: { accounts: Accounts; trusted: NetworkSet; log: Logger },
  ) {
    this.#options = options;
    this.#accounts = parts.accounts;
    this.#trusted = parts.trusted;
    this.#log = parts.log;
  }

  /** Whom the proxy names; undefined if it names nobody, is none that is trusted, or the name may not enter. */
  async user(
    info: Deno.ServeHandlerInfo,
    headers: Headers,
  ): Promise<User | undefined> {
    const { userHeader, groupsHeader, roles } = this.#options;
    const login = headers.get(userHeader) ?? "";
    const peer = peerAddress(info);
    if (login === "" || peer === undefined || !this.#trusted.has(peer)) {
      return undefined;
    }
    const groups = (headers.get(groupsHeader) ?? "").split(",")
      .map((group) => group.trim());
    const role = roleOfGroups(groups, roles);
    if (role === undefined) return undefined;
    const key = `${role} ${login}`;
    const cached = this.#cache.get(key);
    const nowMs = performance.now();
    if (cached !== undefined && nowMs - cached.atMs < FRESH_MS) {
      return cached.user;
    }
    const user = await this.#admit({
      subject: `proxy ${login}`,
      login,
      display_name: login,
      role,
    }, cached?.user);
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size >= CACHE_MAX && oldest !== undefined) {
      this.#cache.delete(oldest);
    }
    this.#cache.set(key, { user, atMs: nowMs });
    return user;
  }

  async #admit(
    outsider: Parameters<Accounts["admit"]>[0],
    before: User | undefined,
  ): Promise<User | undefined> {
    try {
      return await this.#accounts.admit(outsider);
    } catch (thrown) {
      // While the database is away, who was known a moment ago stays so.
      if (thrown instanceof DatabaseError) return before;
      if (!(thrown instanceof AccountError)) throw thrown;
      this.#log.warning("A proxy named somebody who may not enter", {
        login: outsider.login.slice(0, 64),
        error: messageOf(thrown),
      });
      return undefined;
    }
  }
}
