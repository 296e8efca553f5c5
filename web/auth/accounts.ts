/** Checks a login and its password, and makes accounts. @module */
import type { Account, Role } from "../../lib/accounts.ts";
import type { PasswordHasher } from "./password.ts";
import type { SessionStore, User } from "./session_store.ts";

export class Accounts {
  readonly #store: SessionStore;
  readonly #hasher: PasswordHasher;

  constructor(store: SessionStore, hasher: PasswordHasher) {
    this.#store = store;
    this.#hasher = hasher;
  }

  /** The user, if the password is theirs. Takes as long for a login that does not exist. */
  async check(login: string, password: string): Promise<User | undefined> {
    const account = await this.#store.account(login);
    const right = await this.#hasher.verify(password, account?.password_hash);
    if (account === undefined || !right) return undefined;
    if (this.#hasher.isOutdated(account.password_hash)) {
      const password_hash = await this.#hasher.hash(password);
      await this.#store.putAccount({ ...account, password_hash });
    }
    return userOf(account);
  }

  /** The user of a login that has been shown in another way; undefined if it is gone or disabled. */
  async user(login: string): Promise<User | undefined> {
    const account = await this.#store.account(login);
    return account === undefined ? undefined : userOf(account);
  }

  async create(
    account: {
      readonly login: string;
      readonly display_name: string;
      readonly role: Role;
      readonly password: string;
    },
  ): Promise<User> {
    const { password, ...rest } = account;
    const password_hash = await this.#hasher.hash(password);
    await this.#store.putAccount({ ...rest, password_hash });
    return userOf(rest);
  }
}

/** Without the password's hash, which must reach no page. */
function userOf({ login, display_name, role }: Account): User {
  return { login, display_name, role };
}
