/** The value of a cookie; undefined if the request has none of the name. */
export function readCookie(headers: Headers, name: string): string | undefined {
  for (const part of (headers.get("cookie") ?? "").split(";")) {
    const equals = part.indexOf("=");
    if (equals > 0 && part.slice(0, equals).trim() === name) {
      return part.slice(equals + 1).trim();
    }
  }
  return undefined;
}

/** Attributes of {@linkcode writeCookie}. */
export interface CookieOptions {
  readonly secure: boolean;
  /** Whether scripts are kept from reading it. @default true */
  readonly httpOnly?: boolean;
  /** Seconds; 0 deletes it; undefined lasts until the browser closes. */
  readonly maxAgeS?: number;
}

/** A Set-Cookie header for the whole site. The value must be made of cookie-octets (RFC 6265, 4.1.1). */
export function writeCookie(
  name: string,
  value: string,
  options: CookieOptions,
): string {
  return [
    `${name}=${value}`,
    "Path=/",
    "SameSite=Lax",
    ...(options.secure ? ["Secure"] : []),
    ...(options.httpOnly === false ? [] : ["HttpOnly"]),
    ...(options.maxAgeS === undefined ? [] : [`Max-Age=${options.maxAgeS}`]),
  ].join("; ");
}
