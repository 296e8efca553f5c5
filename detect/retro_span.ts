/** The windows of a span judged twice: by the model in force, and by what a candidate changes. @module */
import type { Database } from "../lib/clickhouse.ts";
import type { DetectorModel } from "./detector_model.ts";
import { readOneOf } from "./learn_model.ts";
import type { Span } from "./learned.ts";
import { compare, type Comparison } from "./retro.ts";
import type { Terms } from "./terms.ts";
import { judge, type VerdictOptions } from "./verdict.ts";
import { readWindows } from "./windows.ts";

/** What a candidate has of its own. */
export interface RetroCandidate {
  readonly model?: DetectorModel;
  readonly options?: Partial<VerdictOptions>;
}

/** Nothing is written. */
export async function judgeTwice(
  db: Database,
  span: Span,
  context: {
    active: DetectorModel;
    candidate: RetroCandidate;
    terms: Terms;
    windowS: number;
    signal?: AbortSignal | undefined;
  },
): Promise<Comparison> {
  const { active, candidate, terms, windowS, signal } = context;
  const windows = await readWindows(db, span, {
    windowS,
    coldBits: active.learned.tables.coldBits,
    every: await readOneOf(db, span, { windowS, signal }),
    signal,
  });
  return compare(
    judge(windows, active, terms.options),
    judge(windows, candidate.model ?? active, {
      ...terms.options,
      ...candidate.options,
    }),
    ({ facts }) => terms.labels.of(facts)?.label === "human",
  );
}
