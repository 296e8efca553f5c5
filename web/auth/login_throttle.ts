/**
 * Slows the guessing of passwords: after a few failures each further one doubles the time for which
 * no attempt is looked at. Kept per login and address, so that a stranger cannot lock somebody out,
 * and per address, so that trying one password on many logins is slowed as well.
 *
 * @module
 */

/** Failures that cost nothing, per login and address and per address. */
const FREE_PER_LOGIN = 5;
const FREE_PER_ADDRESS = 20;
const DELAY_FIRST_MS = 1000;
const DELAY_MAX_MS = 15 * 60_000;
/** Milliseconds without a failure after which earlier ones are forgotten. */
const FORGET_MS = 60 * 60_000;
/** Counters kept; the one least recently touched goes first. */
const ENTRIES_MAX = 10_000;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

export class LoginThrottle {
  /** Milliseconds on a clock that never goes back. */
  readonly #nowMs: () => number;
  readonly #failures = new Map<string, Failures>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Milliseconds until an attempt is looked at; 0 if it is now. */
  waitMs(login: string, address: string): number {
    return Math.max(
      this.#waitMs(pairKey(login, address), FREE_PER_LOGIN),
      this.#waitMs(address, FREE_PER_ADDRESS),
    );
  }

  /** Counts a wrong password. */
  failed(login: string, address: string): void {
    this.#count(pairKey(login, address));
    this.#count(address);
  }

  /** Forgets the failures of someone who got in. Those of the address stay: others may guess from it. */
  succeeded(login: string, address: string): void {
    this.#failures.delete(pairKey(login, address));
  }

  #waitMs(key: string, free: number): number {
    const failures = this.#recent(key);
    if (failures === undefined || failures.count < free) return 0;
    const delay = Math.min(
      DELAY_FIRST_MS * 2 ** (failures.count - free),
      DELAY_MAX_MS,
    );
    return Math.max(0, failures.lastMs + delay - this.#nowMs());
  }

  #recent(key: string): Failures | undefined {
    const failures = this.#failures.get(key);
    if (failures === undefined) return undefined;
    return this.#nowMs() - failures.lastMs < FORGET_MS ? failures : undefined;
  }

  #count(key: string): void {
    const count = (this.#recent(key)?.count ?? 0) + 1;
    this.#failures.delete(key);
    if (this.#failures.size >= ENTRIES_MAX) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    this.#failures.set(key, { count, lastMs: this.#nowMs() });
  }
}

/** An address holds no space, so that no login can pose as another pair. */
function pairKey(login: string, address: string): string {
  return `${address} ${login}`;
}
