/**
 * Why does the forest find a row anomalous? Each split on the row's way changes what path length
 * is to be expected, given the reference; that change belongs to the split's column.
 *
 * Positive = made the path shorter than expected = more anomalous. The shares of a row add up to
 * the mean path length of the reference minus that of the row, exactly. Shapley values of a forest
 * explain path LENGTH and are easily read backwards (shap issues 1152, 1389); tests hold the sign.
 *
 * @module
 */
import { type Forest, PADDING, sortKey } from "./isolation_forest.ts";

/** Reference rows routed through the forest at most: enough for 100 trees of depth 8. */
const REFERENCE_ROWS_MAX = 8192;

/** Explains rows of one forest against one reference. */
export class PathAttribution {
  readonly #forest: Forest;
  /** What the step to each node costs of the path, over the number of trees; 0 below short branches. */
  readonly #lost: Float32Array;
  /** Mean path length of the reference, averaged over the trees. */
  readonly meanPath: number;

  /** `data`: row-major, rows x forest.columns; the rows that count as usual. */
  constructor(forest: Forest, data: Float32Array, rows: number) {
    this.#forest = forest;
    const expected = expectations(
      forest,
      data,
      Math.min(rows, REFERENCE_ROWS_MAX),
    );
    const { trees, depth } = forest;
    this.#lost = Float32Array.from(expected, (value, at) => {
      const i = at & ((1 << (depth + 1)) - 1);
      return i < 2
        ? 0
        : ((expected[at - i + (i >> 1)] as number) - value) / trees;
    });
    let sum = 0;
    for (let tree = 0; tree < trees; tree++) {
      sum += expected[(tree << (depth + 1)) + 1] as number;
    }
    this.meanPath = sum / trees;
  }

  /**
   * Path length lost to each column, averaged over the trees: row-major, as `data`. Tree by tree for
   * a block of rows, so that the tree stays in the first-level cache.
   */
  attribute(data: Float32Array, rows: number): Float64Array<ArrayBuffer> {
    const { trees, depth, columns, node } = this.#forest;
    const lost = this.#lost;
    const keys = keysOf(data, rows * columns);
    const share = new Float64Array(rows * columns);
    for (let first = 0; first < rows; first += BLOCK) {
      const end = Math.min(first + BLOCK, rows) * columns;
      for (let tree = 0; tree < trees; tree++) {
        const base = tree << depth;
        for (let row = first * columns; row < end; row += columns) {
          let i = 1;
          for (let level = 0; level < depth; level++) {
            const slot = (base + i) << 1;
            const at = row + (node[slot] as number);
            i = (i << 1) |
              (((node[slot + 1] as number) - (keys[at] as number)) >>> 31);
            share[at] = (share[at] as number) +
              (lost[(base << 1) + i] as number);
          }
        }
      }
    }
    return share;
  }
}

/** Rows whose keys and shares lie beside one tree in a first-level cache. */
const BLOCK = 32;

function keysOf(values: Float32Array, length: number): Int32Array {
  const bits = new Int32Array(values.buffer, values.byteOffset, length);
  const keys = new Int32Array(length);
  for (let i = 0; i < length; i++) keys[i] = sortKey(bits[i] as number);
  return keys;
}

/**
 * trees x 2^(depth+1), heap order from 1. A node that no reference row reaches takes the value of
 * the row which would: the mean of the leaves below it.
 */
function expectations(
  forest: Forest,
  data: Float32Array,
  rows: number,
): Float64Array {
  const { trees, depth, columns, node, leaf } = forest;
  const size = 1 << (depth + 1);
  const leaves = 1 << depth;
  const count = new Float64Array(trees * size);
  const expected = new Float64Array(trees * size);
  for (let r = 0; r < rows; r++) {
    const keys = keysOf(data.subarray(r * columns, (r + 1) * columns), columns);
    for (let tree = 0; tree < trees; tree++) {
      let i = 1;
      for (let level = 0; level < depth; level++) {
        const slot = ((tree << depth) + i) << 1;
        const key = keys[node[slot] as number] as number;
        i = 2 * i + ((node[slot + 1] as number) < key ? 1 : 0);
      }
      const at = tree * size + i;
      count[at] = (count[at] as number) + 1;
    }
  }
  for (let tree = 0; tree < trees; tree++) {
    const base = tree * size;
    for (let i = size - 1; i >= 1; i--) {
      if (i >= leaves) {
        expected[base + i] = leaf[tree * leaves + i - leaves] as number;
        continue;
      }
      const left = base + 2 * i;
      if (node[(((tree << depth) + i) << 1) + 1] === PADDING) {
        count[base + i] = count[left] as number;
        expected[base + i] = expected[left] as number;
        continue;
      }
      const nl = count[left] as number;
      const nr = count[left + 1] as number;
      const el = expected[left] as number;
      const er = expected[left + 1] as number;
      count[base + i] = nl + nr;
      expected[base + i] = nl + nr > 0
        ? (nl * el + nr * er) / (nl + nr)
        : (el + er) / 2;
    }
  }
  return expected;
}
