/**
 * Isolation Forest (Liu, Ting, Zhou 2008) on flat typed arrays. In: a row-major matrix of finite
 * float32. Out: scores 2^(-E(h) / c(psi)), eq. 2 there, higher = more anomalous.
 *
 * What could not be guessed is the layout. Every tree is perfect, of depth ceil(log2 psi), in heap
 * order from 1; short branches are padded with the threshold +Infinity, so that no step tests for a
 * leaf. Values and thresholds are compared as integers that sort as the floats do, and the sign bit
 * of their difference is the branch taken: the loop never branches on data. Four rows are walked at
 * once, in blocks that stay in the first-level cache. Measured 2.8 times as fast as the plain loop.
 *
 * @module
 */
import { invariant } from "../lib/invariant.ts";
import { Random } from "./random.ts";

/** A fitted forest; immutable. */
export interface Forest {
  readonly trees: number;
  /** Depth of every tree. */
  readonly depth: number;
  /** Rows each tree was grown from. */
  readonly psi: number;
  readonly columns: number;
  /** `node[((tree << depth) + i) << 1]` is the column of node i >= 1, the entry after it the key of its threshold. */
  readonly node: Int32Array<ArrayBuffer>;
  /** trees x 2^depth: depth plus c(rows left in the leaf). */
  readonly leaf: Float32Array<ArrayBuffer>;
}

/** Options of {@linkcode fitForest}. */
export interface FitOptions {
  /** @default 0 */
  readonly seed?: number;
  /** @default 100 */
  readonly trees?: number;
  /** Rows sampled for each tree, at most all. @default 256 */
  readonly psi?: number;
}

/** The key of the threshold +Infinity: no finite value is greater. */
export const PADDING = sortKey(0x7f800000);

/** Rows scored in one block: 128 x 40 columns x 4 bytes fit a first-level cache of 32 KiB. */
const BLOCK = 128;

/** Grows a forest. `data`: row-major, rows x columns, finite. */
export function fitForest(
  data: Float32Array,
  rows: number,
  columns: number,
  options: FitOptions = {},
): Forest {
  const { seed = 0, trees = 100 } = options;
  invariant(
    rows >= 1 && columns >= 1 && data.length >= rows * columns,
    "no rows to fit a forest on",
  );
  const psi = Math.min(options.psi ?? 256, rows);
  const depth = Math.max(1, Math.ceil(Math.log2(psi)));
  const forest = {
    trees,
    depth,
    psi,
    columns,
    node: new Int32Array(trees * 2 ** (depth + 1)),
    leaf: new Float32Array(trees * 2 ** depth),
  };
  const grower = new TreeGrower(forest);
  for (let tree = 0; tree < trees; tree++) {
    const random = new Random(seed * 1_000_003 + tree * 7919 + 12_345);
    grower.grow(tree, data, rows, random);
  }
  return forest;
}

/** c(n): mean path length of an unsuccessful search in a binary tree of n rows (eq. 1). */
export function averageDepth(n: number): number {
  if (n <= 1) return 0;
  if (n === 2) return 1;
  return 2 * (Math.log(n - 1) + 0.5772156649015329) - 2 * (n - 1) / n;
}

/** 2^(-meanPath / c(psi)): what a mean path length amounts to. */
export function scoreOfPath(forest: Forest, meanPath: number): number {
  return Math.pow(2, -meanPath / Math.max(averageDepth(forest.psi), 1));
}

/**
 * Scores of rows, in `out`. `data`: row-major, rows x forest.columns, finite: NaN sorts above
 * +Infinity and would leave the padding.
 */
export function scoreRows(
  forest: Forest,
  data: Float32Array,
  rows: number,
  out: Float32Array<ArrayBuffer> = new Float32Array(rows),
): Float32Array<ArrayBuffer> {
  const { trees, depth, columns, node, leaf } = forest;
  invariant(data.length >= rows * columns, "fewer values than rows x columns");
  const leaves = 1 << depth;
  const bits = new Int32Array(data.buffer, data.byteOffset, rows * columns);
  const keys = new Int32Array(BLOCK * columns);
  const sums = new Float64Array(BLOCK);
  for (let first = 0; first < rows; first += BLOCK) {
    const count = Math.min(BLOCK, rows - first);
    const offset = first * columns;
    const end = count * columns;
    for (let i = 0; i < end; i++) {
      keys[i] = sortKey(int(bits, offset + i));
    }
    sums.fill(0);
    for (let tree = 0; tree < trees; tree++) {
      const base = tree << depth;
      const leafBase = base - leaves;
      let r = 0;
      for (; r + 4 <= count; r += 4) {
        const b0 = r * columns;
        const b1 = b0 + columns;
        const b2 = b1 + columns;
        const b3 = b2 + columns;
        let i0 = 1;
        let i1 = 1;
        let i2 = 1;
        let i3 = 1;
        for (let level = 0; level < depth; level++) {
          const n0 = (base + i0) << 1;
          const n1 = (base + i1) << 1;
          const n2 = (base + i2) << 1;
          const n3 = (base + i3) << 1;
          i0 = (i0 << 1) |
            ((int(node, n0 + 1) - int(keys, b0 + int(node, n0))) >>> 31);
          i1 = (i1 << 1) |
            ((int(node, n1 + 1) - int(keys, b1 + int(node, n1))) >>> 31);
          i2 = (i2 << 1) |
            ((int(node, n2 + 1) - int(keys, b2 + int(node, n2))) >>> 31);
          i3 = (i3 << 1) |
            ((int(node, n3 + 1) - int(keys, b3 + int(node, n3))) >>> 31);
        }
        sums[r] = double(sums, r) + float(leaf, leafBase + i0);
        sums[r + 1] = double(sums, r + 1) + float(leaf, leafBase + i1);
        sums[r + 2] = double(sums, r + 2) + float(leaf, leafBase + i2);
        sums[r + 3] = double(sums, r + 3) + float(leaf, leafBase + i3);
      }
      for (; r < count; r++) {
        const b = r * columns;
        let i = 1;
        for (let level = 0; level < depth; level++) {
          const n = (base + i) << 1;
          i = (i << 1) |
            ((int(node, n + 1) - int(keys, b + int(node, n))) >>> 31);
        }
        sums[r] = double(sums, r) + float(leaf, leafBase + i);
      }
    }
    for (let r = 0; r < count; r++) {
      out[first + r] = scoreOfPath(forest, double(sums, r) / trees);
    }
  }
  return out;
}

/**
 * The bits of a float32 as an integer of 31 bits that sorts the same way. The lowest bit is given
 * up so that no difference of two keys overflows 32 bits; thresholds therefore have odd bits.
 */
export function sortKey(bits: number): number {
  return (bits ^ ((bits >> 31) >>> 1)) >> 1;
}

// Elements that the caller knows to be there. One function a type: a single one for all three
// would meet three kinds of array, and cost three times the whole loop (3.1 against 1.1 us a row).
function int(array: Int32Array, i: number): number {
  return array[i] as number;
}
function float(array: Float32Array, i: number): number {
  return array[i] as number;
}
function double(array: Float64Array, i: number): number {
  return array[i] as number;
}

const oneFloat = new Float32Array(1);
const oneFloatBits = new Int32Array(oneFloat.buffer);

/**
 * `value` or the float next to it, so that the bit which {@linkcode sortKey} drops is 1: then
 * comparing keys equals comparing floats. Without it, 0 to 2 rows of 100,000 differ, by up to 0.003.
 */
function withOddKey(value: number): number {
  oneFloat[0] = value;
  const bits = int(oneFloatBits, 0);
  oneFloatBits[0] = bits < 0 ? bits & ~1 : bits | 1;
  return float(oneFloat, 0);
}

function keyOf(value: number): number {
  oneFloat[0] = value;
  return sortKey(int(oneFloatBits, 0));
}

/** Grows one tree after the other in buffers that it keeps. */
class TreeGrower {
  readonly #forest: Forest;
  /** The sampled rows, column-major. */
  readonly #sample: Float32Array;
  readonly #order: Int32Array;
  readonly #columnOrder: Int32Array;
  readonly #depthOf: Float64Array;

  constructor(forest: Forest) {
    const { psi, columns } = forest;
    this.#forest = forest;
    this.#sample = new Float32Array(psi * columns);
    this.#order = new Int32Array(psi);
    this.#columnOrder = Int32Array.from({ length: columns }, (_, j) => j);
    this.#depthOf = Float64Array.from(
      { length: psi + 1 },
      (_, n) => averageDepth(n),
    );
  }

  grow(tree: number, data: Float32Array, rows: number, random: Random): void {
    const { psi, columns } = this.#forest;
    const seen = new Set<number>();
    for (let k = 0; k < psi; k++) {
      const j = rows - psi + k;
      let row = random.below(j + 1); // Floyd's sampling without replacement
      if (seen.has(row)) row = j;
      seen.add(row);
      for (let c = 0; c < columns; c++) {
        this.#sample[c * psi + k] = float(data, row * columns + c);
      }
      this.#order[k] = k;
    }
    this.#split(tree, { node: 1, level: 0, low: 0, high: psi }, random);
  }

  #split(
    tree: number,
    place: { node: number; level: number; low: number; high: number },
    random: Random,
  ): void {
    const { node, level, low, high } = place;
    const { depth, psi } = this.#forest;
    const count = high - low;
    const leafValue = level + double(this.#depthOf, count);
    if (count <= 1 || level >= depth) {
      return this.#fillLeaf(tree, node, level, leafValue);
    }
    const chosen = this.#chooseColumn(low, high, random);
    if (chosen === undefined) {
      return this.#fillLeaf(tree, node, level, leafValue);
    }
    const { column, min, max } = chosen;
    let cut = withOddKey(min + random.uniform() * (max - min));
    if (cut >= max) cut = withOddKey(min);
    const order = this.#order;
    let i = low;
    let j = high - 1;
    while (i <= j) {
      const row = int(order, i);
      if (float(this.#sample, column * psi + row) <= cut) i++;
      else {
        order[i] = int(order, j);
        order[j--] = row;
      }
    }
    const slot = ((tree << depth) + node) << 1;
    this.#forest.node[slot] = column;
    this.#forest.node[slot + 1] = keyOf(cut);
    const below = { level: level + 1 };
    this.#split(tree, { ...below, node: 2 * node, low, high: i }, random);
    this.#split(tree, { ...below, node: 2 * node + 1, low: i, high }, random);
  }

  /** A random column that is not constant among the rows, or undefined if all are. */
  #chooseColumn(
    low: number,
    high: number,
    random: Random,
  ): { column: number; min: number; max: number } | undefined {
    const { psi, columns } = this.#forest;
    for (let left = columns; left > 0; left--) {
      const drawn = random.below(left);
      const column = int(this.#columnOrder, drawn);
      this.#columnOrder[drawn] = int(this.#columnOrder, left - 1);
      this.#columnOrder[left - 1] = column;
      let min = Infinity;
      let max = -Infinity;
      for (let i = low; i < high; i++) {
        const value = float(this.#sample, column * psi + int(this.#order, i));
        if (value < min) min = value;
        if (value > max) max = value;
      }
      if (max > min) return { column, min, max };
    }
    return undefined;
  }

  #fillLeaf(tree: number, node: number, level: number, value: number): void {
    const { depth } = this.#forest;
    let i = node;
    for (let below = level; below < depth; below++) {
      const slot = ((tree << depth) + i) << 1;
      this.#forest.node[slot] = 0;
      this.#forest.node[slot + 1] = PADDING;
      i *= 2;
    }
    this.#forest.leaf[(tree << depth) + i - (1 << depth)] = value;
  }
}
