/**
 * The check of an ID token: a signed text in, its claims out (OpenID Connect Core 1.0, section 3.1.3.7).
 *
 * @module
 */

/** The provider's answer cannot be believed, or it gave none. The message is for the log. */
export class OidcError extends Error {
  override readonly name = "OidcError";
}

/** Seconds that clocks may differ. */
const LEEWAY_S = 60;

/** Signatures with a key of the provider's; `none` and those with a shared secret are not among them. */
const ALGORITHMS: Readonly<
  Record<
    string,
    {
      readonly key: EcKeyImportParams | RsaHashedImportParams;
      readonly verify: AlgorithmIdentifier | RsaPssParams | EcdsaParams;
    }
  >
> = {
  RS256: {
    key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
    verify: "RSASSA-PKCS1-v1_5",
  },
  RS512: {
    key: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-512" },
    verify: "RSASSA-PKCS1-v1_5",
  },
  PS256: {
    key: { name: "RSA-PSS", hash: "SHA-256" },
    verify: { name: "RSA-PSS", saltLength: 32 },
  },
  ES256: {
    key: { name: "ECDSA", namedCurve: "P-256" },
    verify: { name: "ECDSA", hash: "SHA-256" },
  },
  ES384: {
    key: { name: "ECDSA", namedCurve: "P-384" },
    verify: { name: "ECDSA", hash: "SHA-384" },
  },
};

export type Claims = Readonly<Record<string, unknown>>;
export type Jwk = JsonWebKey & { readonly kid?: string; readonly use?: string };

/** What a token must be to count. */
export interface Expected {
  readonly issuer: string;
  readonly clientId: string;
  /** Of the login that it answers. */
  readonly nonce: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** The provider's keys that may have signed: those of the name or, without one, all. */
  readonly keysFor: (kid: unknown) => Promise<readonly Jwk[]>;
}

/** The claims of an ID token, if it is the provider's, for this dashboard, this login and this moment. */
export async function checkIdToken(
  token: string,
  expected: Expected,
): Promise<Claims> {
  const [head = "", body = "", signature = "", ...more] = token.split(".");
  if (more.length > 0 || signature === "") {
    throw new OidcError("The ID token is not a signed one");
  }
  const header = decodePart(head);
  const algorithm = Object.hasOwn(ALGORITHMS, textOf(header["alg"]))
    ? ALGORITHMS[textOf(header["alg"])]
    : undefined;
  if (algorithm === undefined) {
    throw new OidcError(
      `ID tokens signed by "${
        textOf(header["alg"]).slice(0, 20)
      }" are not taken`,
    );
  }
  const kid = header["kid"];
  let right = false;
  for (const jwk of await expected.keysFor(kid)) {
    right ||= await verifies(jwk, algorithm, `${head}.${body}`, signature);
  }
  if (!right) {
    throw new OidcError("The ID token's signature is not the provider's");
  }
  const claims = decodePart(body);
  const { issuer, clientId, nonce } = expected;
  const now = expected.nowMs / 1000;
  const audience = claims["aud"];
  const party = claims["azp"];
  const [expires, issued, before] = ["exp", "iat", "nbf"].map((name) =>
    Number(claims[name])
  ) as [number, number, number];
  const faults = [
    [claims["iss"] !== issuer, "is of another issuer"],
    [
      Array.isArray(audience)
        ? !audience.includes(clientId)
        : audience !== clientId,
      "is for somebody else",
    ],
    [party !== undefined && party !== clientId, "is for another party"],
    [
      Array.isArray(audience) && audience.length > 1 && party !== clientId,
      "does not say for whom of many it is",
    ],
    [!(expires > now - LEEWAY_S), "has expired"],
    [!(issued < now + LEEWAY_S), "is of the future"],
    [
      claims["nbf"] !== undefined && !(before < now + LEEWAY_S),
      "is not valid yet",
    ],
    [claims["nonce"] !== nonce, "is of another login"],
    [textOf(claims["sub"]) === "", "names nobody"],
  ] as const;
  const fault = faults.find(([wrong]) => wrong);
  if (fault !== undefined) throw new OidcError(`The ID token ${fault[1]}`);
  return claims;
}

/** A claim that is a text; empty if it is none. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function decodePart(text: string): Claims {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder().decode(
        Uint8Array.fromBase64(text, { alphabet: "base64url" }),
      ),
    );
    if (typeof value === "object" && value !== null) return value as Claims;
  } catch {
    // Said below.
  }
  throw new OidcError("The ID token cannot be read");
}

async function verifies(
  jwk: Jwk,
  algorithm: NonNullable<typeof ALGORITHMS[string]>,
  signed: string,
  signature: string,
): Promise<boolean> {
  try {
    const { kty, n, e, crv, x, y } = jwk;
    const key = await crypto.subtle.importKey(
      "jwk",
      kty === "RSA"
        ? { kty, n, e } as JsonWebKey
        : { kty, crv, x, y } as JsonWebKey,
      algorithm.key,
      false,
      ["verify"],
    );
    return await crypto.subtle.verify(
      algorithm.verify,
      key,
      Uint8Array.fromBase64(signature, { alphabet: "base64url" }),
      new TextEncoder().encode(signed),
    );
  } catch {
    return false; // a key of another kind
  }
}
