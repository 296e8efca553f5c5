import { parseNetwork } from "../../lib/ip_filter.ts";
import { TOKEN_DAYS_MAX } from "./api_tokens.ts";
import { type Scope, SCOPES } from "./permissions.ts";

/** What somebody wants of a new token. */
export interface TokenRequest {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly networks: readonly string[];
  readonly days: number;
}

/** Checks it; a fault is a sentence. */
export function readTokenRequest(
  given: {
    readonly name: string;
    readonly scopes: readonly string[];
    readonly networks: readonly string[];
    readonly days: number;
  },
): { ok: true; value: TokenRequest } | { ok: false; fault: string } {
  const name = given.name.trim();
  const scopes = SCOPES.filter((scope) => given.scopes.includes(scope));
  const wrong = given.networks.find((text) => parseNetwork(text) === undefined);
  const fault = name === "" || name.length > 80
    ? "The token needs a name of at most 80 characters."
    : scopes.length === 0 || scopes.length !== new Set(given.scopes).size
    ? `A token is for one or more of ${SCOPES.join(", ")}.`
    : !Number.isInteger(given.days) || given.days < 1 ||
        given.days > TOKEN_DAYS_MAX
    ? `A token is good for 1 to ${TOKEN_DAYS_MAX} days.`
    : given.networks.length > 20
    ? "A token may have at most 20 networks."
    : wrong !== undefined
    ? `"${wrong.slice(0, 60)}" is not a network such as 192.0.2.0/24.`
    : undefined;
  return fault === undefined
    ? {
      ok: true,
      value: { name, scopes, networks: given.networks, days: given.days },
    }
    : { ok: false, fault };
}
