/**
 * How well does the detector tell bots from people? Draws of labelled generated traffic through the
 * real path: the correlator, the store, `deno task evaluate`. One JSON line a draw, then the means.
 *
 *     deno run -A tools/measure_detection.ts 201 202 203
 *     deno run -A tools/measure_detection.ts --rough 201 202 203      # people harder to tell from bots
 *     deno run -A tools/measure_detection.ts --unfamiliar 204 205 206 # other people, site and bots
 *
 * Intervals are the 5th and 95th percentile of 200 resamplings of actors.
 *
 * A window is a bot's if a bot made any request of it. Verified bots count as people: showing them
 * is a false alarm.
 *
 * @module
 */
import { Random } from "../detect/random.ts";
import type { UnixMicros } from "../lib/events.ts";
import { quality } from "../tests/detect/quality.ts";
import { GOOD_BOT_NETWORKS } from "./traffic/bots.ts";
import { generateTraffic } from "./traffic/generate.ts";
import { joinTraffic, writeLines } from "./traffic/join.ts";
import { roughen } from "./traffic/roughen.ts";
import type { Label, Traffic } from "./traffic/recorder.ts";
import { generateUnfamiliar } from "./traffic/unfamiliar.ts";

const END = Date.UTC(2026, 10, 2) * 1000 as UnixMicros;
const HOUR_US = 3600e6;
const RESAMPLINGS = 200;

interface Scored {
  readonly window_start: string;
  readonly src_ip: string;
  readonly score: number;
  readonly alert: boolean;
}

/** What a draw gave; shares and areas 0..1. */
type Measured = Record<string, number>;

/** How the traffic of a draw is made. */
type Kind = "plain" | "rough" | "unfamiliar";

function trafficOf(seed: number, kind: Kind): Traffic {
  const options = { seed, hours: 24, events: 120_000, end: END };
  if (kind === "unfamiliar") return generateUnfamiliar(options);
  const traffic = generateTraffic(options);
  return kind === "rough" ? roughen(traffic, seed) : traffic;
}

/** A scored window and who made it. */
interface Labelled extends Scored {
  readonly truth: Label;
}

async function measure(seed: number, kind: Kind): Promise<Labelled[]> {
  const folder = await Deno.makeTempDir({ prefix: "ja4-measure-" });
  try {
    const traffic = trafficOf(seed, kind);
    await writeLines(`${folder}/events`, await joinTraffic(traffic));
    await Deno.writeTextFile(
      `${folder}/bots`,
      GOOD_BOT_NETWORKS.map(({ prefix, name }) => `${prefix},${name}\n`)
        .join(""),
    );
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
    const rows = (await Deno.readTextFile(`${folder}/scores`)).trim()
      .split("\n").map((line) => JSON.parse(line) as Scored);
    return withTruth(rows, traffic.labels);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function withTruth(
  rows: readonly Scored[],
  labels: readonly Label[],
): Labelled[] {
  const truth = new Map<string, Label>();
  for (const label of labels) {
    const key = `${Math.floor(label.ts / HOUR_US)} ${label.src_ip}`;
    if (!truth.has(key) || label.label === "bot") truth.set(key, label);
  }
  return rows.map((row) => {
    const hour = Date.parse(row.window_start) / 3600e3;
    return { ...row, truth: truth.get(`${hour} ${row.src_ip}`) as Label };
  });
}

function isBot({ truth }: Labelled): boolean {
  return truth.label === "bot";
}

/** Share of `rows` that are alerts. */
function alertShare(rows: readonly Labelled[]): number {
  return rows.filter(({ alert }) => alert).length / rows.length;
}

function judge(rows: readonly Labelled[]): Measured {
  const found = quality(
    rows.map((row) => isBot(row) ? 1 : 0),
    rows.map(({ score }) => score),
  );
  const bots = rows.filter(isBot);
  const alerts = rows.filter(({ alert }) => alert);
  const tier = (name: string) =>
    alertShare(bots.filter(({ truth }) => truth.tier === name));
  return {
    windows: rows.length,
    bot_windows: bots.length,
    pr_auc: found.ap,
    recall_at_1pct_fpr: found.recallAt1,
    alert_precision: alerts.filter(isBot).length / alerts.length,
    alert_recall: alertShare(bots),
    recall_easy: tier("easy"),
    recall_medium: tier("medium"),
    recall_hard: tier("hard"),
  };
}

/** Bots by family: share above the score that 1 % of the rest reach. The rest by class: share alerted. */
function byClass(rows: readonly Labelled[]): {
  recall_at_1pct_fpr: Measured;
  false_alarms: Measured;
} {
  const rest = rows.filter((row) => !isBot(row));
  const highest = rest.map(({ score }) => score).sort((a, b) => b - a);
  const threshold = highest[Math.floor(0.01 * rest.length)] ?? 1;
  const groups = (of: readonly Labelled[]) =>
    [...Map.groupBy(of, ({ truth }) => truth.family)].sort(([a], [b]) =>
      a < b ? -1 : 1
    );
  return {
    recall_at_1pct_fpr: Object.fromEntries(
      groups(rows.filter(isBot)).map(([family, own]) => [
        family,
        own.filter(({ score }) => score > threshold).length / own.length,
      ]),
    ),
    false_alarms: Object.fromEntries(
      groups(rest).map(([family, own]) => [family, alertShare(own)]),
    ),
  };
}

/** 5th and 95th percentile of the mean over the draws, when the actors of each are drawn anew. */
function intervals(
  draws: readonly (readonly Labelled[])[],
): Record<string, number[]> {
  const random = new Random(1);
  const actors = draws.map((rows) => [
    ...Map.groupBy(rows, ({ truth }) => truth.actor).values(),
  ]);
  const means = Array.from(
    { length: RESAMPLINGS },
    () =>
      meanOf(
        actors.map((own) =>
          judge(own.flatMap(() => own[random.below(own.length)] as Labelled[]))
        ),
      ),
  );
  const at = (name: string, share: number) =>
    means.map((mean) => mean[name] as number).sort((a, b) => a - b)[
      Math.floor(share * RESAMPLINGS)
    ] as number;
  return Object.fromEntries(
    ["pr_auc", "recall_at_1pct_fpr", "alert_precision", "alert_recall"].map(
      (name) => [name, [at(name, 0.05), at(name, 0.95)]],
    ),
  );
}

function meanOf(draws: readonly Measured[]): Measured {
  return Object.fromEntries(
    Object.keys(draws[0] ?? {}).map((name) => [
      name,
      draws.reduce((sum, draw) => sum + (draw[name] as number), 0) /
      draws.length,
    ]),
  );
}

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

const kind = Deno.args.includes("--rough")
  ? "rough"
  : Deno.args.includes("--unfamiliar")
  ? "unfamiliar"
  : "plain";
const seeds = Deno.args.filter((argument) => !argument.startsWith("--"));
const draws: Labelled[][] = [];
for (const seed of seeds.length > 0 ? seeds : ["201", "202", "203"]) {
  const rows = await measure(Number(seed), kind);
  print({ seed: Number(seed), ...judge(rows) });
  draws.push(rows);
}
print({ mean: meanOf(draws.map(judge)) });
print({ interval: intervals(draws) });
print(byClass(draws.flat()));
