/**
 * The second factor: a secret shared with a telephone, and the six digits it makes of the time
 * (RFC 6238 with HMAC-SHA-1, 30 s, 6 digits: what every authenticator app knows).
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { hashToken } from "../../lib/accounts.ts";

/** Seconds that a code is for. */
const STEP_S = 30;
/** Steps before and after the present one that count: clocks differ. */
const DRIFT = 1;
const SECRET_BYTES = 20;
const RECOVERY_CODES = 10;
/** RFC 4648, section 6. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A new secret, in base32. */
export function createSecret(): string {
  return encodeBase32(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/** The URI that authenticator apps read from a QR code. */
export function secretUri(secret: string, login: string): string {
  const label = `JA4 Platform:${login}`;
  return `otpauth://totp/${
    encodeURIComponent(label)
  }?secret=${secret}&issuer=JA4%20Platform`;
}

/** The digits of a time step: RFC 4226, section 5.3. */
export async function codeOf(
  secret: string,
  step: number,
  digits = 6,
): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    decodeBase32(secret),
    { name: "HMAC", hash: "SHA-1" },
    false,
    ["sign"],
  );
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(step));
  const mac = new DataView(
    await crypto.subtle.sign("HMAC", key, counter.buffer),
  );
  const at = mac.getUint8(19) & 0xf;
  const number = mac.getUint32(at) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, "0");
}

/**
 * The time step of `code`; undefined if it is wrong, or not later than `lastStep`: no code counts twice.
 *
 * @param nowMs milliseconds since the epoch.
 */
export async function stepOf(
  code: string,
  secret: string,
  { nowMs, lastStep }: { nowMs: number; lastStep: number },
): Promise<number | undefined> {
  const digits = code.replaceAll(/\s/g, "");
  if (!/^\d{6}$/.test(digits)) return undefined;
  const now = Math.floor(nowMs / 1000 / STEP_S);
  let found: number | undefined;
  // Each step is computed, so that the time taken says nothing.
  for (let step = now - DRIFT; step <= now + DRIFT; step++) {
    const right = await codeOf(secret, step);
    const same = timingSafeEqual(
      new TextEncoder().encode(right),
      new TextEncoder().encode(digits),
    );
    if (same && step > lastStep) found ??= step;
  }
  return found;
}

/** Codes for the day that the telephone is lost, each good once: 80 bits as four groups of four. */
export function createRecoveryCodes(): string[] {
  return Array.from(
    { length: RECOVERY_CODES },
    () =>
      encodeBase32(crypto.getRandomValues(new Uint8Array(10)))
        .replaceAll(/(.{4})(?=.)/g, "$1-").toLowerCase(),
  );
}

/** How a recovery code is stored. */
export function hashRecoveryCode(code: string): Promise<string> {
  return hashToken(code.toLowerCase().replaceAll(/[^a-z2-7]/g, ""));
}

/** Base32 without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8 | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[held >>> bits & 31];
    }
  }
  return bits === 0 ? text : text + ALPHABET[held << (5 - bits) & 31];
}

/** What {@linkcode encodeBase32} wrote; characters that are none of its own are passed over. */
export function decodeBase32(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const char of text.toUpperCase()) {
    const value = ALPHABET.indexOf(char);
    if (value < 0) continue;
    held = (held << 5 | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push(held >>> bits & 255);
    }
  }
  return new Uint8Array(bytes);
}
