/**
 * A seeded generator of random numbers: equal seeds give equal models on every machine.
 *
 * xoshiro128** (Blackman, Vigna 2018), its state filled by splitmix32.
 *
 * @module
 */

/** A stream of numbers that its seed determines. */
export class Random {
  readonly #state = new Uint32Array(4);

  /** @param seed Its low 32 bits count. */
  constructor(seed: number) {
    let z = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      t ^= t >>> 15;
      this.#state[i] = t;
    }
  }

  /** 0 <= n < 2^32. */
  uint32(): number {
    const s = this.#state as unknown as [number, number, number, number];
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** 0 <= x < 1, with 53 random bits. */
  uniform(): number {
    return (this.uint32() >>> 5) / 2 ** 27 + (this.uint32() >>> 6) / 2 ** 53;
  }

  /** 0 <= i < n. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }
}

function rotateLeft(x: number, k: number): number {
  return ((x << k) | (x >>> (32 - k))) >>> 0;
}
