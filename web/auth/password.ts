/**
 * Passwords: text in, a PHC string out, and back. Argon2id of Deno's WebCrypto with the smallest
 * parameters that OWASP's Password Storage Cheat Sheet names; scrypt where that is missing (the
 * API follows a WICG draft and may go).
 *
 * @module
 */
import { scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { dictionary } from "@zxcvbn-ts/language-common";

/** Characters a password must have, and the most that are hashed. */
export const PASSWORD_MIN = 12;
export const PASSWORD_MAX = 1024;

const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** Memory in KiB; 19 MiB, 2 passes, 1 lane: 40 ms on one core. */
const ARGON2 = { memory: 19_456, passes: 2, parallelism: 1 };
/** The strongest of the cheat sheet's equivalents: 128 MiB, 330 ms. */
const SCRYPT = { ln: 17, r: 8, p: 1 };
const scryptAsync: (
  password: Uint8Array,
  salt: Uint8Array,
  bytes: number,
  options: { N: number; r: number; p: number; maxmem: number },
) => Promise<Uint8Array> = promisify(scrypt);

/** Hashing and checking under one of the two functions, a few at a time. */
export class PasswordHasher {
  readonly algorithm: "argon2id" | "scrypt";
  readonly #gate = new Gate(navigator.hardwareConcurrency);
  /** Hash of a password nobody knows: checked where there is no account, so that both cost the same. */
  #decoy = "";

  private constructor(algorithm: "argon2id" | "scrypt") {
    this.algorithm = algorithm;
  }

  /** Picks Argon2id if this runtime's answers a known question rightly, else scrypt. */
  static async create(): Promise<PasswordHasher> {
    const hasher = new PasswordHasher(
      await argon2Works() ? "argon2id" : "scrypt",
    );
    hasher.#decoy = await hasher.hash(crypto.randomUUID());
    return hasher;
  }

  /** A new PHC string of `password`. */
  hash(password: string): Promise<string> {
    const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
    return this.#gate.run(async () => {
      if (this.algorithm === "argon2id") {
        const { memory, passes, parallelism } = ARGON2;
        const hash = await argon2id(password, salt, ARGON2);
        return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${
          base64(salt)
        }$${base64(hash)}`;
      }
      const { ln, r, p } = SCRYPT;
      const hash = await scryptHash(password, salt, SCRYPT);
      return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
    });
  }

  /**
   * Whether `password` is the one behind `phc`; undefined takes as long and is always wrong.
   *
   * @throws {BusyError}
   */
  async verify(password: string, phc: string | undefined): Promise<boolean> {
    const known = phc !== undefined && phc !== "";
    const stored = known ? phc : this.#decoy;
    const same = await this.#gate.run(() => matches(password, stored));
    return known && same;
  }

  /** Whether a stored string was made with other parameters than a new one would be. */
  isOutdated(phc: string): boolean {
    const { memory, passes, parallelism } = ARGON2;
    const { ln, r, p } = SCRYPT;
    return !phc.startsWith(
      this.algorithm === "argon2id"
        ? `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$`
        : `$scrypt$ln=${ln},r=${r},p=${p}$`,
    );
  }
}

/** What is wrong with a new password, as a sentence; undefined if nothing is. */
export function passwordFault(
  password: string,
  login: string,
): string | undefined {
  const characters = [...password];
  if (characters.length < PASSWORD_MIN) {
    return `The password needs at least ${PASSWORD_MIN} characters`;
  }
  if (characters.length > PASSWORD_MAX) {
    return `The password may have at most ${PASSWORD_MAX} characters`;
  }
  if (new Set(characters).size < 5) {
    return "The password repeats too few different characters";
  }
  if (/^\d+$/.test(password)) return "The password is made only of digits";
  if (password.toLowerCase().includes(login.toLowerCase())) {
    return "The password must not hold the login";
  }
  if (isBreached(password)) {
    return "The password is one of those that are tried first, or one with digits added";
  }
  return undefined;
}

/** Forty-nine thousand passwords that breaches have shown, in lower case. */
const BREACHED: ReadonlySet<string> = new Set(dictionary["passwords-common"]);

/** Characters that people put for letters. */
const INSTEAD: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "i",
  "3": "e",
  "4": "a",
  "5": "s",
  "7": "t",
  "@": "a",
  "$": "s",
  "!": "i",
};

/**
 * Whether a password is a known one, or what people make of a known one to satisfy a rule: digits and
 * signs around it, digits for letters, or the same twice.
 */
function isBreached(password: string): boolean {
  const lower = password.toLowerCase();
  const once = /^(.+?)\1+$/s.exec(lower)?.[1] ?? lower;
  return [lower, once].flatMap((text) => [
    text,
    text.replaceAll(/^[^a-z]+|[^a-z]+$/g, ""),
    // "P4ssw0rd2024!": the year is no part of the word, the 4 and the 0 are.
    lettersOf(text.replaceAll(/^[^a-z@$]+|[^a-z@$]+$/g, "")),
    lettersOf(text),
  ]).some((text) => BREACHED.has(text));
}

/** With the letters that digits and signs stand for. */
function lettersOf(text: string): string {
  return text.replaceAll(/[013457@$!]/g, (one) => INSTEAD[one] ?? one);
}

/** A known answer of hash-wasm and of the reference implementation. */
async function argon2Works(): Promise<boolean> {
  try {
    const hash = await argon2id("correct horse", new Uint8Array(16).fill(7), {
      memory: 19_456,
      passes: 2,
      parallelism: 1,
    });
    return hash.toHex().startsWith("7132e6a6028b7abb94eb36beb7671467");
  } catch {
    return false;
  }
}

async function argon2id(
  password: string,
  salt: Uint8Array<ArrayBuffer>,
  parameters: typeof ARGON2,
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(password),
    "Argon2id",
    false,
    ["deriveBits"],
  );
  const algorithm = { name: "Argon2id", nonce: salt, ...parameters };
  return new Uint8Array(
    await crypto.subtle.deriveBits(algorithm, key, HASH_BYTES * 8),
  );
}

function scryptHash(
  password: string,
  salt: Uint8Array,
  { ln, r, p }: typeof SCRYPT,
): Promise<Uint8Array> {
  const N = 2 ** ln;
  return scryptAsync(new TextEncoder().encode(password), salt, HASH_BYTES, {
    N,
    r,
    p,
    maxmem: 2 * 128 * N * r,
  });
}

/** Recomputes the hash of a PHC string and compares without telling where they differ. */
async function matches(password: string, phc: string): Promise<boolean> {
  const argon =
    /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/
      .exec(phc);
  const other = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/
    .exec(phc);
  const fields = argon ?? other;
  if (fields === null) return false;
  const [, first, second, third, salt = "", hash = ""] = fields;
  const saltBytes = Uint8Array.fromBase64(salt);
  const expected = Uint8Array.fromBase64(hash);
  const got = argon !== null
    ? await argon2id(password, saltBytes, {
      memory: Number(first),
      passes: Number(second),
      parallelism: Number(third),
    })
    : await scryptHash(password, saltBytes, {
      ln: Number(first),
      r: Number(second),
      p: Number(third),
    });
  return got.length === expected.length && timingSafeEqual(got, expected);
}

/** Base64 without padding, as the PHC string format has it. */
function base64(bytes: Uint8Array): string {
  return bytes.toBase64({ omitPadding: true });
}

/** Hashes that may wait for their turn: some seconds' worth. */
const WAITING_MAX = 64;

/** Too many passwords are being checked; none is looked at. */
export class BusyError extends Error {
  override readonly name = "BusyError";
}

/** Runs at most `width` at a time; each takes 19 MiB, and a flood of logins must not take them all. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(width: number) {
    this.#free = width;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else if (this.#waiting.length >= WAITING_MAX) {
      throw new BusyError("Too many passwords are being checked");
    } else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
