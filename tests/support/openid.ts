/** A small OpenID provider for tests: it says whatever a test has it say, signed as the test wants. @module */
import { hashToken } from "../../lib/accounts.ts";
import type { OidcOptions } from "../../web/auth/oidc.ts";

/** What the next ID token holds and how it is made. */
export interface Answer {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs with a key that is not among the published ones. */
  readonly foreignKey?: boolean;
  /** Cuts the signature off. */
  readonly unsigned?: boolean;
  /** What the end of user information says; nothing if undefined. */
  readonly userInfo?: Readonly<Record<string, unknown>>;
}

export interface Provider extends AsyncDisposable {
  readonly issuer: string;
  /** What comes next. */
  answer: Answer;
  /** Requests by path. */
  readonly asked: Map<string, number>;
  /** Goes through a login as a browser does; returns where the provider sends it back to. */
  visit(authorizationUrl: string): Promise<URL>;
}

const CLIENT = { id: "dashboard", secret: "s3cret" };

/** Starts it on a free port. */
export async function startProvider(): Promise<Provider> {
  const [own, foreign] = await Promise.all([makeKey(), makeKey()]);
  const codes = new Map<string, URLSearchParams>();
  const asked = new Map<string, number>();
  let issuer = "";
  async function respond(request: Request): Promise<Response> {
    const url = new URL(request.url);
    asked.set(url.pathname, (asked.get(url.pathname) ?? 0) + 1);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return Response.json({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          userinfo_endpoint: `${issuer}/userinfo`,
        });
      case "/keys": {
        const jwk = await crypto.subtle.exportKey("jwk", own.publicKey);
        return Response.json({ keys: [{ ...jwk, kid: "k1", use: "sig" }] });
      }
      case "/authorize": {
        const code = crypto.randomUUID();
        codes.set(code, url.searchParams);
        const back = new URL(url.searchParams.get("redirect_uri") ?? "");
        back.searchParams.set("code", code);
        back.searchParams.set("state", url.searchParams.get("state") ?? "");
        return new Response(null, {
          status: 302,
          headers: { location: back.href },
        });
      }
      case "/token": {
        const form = new URLSearchParams(await request.text());
        const asking = codes.get(form.get("code") ?? "");
        codes.delete(form.get("code") ?? "");
        const challenge = Uint8Array.fromHex(
          await hashToken(form.get("code_verifier") ?? ""),
        ).toBase64({ alphabet: "base64url", omitPadding: true });
        const basic = request.headers.get("authorization");
        if (
          asking === undefined ||
          basic !== `Basic ${btoa(`${CLIENT.id}:${CLIENT.secret}`)}` ||
          form.get("redirect_uri") !== asking.get("redirect_uri") ||
          asking.get("code_challenge_method") !== "S256" ||
          challenge !== asking.get("code_challenge")
        ) return Response.json({ error: "invalid_grant" }, { status: 400 });
        const { claims = {}, header = {}, foreignKey, unsigned } =
          provider.answer;
        const now = Math.floor(Date.now() / 1000);
        const body = {
          iss: issuer,
          aud: CLIENT.id,
          sub: "u-1",
          exp: now + 300,
          iat: now,
          nonce: asking.get("nonce"),
          ...claims,
        };
        const signed = `${part({ alg: "RS256", kid: "k1", ...header })}.${
          part(body)
        }`;
        const signature = await crypto.subtle.sign(
          "RSASSA-PKCS1-v1_5",
          (foreignKey ? foreign : own).privateKey,
          new TextEncoder().encode(signed),
        );
        return Response.json({
          access_token: "access",
          token_type: "Bearer",
          id_token: `${signed}.${
            unsigned ? "" : new Uint8Array(signature)
              .toBase64({ alphabet: "base64url", omitPadding: true })
          }`,
        });
      }
      case "/userinfo":
        return request.headers.get("authorization") === "Bearer access"
          ? Response.json(provider.answer.userInfo ?? { sub: "u-1" })
          : new Response(null, { status: 401 });
    }
    return new Response(null, { status: 404 });
  }
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    respond,
  );
  issuer = `http://127.0.0.1:${server.addr.port}`;
  const provider: Provider = {
    issuer,
    answer: {},
    asked,
    async visit(authorizationUrl) {
      const response = await fetch(authorizationUrl, { redirect: "manual" });
      await response.body?.cancel();
      return new URL(response.headers.get("location") ?? "");
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return provider;
}

/** How the dashboard is told of it. */
export function oidcOptions(
  { issuer }: Pick<Provider, "issuer">,
): OidcOptions {
  return {
    issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    scopes: "openid profile groups",
    loginClaim: "preferred_username",
    groupsClaim: "groups",
    name: "Test provider",
  };
}

/** That a key may leave the machine: here it is made for a test. */
const EXTRACTABLE = true;

function makeKey(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: "SHA-256",
    },
    EXTRACTABLE,
    ["sign", "verify"],
  ) as Promise<CryptoKeyPair>;
}

function part(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}
