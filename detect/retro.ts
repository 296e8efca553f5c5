/**
 * The same windows judged twice: what would a candidate (another model, another price of a false
 * alarm, a rule on or off) have shown that the one in force did not? The gate of a new model, and
 * the analyst's look at a past day.
 *
 * @module
 */
import type { Severity } from "../lib/events.ts";
import type { WindowVerdict } from "./verdict.ts";

/** One client of which two verdicts differ. */
export interface AlertChange {
  readonly change: "appears" | "vanishes" | "severity";
  readonly src_ip: string;
  readonly ja4: string;
  readonly http_host: string;
  readonly before: Severity | undefined;
  readonly after: Severity | undefined;
  readonly score_before: number;
  readonly score_after: number;
  readonly rules_before: readonly string[];
  readonly rules_after: readonly string[];
}

/** How two judgements of the same windows compare. */
export interface Comparison {
  readonly windows: number;
  /** Clients with an alert. */
  readonly before: number;
  readonly after: number;
  /** Of the hundred windows that the first scores highest, the share that the second does too. */
  readonly top_overlap: number;
  /** Clients that an analyst called human and that only the second shows. */
  readonly labelled_humans_added: number;
  readonly changes: readonly AlertChange[];
}

const TOP = 100;

/** Compares verdicts of the same windows, in the same order. */
export function compare(
  before: readonly WindowVerdict[],
  after: readonly WindowVerdict[],
  isHuman: (verdict: WindowVerdict) => boolean,
): Comparison {
  const first = byClient(before);
  const second = byClient(after);
  const changes: AlertChange[] = [];
  let added = 0;
  for (const [key, now] of second) {
    const then = first.get(key) as WindowVerdict;
    if (then.severity === now.severity) continue;
    const change = then.severity === undefined
      ? "appears"
      : now.severity === undefined
      ? "vanishes"
      : "severity";
    if (change === "appears" && isHuman(now)) added++;
    changes.push({
      change,
      src_ip: now.facts.src_ip,
      ja4: now.facts.ja4,
      http_host: now.facts.http_host,
      before: then.severity,
      after: now.severity,
      score_before: then.score,
      score_after: now.score,
      rules_before: then.rules.map(({ rule }) => rule),
      rules_after: now.rules.map(({ rule }) => rule),
    });
  }
  const shown = (verdicts: Iterable<WindowVerdict>) =>
    [...verdicts].filter(({ severity }) => severity !== undefined).length;
  return {
    windows: before.length,
    before: shown(first.values()),
    after: shown(second.values()),
    top_overlap: overlap(top(before), top(after)),
    labelled_humans_added: added,
    changes: changes.sort((a, b) =>
      Math.abs(b.score_after - b.score_before) -
      Math.abs(a.score_after - a.score_before)
    ),
  };
}

/** The most unusual window of each client. */
function byClient(
  verdicts: readonly WindowVerdict[],
): Map<string, WindowVerdict> {
  const most = new Map<string, WindowVerdict>();
  for (const verdict of verdicts) {
    const { src_ip, ja4, http_host } = verdict.facts;
    const key = JSON.stringify([src_ip, ja4, http_host]);
    const known = most.get(key);
    if (known === undefined || rank(verdict) > rank(known)) {
      most.set(key, verdict);
    }
  }
  return most;
}

const RANK: Readonly<Record<Severity, number>> = {
  low: 1,
  medium: 2,
  high: 3,
  critical: 4,
};

function rank({ severity, score }: WindowVerdict): number {
  return (severity === undefined ? 0 : RANK[severity]) + score / 2;
}

function top(verdicts: readonly WindowVerdict[]): Set<number> {
  const score = (i: number) => (verdicts[i] as WindowVerdict).score;
  return new Set(
    [...verdicts.keys()].sort((a, b) => score(b) - score(a)).slice(0, TOP),
  );
}

function overlap(one: Set<number>, other: Set<number>): number {
  return one.size === 0 ? 1 : one.intersection(other).size / one.size;
}

/** Bounds that a new model must keep to be put in force by itself. */
const VOLUME = { least: 0.5, most: 2 };
const OVERLAP_MIN = 0.6;
/** Alerts by which few may always differ: half of three is no volume. */
const ALERTS_FEW = 10;

/** Why the gate refuses a candidate; empty if it lets it pass. */
export function refusals(comparison: Comparison): string[] {
  const { before, after, top_overlap, labelled_humans_added } = comparison;
  const reasons: string[] = [];
  const few = Math.abs(after - before) <= ALERTS_FEW;
  if (!few && after > VOLUME.most * before) {
    reasons.push(`it shows ${after} clients instead of ${before}`);
  }
  if (!few && after < VOLUME.least * before) {
    reasons.push(`it shows only ${after} clients instead of ${before}`);
  }
  if (top_overlap < OVERLAP_MIN) {
    reasons.push(
      `of the hundred highest windows it keeps ${
        Math.round(100 * top_overlap)
      } %`,
    );
  }
  if (labelled_humans_added > 0) {
    reasons.push(
      `it shows ${labelled_humans_added} clients that an analyst called human`,
    );
  }
  return reasons;
}
