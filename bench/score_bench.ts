/**
 * What scoring costs: the Isolation Forest of detect/ against scikit-learn, or, where Python cannot
 * import it, against a forest of plain objects. 46 columns, 100 trees, 256 rows a tree, one thread,
 * the arms in turn, least of five: CPU seconds, so that other load does not count. Two JSON lines.
 *
 *     deno run -A bench/score_bench.ts [ROWS]
 *
 * @module
 */
import process from "node:process";
import {
  averageDepth,
  fitForest,
  scoreRows,
} from "../detect/isolation_forest.ts";
import { Random } from "../detect/random.ts";
import { FEATURES } from "../lib/features.ts";

const COLUMNS = FEATURES.length;
const ROUNDS = 5;
const TREES = 100;
const PSI = 256;

interface Seconds {
  readonly fit: number;
  readonly score: number;
}

/** Skewed, as counts and delays are. */
function makeRows(rows: number): Float32Array {
  const random = new Random(1);
  return Float32Array.from(
    { length: rows * COLUMNS },
    (_, i) => (-Math.log(1 - random.uniform())) ** (1 + i % 3),
  );
}

function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 1e6;
}

function ours(data: Float32Array, rows: number, seed: number): Seconds {
  let forest = fitForest(data, 1, COLUMNS);
  const fit = cpuSeconds(() => {
    forest = fitForest(data, rows, COLUMNS, { seed });
  });
  return { fit, score: cpuSeconds(() => void scoreRows(forest, data, rows)) };
}

interface Branch {
  readonly column: number;
  readonly cut: number;
  readonly low: Branch | number;
  readonly high: Branch | number;
}

/** The algorithm as the paper writes it, with an object a node. */
function plain(data: Float32Array, rows: number, seed: number): Seconds {
  const random = new Random(seed);
  const value = (row: number, column: number) =>
    data[row * COLUMNS + column] as number;
  const grow = (sample: number[], depth: number): Branch | number => {
    if (sample.length <= 1 || depth >= 8) {
      return depth + averageDepth(sample.length);
    }
    const column = random.below(COLUMNS);
    const values = sample.map((row) => value(row, column));
    const min = Math.min(...values);
    const max = Math.max(...values);
    if (min === max) return depth + averageDepth(sample.length);
    const cut = min + random.uniform() * (max - min);
    return {
      column,
      cut,
      low: grow(sample.filter((row) => value(row, column) <= cut), depth + 1),
      high: grow(sample.filter((row) => value(row, column) > cut), depth + 1),
    };
  };
  let trees: (Branch | number)[] = [];
  const fit = cpuSeconds(() => {
    trees = Array.from(
      { length: TREES },
      () => grow(Array.from({ length: PSI }, () => random.below(rows)), 0),
    );
  });
  const score = cpuSeconds(() => {
    const out = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (const tree of trees) {
        let node = tree;
        while (typeof node === "object") {
          node = value(row, node.column) <= node.cut ? node.low : node.high;
        }
        sum += node;
      }
      out[row] = Math.pow(2, -sum / TREES / averageDepth(PSI));
    }
  });
  return { fit, score };
}

const PYTHON = `
import os, sys, time, json
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np
from sklearn.ensemble import IsolationForest
x = np.fromfile(sys.argv[1], dtype=np.float32).reshape(-1, int(sys.argv[2]))
c0 = time.process_time()
m = IsolationForest(n_estimators=100, max_samples=256, random_state=int(sys.argv[3]), n_jobs=1).fit(x)
c1 = time.process_time()
m.score_samples(x)
print(json.dumps(dict(fit=c1 - c0, score=time.process_time() - c1)))
`;

/** Undefined where scikit-learn cannot be imported. */
async function scikitLearn(
  file: string,
  seed: number,
): Promise<Seconds | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("/usr/bin/python3", {
      args: ["-c", PYTHON, file, String(COLUMNS), String(seed)],
      stderr: "null",
    }).output();
    if (!success) return undefined;
    return JSON.parse(new TextDecoder().decode(stdout)) as Seconds;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

const rows = Number(Deno.args[0] ?? 100_000);
const data = makeRows(rows);
const file = await Deno.makeTempFile({ suffix: ".f32" });
await Deno.writeFile(file, new Uint8Array(data.buffer));
const ourRuns: Seconds[] = [];
const theirRuns: Seconds[] = [];
let baseline = "scikit-learn";
for (let seed = 0; seed < ROUNDS; seed++) {
  ourRuns.push(ours(data, rows, seed));
  const theirs = baseline === "scikit-learn"
    ? await scikitLearn(file, seed)
    : undefined;
  if (theirs === undefined) baseline = "forest of objects";
  theirRuns.push(theirs ?? plain(data, rows, seed));
}
await Deno.remove(file);
for (const part of ["score", "fit"] as const) {
  const least = (runs: readonly Seconds[]) =>
    Math.min(...runs.map((run) => run[part]));
  const perRow = part === "score" ? 1e6 / rows : 1000;
  const line = {
    name: part === "score" ? "forest_score" : "forest_fit",
    value: Number((least(ourRuns) * perRow).toFixed(3)),
    unit: part === "score" ? "us CPU a row" : "ms CPU",
    baseline: Number((least(theirRuns) * perRow).toFixed(3)),
    baseline_name: baseline,
    ratio: Number((least(theirRuns) / least(ourRuns)).toFixed(2)),
    command: `deno run -A bench/score_bench.ts ${rows}`,
  };
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}
