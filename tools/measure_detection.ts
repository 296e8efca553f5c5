/**
 * How well does the detector tell bots from people? Draws of labelled generated traffic through the
 * real path: the correlator, the store, `deno task evaluate`. One JSON line a draw, then the means.
 *
 *     deno run -A tools/measure_detection.ts 201 202 203
 *     deno run -A tools/measure_detection.ts --rough 201 202 203      # people harder to tell from bots
 *
 * A window is a bot's if a bot made any request of it. Verified bots count as people: showing them
 * is a false alarm.
 *
 * @module
 */
import type { UnixMicros } from "../lib/events.ts";
import { quality } from "../tests/detect/quality.ts";
import { GOOD_BOT_NETWORKS } from "./traffic/bots.ts";
import { generateTraffic } from "./traffic/generate.ts";
import { joinTraffic, writeLines } from "./traffic/join.ts";
import { roughen } from "./traffic/roughen.ts";
import type { Label } from "./traffic/recorder.ts";

const END = Date.UTC(2026, 10, 2) * 1000 as UnixMicros;
const HOUR_US = 3600e6;

interface Scored {
  readonly window_start: string;
  readonly src_ip: string;
  readonly score: number;
  readonly alert: boolean;
}

/** What a draw gave; shares and areas 0..1. */
type Measured = Record<string, number>;

async function measure(seed: number, rough: boolean): Promise<Measured> {
  const folder = await Deno.makeTempDir({ prefix: "ja4-measure-" });
  try {
    const smooth = generateTraffic({
      seed,
      hours: 24,
      events: 120_000,
      end: END,
    });
    const traffic = rough ? roughen(smooth, seed) : smooth;
    await writeLines(`${folder}/events`, await joinTraffic(traffic));
    await Deno.writeTextFile(
      `${folder}/bots`,
      GOOD_BOT_NETWORKS.map(({ prefix, name }) => `${prefix},${name}\n`)
        .join(""),
    );
    const startedMs = performance.now();
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-q",
        "-A",
        new URL("../detect/evaluate.ts", import.meta.url).pathname,
        `${folder}/events`,
        "--scores",
        `${folder}/scores`,
        "--bots",
        `${folder}/bots`,
      ],
    }).output();
    if (!success) throw new Error(`evaluate failed on draw ${seed}`);
    const seconds = (performance.now() - startedMs) / 1000;
    const rows = (await Deno.readTextFile(`${folder}/scores`)).trim()
      .split("\n").map((line) => JSON.parse(line) as Scored);
    return { seed, ...judge(rows, traffic.labels), seconds };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function judge(rows: readonly Scored[], labels: readonly Label[]): Measured {
  const truth = new Map<string, Label>();
  for (const label of labels) {
    const key = `${Math.floor(label.ts / HOUR_US)} ${label.src_ip}`;
    if (!truth.has(key) || label.label === "bot") truth.set(key, label);
  }
  const labelled = rows.map((row) => {
    const hour = Date.parse(row.window_start) / 3600e3;
    return { ...row, truth: truth.get(`${hour} ${row.src_ip}`) as Label };
  });
  const isBot = labelled.map(({ truth }) => truth.label === "bot" ? 1 : 0);
  const scores = labelled.map(({ score }) => score);
  const found = quality(isBot, scores);
  const bots = labelled.filter(({ truth }) => truth.label === "bot");
  const alerts = labelled.filter(({ alert }) => alert);
  const hits = alerts.filter(({ truth }) => truth.label === "bot");
  const byTier = (tier: string) => {
    const all = bots.filter(({ truth }) => truth.tier === tier);
    return all.filter(({ alert }) => alert).length / all.length;
  };
  return {
    windows: rows.length,
    bot_windows: bots.length,
    pr_auc: found.ap,
    recall_at_1pct_fpr: found.recallAt1,
    alert_precision: hits.length / alerts.length,
    alert_recall: hits.length / bots.length,
    recall_easy: byTier("easy"),
    recall_medium: byTier("medium"),
    recall_hard: byTier("hard"),
  };
}

function print(measured: Measured): void {
  const line = Object.fromEntries(
    Object.entries(measured).map(([name, value]) => [
      name,
      Number(value.toFixed(3)),
    ]),
  );
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${JSON.stringify(line)}\n`),
  );
}

const draws: Measured[] = [];
const rough = Deno.args.includes("--rough");
const seeds = Deno.args.filter((argument) => argument !== "--rough");
for (const seed of seeds.length > 0 ? seeds : ["201", "202", "203"]) {
  const measured = await measure(Number(seed), rough);
  draws.push(measured);
  print(measured);
}
const [first] = draws;
if (first !== undefined) {
  const { seed: _, ...names } = first;
  print(Object.fromEntries(
    Object.keys(names).map((name) => [
      `mean_${name}`,
      draws.reduce((sum, draw) => sum + (draw[name] as number), 0) /
      draws.length,
    ]),
  ));
}
