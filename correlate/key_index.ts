/**
 * Open addressing from a connection's key to an entry number, on typed arrays.
 *
 * A `Map<string, ...>` of a million keys stalled the process for 70 to 455 ms when it grew or was
 * collected and took three times the CPU; this never allocates after its construction. Linear
 * probing, deletion by backward shift (no tombstones, so it does not age). The hash is seeded, as
 * clients choose the keys.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";

/** Six 32-bit words: the address (IPv4 as `::ffff:a.b.c.d`), the ports, the transport. */
export type KeyWords = Uint32Array;
/** Length of {@linkcode KeyWords}. */
export const KEY_WORDS = 6;

/** Maps keys to entry numbers `0 <= entry < capacity`; the caller says which entries are free. */
export class KeyIndex {
  readonly capacity: number;
  readonly #seed: number;
  /** `KEY_WORDS` words an entry. */
  readonly #keys: Uint32Array;
  /** Entry + 1; 0 is free. At most half of the slots are taken. */
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(capacity: number, seed: number) {
    this.capacity = capacity;
    this.#seed = seed;
    let slots = 16;
    while (slots < capacity * 2) slots *= 2;
    this.#mask = slots - 1;
    this.#slots = new Uint32Array(slots);
    this.#keys = new Uint32Array(capacity * KEY_WORDS);
  }

  /** The entry that was put under `key`, or -1. */
  find(key: KeyWords): number {
    return (this.#slots[this.#probe(key)] ?? 0) - 1;
  }

  /** Puts `entry` under `key`, in place of an entry that is there. */
  put(key: KeyWords, entry: number): void {
    invariant(entry >= 0 && entry < this.capacity, "an entry beyond the table");
    const base = entry * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word++) {
      this.#keys[base + word] = key[word] ?? 0;
    }
    this.#slots[this.#probe(key)] = entry + 1;
  }

  /** Copies the key that `entry` was last put under. */
  keyOf(entry: number, key: KeyWords): void {
    const base = entry * KEY_WORDS;
    for (let word = 0; word < KEY_WORDS; word++) {
      key[word] = this.#keys[base + word] ?? 0;
    }
  }

  /** Forgets `key`. */
  remove(key: KeyWords): void {
    const slots = this.#slots;
    let hole = this.#probe(key);
    if (slots[hole] === 0) return;
    let next = hole;
    while (true) {
      next = (next + 1) & this.#mask;
      const entry = slots[next] ?? 0;
      if (entry === 0) break;
      const home = this.#hash(this.#keys, (entry - 1) * KEY_WORDS) & this.#mask;
      // It may move back if its home does not lie between the hole and where it is.
      if (((next - home) & this.#mask) >= ((next - hole) & this.#mask)) {
        slots[hole] = entry;
        hole = next;
      }
    }
    slots[hole] = 0;
  }

  /** Slot that holds `key`, or the free one where it belongs. */
  #probe(key: KeyWords): number {
    const keys = this.#keys;
    let slot = this.#hash(key, 0) & this.#mask;
    while (true) {
      const entry = this.#slots[slot] ?? 0;
      if (entry === 0) return slot;
      const base = (entry - 1) * KEY_WORDS;
      let word = KEY_WORDS - 1;
      while (word >= 0 && keys[base + word] === key[word]) word--;
      if (word < 0) return slot;
      slot = (slot + 1) & this.#mask;
    }
  }

  #hash(words: Uint32Array, at: number): number {
    return hashWords(words, at, KEY_WORDS, this.#seed);
  }
}

/** MurmurHash3's 32-bit mixing over `count` words. */
export function hashWords(
  words: Uint32Array,
  at: number,
  count: number,
  seed: number,
): number {
  let hash = seed | 0;
  for (let i = at; i < at + count; i++) {
    let word = Math.imul(words[i] ?? 0, 0xcc9e2d51);
    word = Math.imul(word << 15 | word >>> 17, 0x1b873593);
    hash ^= word;
    hash = Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0;
  }
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return (hash ^ hash >>> 16) >>> 0;
}
