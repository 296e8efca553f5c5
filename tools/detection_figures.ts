/** Figures of judged windows whose makers are known: areas, recalls, intervals, by family and class. @module */
import { Random } from "../detect/random.ts";
import { quality } from "../tests/detect/quality.ts";
import type { Labelled } from "./measure_draw.ts";

const RESAMPLINGS = 200;

/** What a draw gave; shares and areas 0..1. */
export type Measured = Record<string, number>;

function isBot({ truth }: Labelled): boolean {
  return truth.label === "bot";
}

/** Share of `rows` that are alerts. */
function alertShare(rows: readonly Labelled[]): number {
  return rows.filter(({ alert }) => alert).length / rows.length;
}

/** Figures of one draw. */
export function judge(rows: readonly Labelled[]): Measured {
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
    recall_at_01pct_fpr: found.recallAt01,
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

const INTERVALS = [
  "pr_auc",
  "recall_at_1pct_fpr",
  "recall_at_01pct_fpr",
  "alert_precision",
  "alert_recall",
];

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
    INTERVALS.map(
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

/** Figures of some draws together. */
export function summarise(draws: readonly (readonly Labelled[])[]): {
  mean: Measured;
  interval: Record<string, number[]>;
  recall_at_1pct_fpr: Measured;
  false_alarms: Measured;
} {
  return {
    mean: meanOf(draws.map(judge)),
    interval: intervals(draws),
    ...byClass(draws.flat()),
  };
}
