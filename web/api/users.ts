import type { ListedAccount } from "../auth/session_store.ts";

/** An account as the API tells of it: nothing that could be guessed at. */
export function apiUser(
  account: ListedAccount,
): Readonly<Record<string, string | number | boolean>> {
  return {
    login: account.login,
    display_name: account.display_name,
    role: account.role,
    disabled: account.disabled,
    second_factor: account.totp_secret !== "",
    sessions: account.sessions,
  };
}
