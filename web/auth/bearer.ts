/** The token of an `Authorization: Bearer` header (RFC 6750, section 2.1); undefined without one. */
export function bearerOf(headers: Headers): string | undefined {
  return /^bearer +([\w.~+/=-]+)$/i.exec(headers.get("authorization") ?? "")
    ?.[1];
}
