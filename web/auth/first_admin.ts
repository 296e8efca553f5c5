/**
 * The way in when there is no account yet: a token that only the log shows. There is no default
 * password, and no page that anybody who comes first could use.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { createToken } from "../../lib/accounts.ts";
import type { SessionStore } from "./session_store.ts";

export class FirstAdmin {
  readonly #store: SessionStore;
  #token: string | undefined;

  constructor(store: SessionStore) {
    this.#store = store;
  }

  /**
   * The token to show to whoever reads the log; undefined once there is an account. The same for
   * the life of the process.
   *
   * @throws {DatabaseError}
   */
  async offer(): Promise<string | undefined> {
    if (await this.#store.hasAccounts()) {
      this.#token = undefined;
      return undefined;
    }
    return this.#token ??= createToken();
  }

  /** Whether `token` is the one offered and there is still no account. */
  async accepts(token: string): Promise<boolean> {
    const expected = await this.offer();
    if (expected === undefined) return false;
    const [a, b] = [expected, token].map((text) =>
      new TextEncoder().encode(text)
    );
    return a !== undefined && b !== undefined && a.length === b.length &&
      timingSafeEqual(a, b);
  }

  /** Makes the token worthless. */
  done(): void {
    this.#token = undefined;
  }
}
