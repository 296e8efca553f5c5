/**
 * QR codes (ISO/IEC 18004): text in, dark and light modules out. Byte mode, error correction level L,
 * versions 1 to 9: up to 230 bytes, what a URI for an authenticator app needs.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";

/** By version: data codewords, error correction codewords of each block, blocks. */
const VERSIONS = [
  [19, 7, 1],
  [34, 10, 1],
  [55, 15, 1],
  [80, 20, 1],
  [108, 26, 1],
  [136, 18, 2],
  [156, 20, 2],
  [194, 24, 2],
  [232, 30, 2],
] as const;

/** Rows of modules, true is dark. */
export type Modules = readonly (readonly boolean[])[];

/** The code of a text of at most 230 bytes of UTF-8. */
export function qrModules(text: string): Modules {
  const bytes = new TextEncoder().encode(text);
  const index = VERSIONS.findIndex(([data]) => bytes.length + 2 <= data);
  const [dataLength, eccLength, blocks] = VERSIONS[index] ?? [0, 0, 0];
  invariant(dataLength > 0, "the text is too long for a QR code");
  const version = index + 1;
  const data = dataCodewords(bytes, dataLength);
  const code = interleave(data, eccLength, blocks);
  let best: Grid | undefined;
  let bestPenalty = Infinity;
  for (let mask = 0; mask < 8; mask++) {
    const grid = new Grid(version);
    grid.place(code, mask);
    const penalty = penaltyOf(grid.dark);
    if (penalty < bestPenalty) {
      best = grid;
      bestPenalty = penalty;
    }
  }
  return best?.dark ?? [];
}

/** The dark modules as the `d` of an SVG path, one unit a module. */
export function qrPath(modules: Modules): string {
  return modules.flatMap((row, y) =>
    row.flatMap((dark, x) => dark ? [`M${x} ${y}h1v1h-1z`] : [])
  ).join("");
}

/** Mode and length, the bytes, a terminator, and padding to the full length. */
function dataCodewords(bytes: Uint8Array, length: number): number[] {
  const bits: number[] = [];
  const push = (value: number, count: number): void => {
    for (let bit = count - 1; bit >= 0; bit--) bits.push(value >>> bit & 1);
  };
  push(0b0100, 4);
  push(bytes.length, 8);
  for (const byte of bytes) push(byte, 8);
  push(0, Math.min(4, length * 8 - bits.length));
  while (bits.length % 8 !== 0) bits.push(0);
  const words: number[] = [];
  for (let at = 0; at < bits.length; at += 8) {
    words.push(parseInt(bits.slice(at, at + 8).join(""), 2));
  }
  for (let pad = 0xec; words.length < length; pad ^= 0xec ^ 0x11) {
    words.push(pad);
  }
  return words;
}

/** Blocks with their error correction, codeword by codeword. All blocks are of one length here. */
function interleave(
  data: readonly number[],
  eccLength: number,
  blocks: number,
): number[] {
  const each = data.length / blocks;
  const divisor = reedSolomonDivisor(eccLength);
  const parts = Array.from({ length: blocks }, (_, block) => {
    const words = data.slice(block * each, (block + 1) * each);
    return { words, ecc: reedSolomonRemainder(words, divisor) };
  });
  const code: number[] = [];
  for (let at = 0; at < each; at++) {
    for (const { words } of parts) code.push(words[at] ?? 0);
  }
  for (let at = 0; at < eccLength; at++) {
    for (const { ecc } of parts) code.push(ecc[at] ?? 0);
  }
  return code;
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = product << 1 ^ (product >>> 7) * 0x11d;
    product ^= (b >>> bit & 1) * a;
  }
  return product;
}

/** Coefficients of (x - 2^0)(x - 2^1)..., without the leading one. */
function reedSolomonDivisor(degree: number): number[] {
  const result = [...Array<number>(degree - 1).fill(0), 1];
  let root = 1;
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++) {
      result[j] = multiply(result[j] ?? 0, root) ^ (result[j + 1] ?? 0);
    }
    root = multiply(root, 2);
  }
  return result;
}

function reedSolomonRemainder(
  data: readonly number[],
  divisor: readonly number[],
): number[] {
  const result = divisor.map(() => 0);
  for (const word of data) {
    const factor = word ^ (result.shift() ?? 0);
    result.push(0);
    divisor.forEach((coefficient, index) =>
      result[index] = (result[index] ?? 0) ^ multiply(coefficient, factor)
    );
  }
  return result;
}

class Grid {
  readonly size: number;
  readonly dark: boolean[][];
  /** Modules that hold no data. */
  readonly #fixed: boolean[][];
  readonly #version: number;

  constructor(version: number) {
    this.#version = version;
    this.size = version * 4 + 17;
    const rows = (): boolean[][] =>
      Array.from({ length: this.size }, () => Array(this.size).fill(false));
    this.dark = rows();
    this.#fixed = rows();
    this.#patterns();
  }

  /** Writes the codewords under a mask, and says which mask it is. */
  place(code: readonly number[], mask: number): void {
    let bit = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      for (let step = 0; step < this.size; step++) {
        const upward = (right + 1 & 2) === 0;
        const y = upward ? this.size - 1 - step : step;
        for (const x of [right, right - 1]) {
          if (this.#fixed[y]?.[x]) continue;
          const value = (code[bit >>> 3] ?? 0) >>> (7 - (bit & 7)) & 1;
          bit++;
          this.#row(y)[x] = (value === 1) !== masked(mask, x, y);
        }
      }
    }
    this.#format(mask);
  }

  #row(y: number): boolean[] {
    const row = this.dark[y];
    invariant(row !== undefined, "a module outside of the code");
    return row;
  }

  #set(x: number, y: number, dark: boolean): void {
    const fixed = this.#fixed[y];
    if (fixed === undefined || x < 0 || x >= this.size) return;
    this.#row(y)[x] = dark;
    fixed[x] = true;
  }

  #patterns(): void {
    const { size } = this;
    for (let i = 0; i < size; i++) {
      this.#set(6, i, i % 2 === 0);
      this.#set(i, 6, i % 2 === 0);
    }
    for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) {
      for (let dy = -4; dy <= 4; dy++) {
        for (let dx = -4; dx <= 4; dx++) {
          const ring = Math.max(Math.abs(dx), Math.abs(dy));
          this.#set(cx + dx, cy + dy, ring !== 2 && ring !== 4);
        }
      }
    }
    for (const cx of this.#alignment()) {
      for (const cy of this.#alignment()) {
        const corner = cx === 6 && cy === 6 || cx === 6 && cy === size - 7 ||
          cx === size - 7 && cy === 6;
        if (corner) continue;
        for (let dy = -2; dy <= 2; dy++) {
          for (let dx = -2; dx <= 2; dx++) {
            this.#set(
              cx + dx,
              cy + dy,
              Math.max(Math.abs(dx), Math.abs(dy)) !== 1,
            );
          }
        }
      }
    }
    this.#format(0);
    if (this.#version >= 7) this.#versionBits();
  }

  #alignment(): number[] {
    if (this.#version === 1) return [];
    const last = this.size - 7;
    return this.#version < 7 ? [6, last] : [6, (6 + last) / 2, last];
  }

  /** Level L and the mask, with their BCH code, twice. */
  #format(mask: number): void {
    const data = 0b01 << 3 | mask;
    let rest = data;
    for (let i = 0; i < 10; i++) rest = rest << 1 ^ (rest >>> 9) * 0x537;
    const bits = (data << 10 | rest) ^ 0x5412;
    const bit = (at: number): boolean => (bits >>> at & 1) === 1;
    for (let i = 0; i <= 5; i++) this.#set(8, i, bit(i));
    this.#set(8, 7, bit(6));
    this.#set(8, 8, bit(7));
    this.#set(7, 8, bit(8));
    for (let i = 9; i < 15; i++) this.#set(14 - i, 8, bit(i));
    for (let i = 0; i < 8; i++) this.#set(this.size - 1 - i, 8, bit(i));
    for (let i = 8; i < 15; i++) this.#set(8, this.size - 15 + i, bit(i));
    this.#set(8, this.size - 8, true);
  }

  /** The version with its BCH code, twice. */
  #versionBits(): void {
    let rest = this.#version;
    for (let i = 0; i < 12; i++) rest = rest << 1 ^ (rest >>> 11) * 0x1f25;
    const bits = this.#version << 12 | rest;
    for (let i = 0; i < 18; i++) {
      const a = this.size - 11 + i % 3;
      const b = Math.floor(i / 3);
      this.#set(a, b, (bits >>> i & 1) === 1);
      this.#set(b, a, (bits >>> i & 1) === 1);
    }
  }
}

function masked(mask: number, x: number, y: number): boolean {
  switch (mask) {
    case 0:
      return (x + y) % 2 === 0;
    case 1:
      return y % 2 === 0;
    case 2:
      return x % 3 === 0;
    case 3:
      return (x + y) % 3 === 0;
    case 4:
      return (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0;
    case 5:
      return x * y % 2 + x * y % 3 === 0;
    case 6:
      return (x * y % 2 + x * y % 3) % 2 === 0;
    default:
      return ((x + y) % 2 + x * y % 3) % 2 === 0;
  }
}

/** How hard a mask makes the code to read: runs, blocks, false finders, too much of one colour. */
function penaltyOf(dark: Modules): number {
  const size = dark.length;
  const at = (x: number, y: number): boolean => dark[y]?.[x] ?? false;
  let penalty = 0;
  let count = 0;
  for (let a = 0; a < size; a++) {
    for (const read of [(b: number) => at(b, a), (b: number) => at(a, b)]) {
      let run = 0;
      let line = "";
      for (let b = 0; b < size; b++) {
        run = b > 0 && read(b) === read(b - 1) ? run + 1 : 1;
        if (run === 5) penalty += 3;
        else if (run > 5) penalty++;
        line += read(b) ? "1" : "0";
      }
      const finders = `0000${line}0000`.match(
        /(?=10111010000|00001011101)/g,
      );
      penalty += 40 * (finders?.length ?? 0);
    }
    for (let b = 0; b < size; b++) {
      if (at(a, b)) count++;
      const same = [at(a + 1, b), at(a, b + 1), at(a + 1, b + 1)]
        .every((one) => one === at(a, b));
      if (a + 1 < size && b + 1 < size && same) penalty += 3;
    }
  }
  return penalty +
    Math.floor(Math.abs(count * 20 - size * size * 10) / (size * size)) * 10;
}
