/** What becomes of query strings before anything is written. @module */

/**
 * - `keep`: as they are
 * - `redact`: the values of named parameters become {@linkcode REDACTED}
 * - `drop`: nothing is left
 */
export type QueryMode = "keep" | "redact" | "drop";

/** Stands where a value was. */
export const REDACTED = "*";

/** Names of parameters that commonly carry what is nobody else's business. */
export const SECRET_NAMES: readonly string[] = [
  ...["token", "access_token", "id_token", "refresh_token", "csrf_token"],
  ...["code", "state", "ticket", "samlresponse", "jwt", "otp", "pin"],
  ...["password", "passwd", "pwd", "pass", "secret", "client_secret"],
  ...["api_key", "apikey", "key", "auth", "authorization"],
  ...["session", "sessionid", "session_id", "sid", "phpsessid", "jsessionid"],
  ...["signature", "sig", "x-amz-signature", "x-goog-signature"],
  ...["email", "mail", "phone", "user", "username", "login"],
];

/** Applies a {@linkcode QueryMode}. */
export class QueryPrivacy {
  readonly #mode: QueryMode;
  readonly #names: ReadonlySet<string>;

  /** `names` are compared without regard to case, percent encoding and a `[...]` behind them. */
  constructor(mode: QueryMode, names: readonly string[]) {
    this.#mode = mode;
    this.#names = new Set(names.map((name) => name.toLowerCase()));
  }

  /** Whether nothing is changed. */
  get keepsAll(): boolean {
    return this.#mode === "keep";
  }

  /** A query string, without its question mark, as it may be written; undefined for none of it. */
  query(text: string): string | undefined {
    if (this.#mode === "keep") return text;
    if (this.#mode === "drop") return undefined;
    // The separators are kept: "&" and, as older software writes it, ";".
    return text.split(/([&;])/).map((part) => this.#parameter(part)).join("");
  }

  /** A URL, such as that of a Referer header, with its query as it may be written. */
  reference(url: string): string {
    const at = url.indexOf("?");
    if (at < 0 || this.#mode === "keep") return url;
    const query = this.query(url.slice(at + 1));
    return query === undefined
      ? url.slice(0, at)
      : url.slice(0, at + 1) + query;
  }

  #parameter(text: string): string {
    const equals = text.indexOf("=");
    if (equals < 0) return text;
    const name = nameOf(text.slice(0, equals));
    return this.#names.has(name)
      ? `${text.slice(0, equals)}=${REDACTED}`
      : text;
  }
}

function nameOf(text: string): string {
  let name = text.replaceAll("+", " ");
  try {
    name = decodeURIComponent(name);
  } catch {
    // As it is: not every client encodes well.
  }
  return name.replace(/\[.*$/s, "").trim().toLowerCase();
}
