/**
 * How well does the detector tell bots from people? Draws of labelled generated traffic through the
 * real correlator, store and detector. One JSON line a draw, then the means.
 *
 *     deno run -A tools/measure_detection.ts 201 202 203
 *     deno run -A tools/measure_detection.ts --rough 201 202 203      # people harder to tell from bots
 *     deno run -A tools/measure_detection.ts --unfamiliar 301 302 303 # other people, site and bots
 *     deno run -A tools/measure_detection.ts --sparse 201 202 203     # a third of the people, rough
 *     deno run -A tools/measure_detection.ts --unfamiliar --labels 200 301 302 # after a simulated review
 *     deno run -A tools/measure_detection.ts --unfamiliar --requests-only 301  # and by the applicative model alone
 *     deno task measure                                               # all of these, into docs/detection.md
 *
 * With --labels, an oracle answers the review queue, batch by batch; windows of actors that were
 * labelled count neither before nor after.
 *
 * Intervals are the 5th and 95th percentile of 200 resamplings of actors.
 *
 * A window is a bot's if a bot made any request of it. Verified bots count as people: showing them
 * is a false alarm.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { judge, summarise } from "./detection_figures.ts";
import {
  type Draw,
  type Labelled,
  measure,
  type MeasureOptions,
} from "./measure_draw.ts";

function rounded(value: number): number {
  return Number(value.toFixed(3));
}

function print(measured: object): void {
  const line = JSON.stringify(
    measured,
    (_, value: unknown) => typeof value === "number" ? rounded(value) : value,
  );
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rough: { type: "boolean" },
      sparse: { type: "boolean" },
      unfamiliar: { type: "boolean" },
      "requests-only": { type: "boolean" },
      labels: { type: "string", default: "0" },
      write: { type: "boolean" },
    },
  });
  if (values.write) return await writeDocument();
  const kinds = ["rough", "sparse", "unfamiliar"] as const;
  const options: MeasureOptions = {
    kind: kinds.find((kind) => values[kind]) ?? "plain",
    labels: Number(values.labels),
    requestsOnly: values["requests-only"] ?? false,
  };
  const draws: Draw[] = [];
  for (const seed of positionals.length > 0 ? positionals : ["201"]) {
    draws.push(await measure(Number(seed), options));
    tell(Number(seed), draws.at(-1) as Draw);
  }
  for (const way of WAYS) {
    const rows = draws.map((draw) => draw[way]);
    if (rows.some(({ length }) => length > 0)) {
      print({ way, ...summarise(rows) });
    }
  }
}

const WAYS = ["plain", "requestsOnly", "before", "after"] as const;

/** A line for each way in which the draw was judged. */
function tell(seed: number, draw: Draw): void {
  for (const way of WAYS) {
    if (draw[way].length > 0) print({ seed, way, ...judge(draw[way]) });
  }
}

/** Draws that nothing was tuned on. */
const RUNS:
  readonly (MeasureOptions & { readonly seeds: readonly number[] })[] = [
    ...(["plain", "rough", "sparse"] as const).map((kind) => ({
      kind,
      labels: 0,
      requestsOnly: false,
      seeds: [201, 202, 203],
    })),
    {
      kind: "unfamiliar",
      labels: 200,
      requestsOnly: true,
      seeds: [301, 302, 303, 304, 305, 306],
    },
  ];

/** A column of the document's table. */
interface Column extends ReturnType<typeof summarise> {
  readonly title: string;
  /** Area under precision-recall of the worst draw. */
  readonly worst: number;
}

function columnOf(title: string, draws: readonly Labelled[][]): Column {
  const areas = draws.map((rows) => judge(rows)["pr_auc"] as number);
  return { title, worst: Math.min(...areas), ...summarise(draws) };
}

const ROWS: Readonly<Record<string, string>> = {
  windows: "windows a draw",
  bot_windows: "of bots",
  pr_auc: "area under precision-recall",
  recall_at_1pct_fpr: "recall at 1 % false positives",
  recall_at_01pct_fpr: "recall at 0.1 %",
  alert_precision: "precision of alerts",
  alert_recall: "recall of alerts",
  recall_easy: "the same: easy",
  recall_medium: "medium",
  recall_hard: "hard",
};

const BEGIN = "<!-- measured: deno task measure -->";
const END_MARK = "<!-- end of measured -->";

/** Measures all runs and puts the tables between the marks of docs/detection.md. */
async function writeDocument(): Promise<void> {
  const columns: Column[] = [];
  for (const { seeds, ...options } of RUNS) {
    const draws: Draw[] = [];
    for (const seed of seeds) {
      draws.push(await measure(seed, options));
      tell(seed, draws.at(-1) as Draw);
    }
    for (const way of WAYS) {
      const rows = draws.map((draw) => draw[way]);
      if (rows.every(({ length }) => length === 0)) continue;
      const title = `${
        options.kind === "plain" ? "as generated" : options.kind
      }${TITLES[way]}, ${seeds[0]}-${seeds.at(-1)}`;
      columns.push(columnOf(title, rows));
    }
  }
  const path = new URL("../docs/detection.md", import.meta.url);
  const text = await Deno.readTextFile(path);
  const [head, rest] = text.split(BEGIN);
  const tail = rest?.split(END_MARK)[1];
  if (tail === undefined) throw new Error("docs/detection.md has no marks");
  await Deno.writeTextFile(
    path,
    `${head}${BEGIN}\n${tablesOf(columns)}\n${END_MARK}${tail}`,
  );
}

const TITLES: Readonly<Record<typeof WAYS[number], string>> = {
  plain: "",
  requestsOnly: ", by requests alone",
  before: ", actors not labelled",
  after: ", the same after 200 labels",
};

function tablesOf(columns: readonly Column[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const cell = (name: string, one: Column) => {
    const mean = one.mean[name] ?? 0;
    if (name.endsWith("windows")) return mean.toFixed(0);
    const [low, high] = one.interval[name] ?? [];
    return low === undefined || high === undefined
      ? mean.toFixed(2)
      : `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
  };
  const groups = (of: "recall_at_1pct_fpr" | "false_alarms", title: string) => {
    const names = [...new Set(columns.flatMap((one) => Object.keys(one[of])))];
    return [
      "",
      line([title, ...columns.map((one) => one.title)]),
      line(["---", ...columns.map(() => "---")]),
      ...names.sort().map((name) =>
        line([name, ...columns.map((one) => one[of][name]?.toFixed(3) ?? "")])
      ),
    ];
  };
  return [
    line(["mean over draws", ...columns.map(({ title }) => title)]),
    line(["---", ...columns.map(() => "---")]),
    ...Object.entries(ROWS).map(([name, label]) =>
      line([label, ...columns.map((one) => cell(name, one))])
    ),
    line([
      "worst area of a draw",
      ...columns.map(({ worst }) => worst.toFixed(3)),
    ]),
    ...groups(
      "recall_at_1pct_fpr",
      "bots above the score that 1 % of the rest reach",
    ),
    ...groups("false_alarms", "benign windows alerted"),
  ].join("\n");
}

if (import.meta.main) await run();
