/**
 * Model, rules and lists -> one verdict a window. Pure: windows and a model in, verdicts out.
 *
 * Severity is the higher of two that stay visible: the model's, by its p-value, and the rules'.
 * While learning, the model alone never says more than "low"; of a client that says what it is,
 * never more than "medium"; of one that an analyst called harmless, nothing.
 *
 * @module
 */
import { type RuleHit, SEVERITIES, type Severity } from "../lib/events.ts";
import { COLUMN, FEATURES } from "../lib/features.ts";
import {
  type DetectorModel,
  type ModelName,
  referenceFor,
} from "./detector_model.ts";
import { featureMatrix } from "./features.ts";
import { type BotStanding, botStanding } from "./known_bots.ts";
import type { NameStandings } from "./bot_names.ts";
import type { LabelSet } from "./labels.ts";
import type { ClientLists } from "./lists.ts";
import { phraseOf } from "./phrases.ts";
import type { ModelScore, ReferenceModel } from "./reference_model.ts";
import { hits } from "./rules.ts";
import type { RuleMode } from "./settings.ts";
import type { WindowFacts } from "./windows.ts";
import { sortedReasons, type WordedReason } from "./wording.ts";

/** What the detector holds of a window. */
export interface WindowVerdict {
  readonly facts: WindowFacts;
  readonly features: Float32Array;
  /** 0..1; of a verified bot 0. */
  readonly score: number;
  readonly pValue: number;
  readonly base: number;
  /** In the order of FEATURES; base + their sum = score, except for a verified bot, which has none. */
  readonly contributions: Float64Array;
  readonly rules: readonly RuleHit[];
  /** Names of rules on trial that would have hit. */
  readonly rulesSimulated: readonly string[];
  readonly bot: BotStanding;
  /** Which model scored it; empty where rules alone speak. */
  readonly model: ModelName | "";
  /** Undefined where nothing is to be shown. */
  readonly severity: Severity | undefined;
  readonly trafficClass: "human" | "verified" | "likely" | "anomalous";
  readonly reference: ReferenceModel;
}

/** What verdicts depend on besides the model. */
export interface VerdictOptions {
  /** Share of people's windows that the model may call unusual, 0..1. */
  readonly alarmRate: number;
  readonly rules: ReadonlyMap<string, RuleMode>;
  readonly lists: ClientLists;
  readonly labels: LabelSet;
  /** What DNS says of bots' claims. @default the published networks decide */
  readonly names?: NameStandings | undefined;
  /** Models that are in use; without the complete one every window is compared by its requests. */
  readonly models?: ReadonlySet<ModelName>;
}

const WIDTH = FEATURES.length;

/** One verdict a window, in their order. */
export function judge(
  windows: readonly WindowFacts[],
  model: DetectorModel,
  options: VerdictOptions,
): WindowVerdict[] {
  const { values } = featureMatrix(windows, model.learned);
  const compared = windows.map((facts, row) => {
    const features = values.subarray(row * WIDTH, (row + 1) * WIDTH);
    const bot = botStanding(
      { ...facts, listed: facts.bot_name },
      options.names,
    );
    const { reference, leftOut, name } = referenceFor(model, facts, {
      features,
      standing: bot,
      models: options.models,
    });
    for (const name of leftOut) features[COLUMN[name]] = 0;
    const scored = bot.verified === "" && facts.requests > 0;
    return { features, bot, reference, model: scored ? name : undefined };
  });
  const scores = scoreAll(compared);
  return windows.map((facts, row) => {
    const { features, bot, reference, model: name } = compared[row] as Compared;
    const scored = name !== undefined;
    const own = scores[row] ?? UNSCORED;
    const label = options.labels.of(facts)?.label;
    const allowed = options.lists.allows(facts);
    const { hits: rules, simulated } = allowed ? NO_RULES : hits({
      facts,
      features,
      bot,
      denied: options.lists.deniedBy(facts),
      watched: options.lists.watchedBy(facts),
      labelledBot: label === "bot",
    }, options.rules);
    const harmless = allowed || label === "human" || label === "good_bot";
    const byModel = scored && !harmless
      ? modelSeverity(own.pValue, options.alarmRate, cap(facts, model, rules))
      : undefined;
    const severity = label === "human" || label === "good_bot"
      ? certain(rules)
      : together(byModel, rules);
    return {
      facts,
      features,
      ...own,
      base: scored ? reference.base : 0,
      rules,
      rulesSimulated: simulated,
      bot,
      model: name ?? "",
      severity,
      trafficClass: bot.verified !== ""
        ? "verified"
        : severity === undefined
        ? "human"
        : severity === "low"
        ? "likely"
        : "anomalous",
      reference,
    };
  });
}

/** What a window is compared with, and its features without those left out. */
interface Compared {
  readonly features: Float32Array;
  readonly bot: BotStanding;
  readonly reference: ReferenceModel;
  /** Undefined where nothing scores it. */
  readonly model: ModelName | undefined;
}

/** Scores by row, each reference's windows together; none where nothing scores a window. */
function scoreAll(rows: readonly Compared[]): (ModelScore | undefined)[] {
  const scores = new Array<ModelScore | undefined>(rows.length);
  const scored = [...rows.keys()].filter((i) => rows[i]?.model !== undefined);
  for (
    const [reference, own] of Map.groupBy(scored, (i) => rows[i]?.reference)
  ) {
    const values = new Float32Array(own.length * WIDTH);
    for (const [at, i] of own.entries()) {
      values.set((rows[i] as Compared).features, at * WIDTH);
    }
    const found = reference?.score(values, own.length) ?? [];
    for (const [at, i] of own.entries()) scores[i] = found[at];
  }
  return scores;
}

const UNSCORED: ModelScore = {
  score: 0,
  pValue: 1,
  contributions: new Float64Array(WIDTH),
};
const NO_RULES = { hits: [], simulated: [] };

/** Of a client that an analyst called harmless only what is beyond dispute is shown: lists. */
function certain(rules: readonly RuleHit[]): Severity | undefined {
  return rules.find(({ rule }) => rule === "deny_list")?.severity;
}

/** Why the window has its score: every feature, largest contribution first. */
export function reasonsOf(verdict: WindowVerdict): WordedReason[] {
  return sortedReasons(FEATURES.map((feature, column) => {
    const value = verdict.features[column] as number;
    const standing = verdict.reference.standing(column, value);
    const { here, usual, clause } = phraseOf(feature.name, {
      facts: verdict.facts,
      features: verdict.features,
      median: standing.p50,
    });
    return {
      feature: feature.name,
      value: rounded(value, 4),
      p5: rounded(standing.p5, 4),
      p50: rounded(standing.p50, 4),
      p95: rounded(standing.p95, 4),
      percentile: rounded(standing.percentile, 2),
      direction: standing.percentile >= 50 ? "high" : "low",
      contribution: rounded(verdict.contributions[column] as number, 9),
      here,
      usual,
      clause,
    };
  }));
}

/** The higher of both; where both are medium, each confirms the other. */
function together(
  byModel: Severity | undefined,
  rules: readonly RuleHit[],
): Severity | undefined {
  const byRules = worst(...rules.map((rule) => rule.severity));
  return byModel === "medium" && byRules === "medium"
    ? "high"
    : worst(byModel, byRules);
}

/** The highest of some severities. */
export function worst(
  ...severities: readonly (Severity | undefined)[]
): Severity | undefined {
  const rank = Math.max(
    ...severities.map((one) =>
      one === undefined ? -1 : SEVERITIES.indexOf(one)
    ),
  );
  return SEVERITIES[rank];
}

function modelSeverity(
  pValue: number,
  alarmRate: number,
  most: Severity,
): Severity | undefined {
  if (pValue >= alarmRate) return undefined;
  const own = pValue < alarmRate / 50
    ? "high"
    : pValue < alarmRate / 5
    ? "medium"
    : "low";
  return SEVERITIES[
    Math.min(SEVERITIES.indexOf(own), SEVERITIES.indexOf(most))
  ];
}

function cap(
  facts: WindowFacts,
  model: DetectorModel,
  rules: readonly RuleHit[],
): Severity {
  if (model.learning) return "low";
  const declared = rules.some(({ rule }) => rule === "declared_automation");
  return declared || facts.requests === 1 ? "medium" : "high";
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
