/**
 * Logging in by an OpenID provider: the code flow with PKCE (RFC 7636) and discovery. What the provider
 * signs is checked in id_token.ts.
 *
 * @module
 */
import { createToken, hashToken } from "../../lib/accounts.ts";
import { messageOf } from "../../lib/errors.ts";
import {
  checkIdToken,
  type Claims,
  type Jwk,
  OidcError,
  textOf,
} from "./id_token.ts";

/** How the provider knows this dashboard. */
export interface OidcOptions {
  /** Its issuer; the documents of discovery are below it. */
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: string;
  /** Claim that becomes the login, and the one that holds groups. */
  readonly loginClaim: string;
  readonly groupsClaim: string;
  /** What the button says. */
  readonly name: string;
}

/** Who the provider says it is. */
export interface Identity {
  /** Issuer and subject, which stay whatever else changes. */
  readonly subject: string;
  readonly login: string;
  readonly display_name: string;
  readonly groups: readonly string[];
}

/** Milliseconds: for a request; that a login may take; that keys and addresses are kept; between two looks for new keys. */
const REQUEST_MS = 10_000;
const LOGIN_MS = 10 * 60_000;
const KEEP_MS = 60 * 60_000;
const KEYS_AGAIN_MS = 60_000;
/** Logins under way, and bytes of an answer. */
const PENDING_MAX = 1000;
const ANSWER_MAX = 1 << 20;

interface Provider {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly userinfo_endpoint: string | undefined;
  readonly readMs: number;
}

interface Pending {
  /** Hash of what the browser's cookie holds. */
  readonly browser: string;
  readonly verifier: string;
  readonly nonce: string;
  readonly next: string;
  readonly beganMs: number;
}

export class Oidc {
  readonly options: OidcOptions;
  readonly #nowMs: () => number;
  readonly #pending = new Map<string, Pending>();
  #provider: Provider | undefined;
  #keys: { readonly keys: readonly Jwk[]; readonly readMs: number } | undefined;

  /** @param nowMs milliseconds since the epoch. */
  constructor(options: OidcOptions, nowMs: () => number) {
    this.options = options;
    this.#nowMs = nowMs;
  }

  /**
   * Where to send a browser to log in, and what its cookie has to hold when it comes back.
   *
   * @param redirectUri where the provider sends it then.
   * @throws {OidcError}
   */
  async begin(
    redirectUri: string,
    next: string,
  ): Promise<{ readonly url: string; readonly cookie: string }> {
    const provider = await this.#discover();
    const nowMs = this.#nowMs();
    for (const [state, { beganMs }] of this.#pending) {
      const old = nowMs - beganMs > LOGIN_MS;
      if (old || this.#pending.size >= PENDING_MAX) this.#pending.delete(state);
    }
    const [state, cookie, verifier, nonce] = [
      createToken(),
      createToken(),
      createToken(),
      createToken(),
    ] as const;
    this.#pending.set(state, {
      browser: await hashToken(cookie),
      verifier,
      nonce,
      next,
      beganMs: nowMs,
    });
    const url = new URL(provider.authorization_endpoint);
    for (
      const [name, value] of Object.entries({
        response_type: "code",
        client_id: this.options.clientId,
        redirect_uri: redirectUri,
        scope: this.options.scopes,
        state,
        nonce,
        code_challenge: await challengeOf(verifier),
        code_challenge_method: "S256",
      })
    ) url.searchParams.set(name, value);
    return { url: url.href, cookie };
  }

  /**
   * Who came back from the provider. A login can be finished once, by the browser that began it.
   *
   * @throws {OidcError}
   */
  async finish(
    answer: URLSearchParams,
    { redirectUri, cookie }: { redirectUri: string; cookie: string },
  ): Promise<{ readonly identity: Identity; readonly next: string }> {
    const state = answer.get("state") ?? "";
    const pending = this.#pending.get(state);
    this.#pending.delete(state);
    if (
      pending === undefined || this.#nowMs() - pending.beganMs > LOGIN_MS ||
      await hashToken(cookie) !== pending.browser
    ) throw new OidcError("The login was not begun by this browser");
    const fault = answer.get("error");
    if (fault !== null) throw new OidcError(`The provider says ${fault}`);
    // Mix-up defence (RFC 9207): the answer names who gave it, if it names anybody.
    const issuer = answer.get("iss");
    if (issuer !== null && issuer !== this.options.issuer) {
      throw new OidcError("The answer is another provider's");
    }
    const { clientId, clientSecret } = this.options;
    const provider = await this.#discover();
    const tokens = await this.#json(provider.token_endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${
          btoa(
            `${encodeURIComponent(clientId)}:${
              encodeURIComponent(clientSecret)
            }`,
          )
        }`,
      },
      body: new URLSearchParams({
        grant_type: "authorization_code",
        code: answer.get("code") ?? "",
        redirect_uri: redirectUri,
        code_verifier: pending.verifier,
      }).toString(),
    });
    const claims = await checkIdToken(textOf(tokens["id_token"]), {
      issuer: this.options.issuer,
      clientId,
      nonce: pending.nonce,
      nowMs: this.#nowMs(),
      keysFor: (kid) => this.#keysFor(kid),
    });
    const more = claims[this.options.groupsClaim] === undefined
      ? await this.#userInfo(provider, textOf(tokens["access_token"]), claims)
      : claims;
    return {
      identity: this.#identity({ ...more, ...claims }),
      next: pending.next,
    };
  }

  /** Claims that the ID token does not hold; nothing where the provider has no more. */
  async #userInfo(
    provider: Provider,
    accessToken: string,
    claims: Claims,
  ): Promise<Claims> {
    if (provider.userinfo_endpoint === undefined || accessToken === "") {
      return {};
    }
    const info = await this.#json(provider.userinfo_endpoint, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    if (info["sub"] !== claims["sub"]) {
      throw new OidcError("The claims are somebody else's");
    }
    return info;
  }

  #identity(claims: Claims): Identity {
    const { loginClaim, groupsClaim, issuer } = this.options;
    const groups = claims[groupsClaim];
    const login = textOf(claims[loginClaim]);
    return {
      subject: `${issuer} ${textOf(claims["sub"])}`,
      login,
      display_name: (textOf(claims["name"]) || login).slice(0, 100),
      groups: (Array.isArray(groups) ? groups : [groups])
        .filter((group): group is string => typeof group === "string"),
    };
  }

  /** The keys that may have signed: those of that name or, without one, all. */
  async #keysFor(kid: unknown): Promise<readonly Jwk[]> {
    const fitting = (): readonly Jwk[] =>
      (this.#keys?.keys ?? []).filter((key) =>
        (kid === undefined || key.kid === kid) && key.use !== "enc"
      );
    const age = this.#nowMs() - (this.#keys?.readMs ?? -Infinity);
    // A name that is not known yet may be that of a new key; but not at each token of a forger.
    if (age > KEEP_MS || fitting().length === 0 && age > KEYS_AGAIN_MS) {
      const { jwks_uri } = await this.#discover();
      const { keys } = await this.#json(jwks_uri);
      if (!Array.isArray(keys)) throw new OidcError("The provider has no keys");
      this.#keys = { keys: keys as Jwk[], readMs: this.#nowMs() };
    }
    return fitting();
  }

  async #discover(): Promise<Provider> {
    const nowMs = this.#nowMs();
    if (
      this.#provider !== undefined && nowMs - this.#provider.readMs < KEEP_MS
    ) {
      return this.#provider;
    }
    const { issuer } = this.options;
    const document = await this.#json(
      `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`,
    );
    if (document["issuer"] !== issuer) {
      throw new OidcError("The provider calls itself by another name");
    }
    const endpoint = (name: string): string => {
      const url = URL.parse(textOf(document[name]));
      const local = url?.hostname === "127.0.0.1" ||
        url?.hostname === "localhost";
      if (url === null || url.protocol !== "https:" && !local) {
        throw new OidcError(`The provider's ${name} is not to be trusted`);
      }
      return url.href;
    };
    return this.#provider = {
      authorization_endpoint: endpoint("authorization_endpoint"),
      token_endpoint: endpoint("token_endpoint"),
      jwks_uri: endpoint("jwks_uri"),
      userinfo_endpoint: document["userinfo_endpoint"] === undefined
        ? undefined
        : endpoint("userinfo_endpoint"),
      readMs: nowMs,
    };
  }

  async #json(url: string, init: RequestInit = {}): Promise<Claims> {
    try {
      const response = await fetch(url, {
        ...init,
        redirect: "error",
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      const text = await readAtMost(response, ANSWER_MAX);
      if (!response.ok) {
        throw new OidcError(
          `${new URL(url).pathname} answered ${response.status}`,
        );
      }
      const value: unknown = JSON.parse(text);
      if (typeof value !== "object" || value === null) {
        throw new OidcError("The provider's answer is no object");
      }
      return value as Claims;
    } catch (thrown) {
      if (thrown instanceof OidcError) throw thrown;
      throw new OidcError(`The provider gave no answer: ${messageOf(thrown)}`, {
        cause: thrown,
      });
    }
  }
}

async function readAtMost(response: Response, bytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let read = 0;
  for await (const chunk of response.body ?? []) {
    read += chunk.length;
    if (read > bytes) throw new OidcError("The provider's answer is too long");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** RFC 7636, section 4.2. */
async function challengeOf(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(verifier),
  );
  return new Uint8Array(digest)
    .toBase64({ alphabet: "base64url", omitPadding: true });
}
