/**
 * Does `deno task iforest` find what scikit-learn's forest finds? Public anomaly sets, both programs
 * with the same seeds, in one run: means over 20 seeds, since a single one says little (5 of the
 * largest set, whose spread is small). A line a set and measure, then the means of the differences.
 *
 *     deno task bench iforest
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { quality } from "../tests/detect/quality.ts";

const CORPUS = fileURLToPath(
  new URL("../../shared/corpus/adbench/", import.meta.url),
);
const PROGRAM = fileURLToPath(new URL("../detect/iforest.ts", import.meta.url));
const SEEDS = 20;
const SEEDS_LARGE = 5;
const LARGE_ROWS = 100_000;

interface SetFacts {
  readonly rows: number;
  readonly columns: number;
}

/** Areas under the ROC and the precision-recall curve, one a seed. */
interface Areas {
  readonly roc: number[];
  readonly pr: number[];
}

async function ours(
  name: string,
  set: SetFacts,
  seeds: number,
): Promise<Areas> {
  const labels = await Deno.readFile(`${CORPUS}${name}.u8`);
  const out = await Deno.makeTempFile({ suffix: ".f32" });
  const areas: Areas = { roc: [], pr: [] };
  for (let seed = 0; seed < seeds; seed++) {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "-A", PROGRAM, "--data", `${CORPUS}${name}.f32`],
        ...["--rows", String(set.rows), "--cols", String(set.columns)],
        ...["--seed", String(seed), "--out", out],
      ],
    }).spawn().status;
    if (!success) throw new Error(`iforest failed on ${name}`);
    const scores = new Float32Array((await Deno.readFile(out)).buffer);
    const { roc, ap } = quality(labels, scores);
    areas.roc.push(roc);
    areas.pr.push(ap);
  }
  await Deno.remove(out);
  return areas;
}

const PYTHON = `
import sys, json
import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score, average_precision_score
x = np.fromfile(sys.argv[1] + ".f32", dtype=np.float32).reshape(-1, int(sys.argv[2]))
y = np.fromfile(sys.argv[1] + ".u8", dtype=np.uint8)
areas = dict(roc=[], pr=[])
for seed in range(int(sys.argv[3])):
    score = -IsolationForest(n_estimators=100, max_samples=256, random_state=seed).fit(x).score_samples(x)
    areas["roc"].append(roc_auc_score(y, score))
    areas["pr"].append(average_precision_score(y, score))
print(json.dumps(areas))
`;

async function scikitLearn(
  name: string,
  set: SetFacts,
  seeds: number,
): Promise<Areas> {
  const { success, stdout, stderr } = await new Deno.Command(
    "/usr/bin/python3",
    {
      args: [
        ...["-c", PYTHON, CORPUS + name],
        ...[String(set.columns), String(seeds)],
      ],
    },
  ).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as Areas;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rounded(value: number): number {
  return Number(value.toFixed(4));
}

/** Three standard errors of the difference of two means, at least 0.02: what a set may differ by. */
function allowed(one: readonly number[], other: readonly number[]): number {
  const variance = (values: readonly number[]) =>
    mean(values.map((value) => (value - mean(values)) ** 2)) /
    (values.length - 1);
  return Math.max(0.02, 3 * Math.sqrt(variance(one) + variance(other)));
}

function print(line: object): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

/** The sets, by name; leaves with one line where they are not here. */
async function readSets(): Promise<Record<string, SetFacts>> {
  try {
    const text = await Deno.readTextFile(`${CORPUS}index.json`);
    return JSON.parse(text) as Record<string, SetFacts>;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    const line = `bench iforest: left out, no data in "${CORPUS}"\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(line));
    Deno.exit(0);
  }
}

const sets = await readSets();
const differences: Record<string, number[]> = { roc: [], pr: [] };
for (const [name, set] of Object.entries(sets)) {
  const seeds = set.rows > LARGE_ROWS ? SEEDS_LARGE : SEEDS;
  const own = await ours(name, set, seeds);
  const theirs = await scikitLearn(name, set, seeds);
  for (const area of ["roc", "pr"] as const) {
    const difference = mean(own[area]) - mean(theirs[area]);
    differences[area]?.push(difference);
    print({
      name: `iforest_${area}_${name}`,
      value: rounded(mean(own[area])),
      unit: `area, mean of ${seeds} seeds`,
      baseline: rounded(mean(theirs[area])),
      baseline_name: "scikit-learn",
      difference: rounded(difference),
      within: Math.abs(difference) <= allowed(own[area], theirs[area]),
      command: "deno task bench iforest",
    });
  }
}
for (const [area, all] of Object.entries(differences)) {
  print({
    name: `iforest_${area}_difference`,
    value: rounded(mean(all)),
    unit: "area, mean over the sets",
    command: "deno task bench iforest",
  });
}
