/**
 * Which connection keys lost their handshake to a bound a while ago: a fixed number of places,
 * each with the last key that hashed to it. Forgets when two keys share a place; never says yes to
 * a key that it was not told, but for one in 2^32.
 *
 * @module
 */
import { hashWords, KEY_WORDS, type KeyWords } from "./key_index.ts";

const PLACES = 65_536;

export class RecentKeys {
  readonly #tags = new Uint32Array(PLACES);
  readonly #since = new Uint32Array(PLACES);
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  add(key: KeyWords, nowMs: number): void {
    const place = hashWords(key, 0, KEY_WORDS, this.#seed) % PLACES;
    this.#tags[place] = this.#tag(key);
    this.#since[place] = nowMs;
  }

  /** Whether `key` was added in the last `withinMs`. */
  has(key: KeyWords, nowMs: number, withinMs: number): boolean {
    const place = hashWords(key, 0, KEY_WORDS, this.#seed) % PLACES;
    return this.#tags[place] === this.#tag(key) &&
      (((nowMs >>> 0) - (this.#since[place] ?? 0)) | 0) <= withinMs;
  }

  /** Never 0, which marks an unused place. */
  #tag(key: KeyWords): number {
    return hashWords(key, 0, KEY_WORDS, ~this.#seed) || 1;
  }
}
