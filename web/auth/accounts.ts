/** Checks a login and its password, and makes and changes accounts. @module */
import { type Account, isLogin, type Role } from "../../lib/accounts.ts";
import type { PasswordHasher } from "./password.ts";
import type { SessionStore, StoredAccount, User } from "./session_store.ts";
import { hashRecoveryCode, stepOf } from "./totp.ts";

/** What cannot be done to an account; the message is for the one who tried. */
export class AccountError extends Error {
  override readonly name = "AccountError";
}

/** Somebody whom a provider or a proxy vouches for. */
export interface Outsider {
  /** Who vouches and how they call the person; never changes. */
  readonly subject: string;
  readonly login: string;
  readonly display_name: string;
  readonly role: Role;
}

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

  /** The whole row of a login that is not disabled. */
  stored(login: string): Promise<StoredAccount | undefined> {
    return this.#store.account(login);
  }

  /**
   * Whether `code` is one of the second factor: of the telephone, or a recovery code, which is spent.
   */
  async checkCode(
    login: string,
    code: string,
    nowMs: number,
  ): Promise<"code" | "recovery" | undefined> {
    const account = await this.#store.account(login);
    if (account === undefined || account.totp_secret === "") return undefined;
    const step = await stepOf(code, account.totp_secret, {
      nowMs,
      lastStep: account.totp_step,
    });
    if (step !== undefined) {
      await this.#store.putAccount({ ...account, totp_step: step });
      return "code";
    }
    const hash = await hashRecoveryCode(code);
    if (!account.recovery.includes(hash)) return undefined;
    const recovery = account.recovery.filter((one) => one !== hash);
    await this.#store.putAccount({ ...account, recovery });
    return "recovery";
  }

  /** Gives an account a second factor, or takes it away. */
  async setSecondFactor(
    login: string,
    factor: Pick<StoredAccount, "totp_secret" | "totp_step" | "recovery">,
  ): Promise<void> {
    await this.#change(login, factor);
  }

  async setPassword(login: string, password: string): Promise<void> {
    await this.#change(login, {
      password_hash: await this.#hasher.hash(password),
    });
  }

  /** Whether a hash is that of the password. @throws {BusyError} */
  verify(password: string, account: StoredAccount): Promise<boolean> {
    return this.#hasher.verify(password, account.password_hash);
  }

  /** @throws {AccountError} if nobody could administer any more. */
  async setRole(login: string, role: Role): Promise<void> {
    if (role !== "admin") await this.#keepAnAdmin(login);
    await this.#change(login, { role });
  }

  /** @throws {AccountError} if nobody could administer any more. */
  async setDisabled(login: string, disabled: boolean): Promise<void> {
    if (disabled) await this.#keepAnAdmin(login);
    await this.#change(login, { disabled });
  }

  /**
   * The account of somebody whom a provider or a proxy vouches for, made at the first time; their name
   * and role follow what is said of them.
   *
   * @throws {AccountError} if the login is another's, or the account is disabled.
   */
  async admit(outsider: Outsider): Promise<User> {
    const { subject, login, display_name, role } = outsider;
    const known = await this.#store.accountOfSubject(subject);
    if (known?.disabled === true) {
      throw new AccountError("Your account is disabled.");
    }
    if (known !== undefined) {
      if (known.role !== role || known.display_name !== display_name) {
        await this.#store.putAccount({ ...known, role, display_name });
      }
      return { login: known.login, display_name, role };
    }
    if (!isLogin(login)) {
      throw new AccountError(
        "Your name there cannot be a login here: it may hold letters, digits and . _ @ -",
      );
    }
    if (await this.#store.anyAccount(login) !== undefined) {
      // Else whoever may choose a name there would become that person here.
      throw new AccountError(
        `There is an account "${login}" that is not yours. An administrator can rename or remove it.`,
      );
    }
    await this.#store.putAccount({
      login,
      display_name,
      role,
      subject,
      password_hash: "",
    });
    return { login, display_name, role };
  }

  async #change(login: string, change: Partial<StoredAccount>): Promise<void> {
    const account = await this.#store.anyAccount(login);
    if (account === undefined) {
      throw new AccountError("There is no such account.");
    }
    await this.#store.putAccount({ ...account, ...change });
  }

  async #keepAnAdmin(login: string): Promise<void> {
    const admins = (await this.#store.listAccounts()).filter((one) =>
      one.role === "admin" && !one.disabled
    );
    if (admins.length === 1 && admins[0]?.login === login) {
      throw new AccountError(
        "This is the last administrator: nobody could administer any more.",
      );
    }
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
