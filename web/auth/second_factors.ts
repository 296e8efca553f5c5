/**
 * What lies between the two factors of a login, and between the QR code and the first code of a new
 * telephone: a few minutes in memory, each under a token that only its browser has.
 *
 * @module
 */
import { createToken } from "../../lib/accounts.ts";

/** Milliseconds for which such a thing waits, wrong codes it forgives, and how many may wait. */
const WAIT_MS = 5 * 60_000;
const ATTEMPTS_MAX = 5;
const PENDING_MAX = 1000;

/** Somebody who has shown the first factor. */
export interface HalfLogin {
  readonly login: string;
  readonly by: "password" | "link";
  readonly next: string;
}

interface Waiting<T> {
  readonly value: T;
  readonly untilMs: number;
  attempts: number;
}

class Waitings<T> {
  readonly #waiting = new Map<string, Waiting<T>>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  put(value: T, key = createToken()): string {
    const nowMs = this.#nowMs();
    for (const [old, { untilMs }] of this.#waiting) {
      if (untilMs < nowMs || this.#waiting.size >= PENDING_MAX) {
        this.#waiting.delete(old);
      }
    }
    this.#waiting.set(key, { value, untilMs: nowMs + WAIT_MS, attempts: 0 });
    return key;
  }

  /** What waits under `key`; counts the look as an attempt. */
  attempt(key: string): T | undefined {
    const found = this.#waiting.get(key);
    if (found === undefined || found.untilMs < this.#nowMs()) return undefined;
    if (++found.attempts > ATTEMPTS_MAX) {
      this.#waiting.delete(key);
      return undefined;
    }
    return found.value;
  }

  done(key: string): void {
    this.#waiting.delete(key);
  }
}

export class SecondFactors {
  /** By a token in the form that asks for the code. */
  readonly logins: Waitings<HalfLogin>;
  /** Secrets whose first code has not been shown, by login. */
  readonly secrets: Waitings<string>;

  /** @param nowMs milliseconds on a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.logins = new Waitings(nowMs);
    this.secrets = new Waitings(nowMs);
  }
}
