/**
 * What the detector costs. First the Isolation Forest against scikit-learn, or, where Python cannot
 * import it, against a forest of plain objects: 35 columns, 100 trees, 256 rows a tree, one thread,
 * the arms in turn, the least of the rounds, in CPU seconds, so that other load does not count.
 * Then a whole verdict of 100,000 windows: features, score, explanation, rules.
 *
 *     deno run -A bench/detect_bench.ts [ROWS...]
 *
 * @module
 */
import process from "node:process";
import {
  averageDepth,
  fitForest,
  scoreRows,
} from "../detect/isolation_forest.ts";
import { buildModel, type ModelBody } from "../detect/detector_model.ts";
import { LabelSet } from "../detect/labels.ts";
import { ClientLists } from "../detect/lists.ts";
import prior from "../detect/prior.json" with { type: "json" };
import { Random } from "../detect/random.ts";
import { windowFacts } from "../detect/testing.ts";
import { judge } from "../detect/verdict.ts";
import type { IpAddress, UnixMicros } from "../lib/events.ts";

const COLUMNS = 35;
const SIZES = [10_000, 100_000, 1_000_000];
/** Rounds; fewer of the large size: a million rows take scikit-learn half a minute each. */
const ROUNDS = 5;
const ROUNDS_LARGE = 2;
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

async function compareForests(rows: number): Promise<void> {
  const data = makeRows(rows);
  const file = await Deno.makeTempFile({ suffix: ".f32" });
  await Deno.writeFile(file, new Uint8Array(data.buffer));
  const ourRuns: Seconds[] = [];
  const theirRuns: Seconds[] = [];
  let baseline = "scikit-learn";
  const rounds = rows > 200_000 ? ROUNDS_LARGE : ROUNDS;
  for (let seed = 0; seed < rounds; seed++) {
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
    print({
      name: `forest_${part}_${rows}`,
      value: round(least(ourRuns) * perRow),
      unit: part === "score" ? "us CPU a row" : "ms CPU",
      baseline: round(least(theirRuns) * perRow),
      baseline_name: baseline,
      ratio: round(least(theirRuns) / least(ourRuns)),
      command: `deno task bench detect`,
    });
  }
}

/** A cycle's own work on windows of which one in ten is a script's; the database is left out. */
async function timeVerdicts(count: number): Promise<void> {
  const random = new Random(2);
  const windows = Array.from({ length: count }, (_, i) => {
    const script = i % 10 === 0;
    const documents = 1 + random.below(20);
    return windowFacts({
      src_ip: `198.18.${(i >> 8) & 255}.${i & 255}` as IpAddress,
      documents,
      requests: script ? documents : documents * 12,
      assets: script ? 0 : documents * 11,
      hello_ms: 5 + 100 * random.uniform(),
      proxy_ms: 10 * random.uniform(),
      cold_bits: 8 * random.uniform(),
      later_without_referrer: script ? documents - 1 : 0,
      later_without_cookie: script ? documents - 1 : 0,
    });
  });
  const span = { from: 0 as UnixMicros, to: 0 as UnixMicros };
  const model = await buildModel(prior as unknown as ModelBody, {
    learning: false,
    trainedOn: span,
  });
  const options = {
    alarmRate: 0.001,
    rules: new Map(),
    lists: new ClientLists([]),
    labels: new LabelSet([]),
  };
  judge(windows.slice(0, 2000), model, options);
  const seconds = cpuSeconds(() => void judge(windows, model, options));
  print({
    name: `verdicts_${count}`,
    value: round(seconds),
    unit: "s CPU",
    command: "deno task bench detect",
  });
}

function round(value: number): number {
  return Number(value.toFixed(3));
}

function print(line: object): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

const sizes = Deno.args.map(Number).filter((rows) => rows > 0);
for (const rows of sizes.length > 0 ? sizes : SIZES) await compareForests(rows);
await timeVerdicts(100_000);
