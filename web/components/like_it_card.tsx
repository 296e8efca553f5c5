import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import {
  type RuleScope,
  type RuleTrial,
  TRIAL_DAYS,
} from "../data/triage_rules.ts";
import { count, plural } from "./format.ts";
import { Panel } from "./panel.tsx";

/** A way to say "what is like it", and what a rule for it would have met. */
export type ScopeTrial = RuleScope & { readonly trial: RuleTrial };

/** What a verdict against the detector offers: a rule for what comes like it, from narrow to wide. */
export function LikeItCard(
  { scopes }: { scopes: Loaded<readonly ScopeTrial[]> },
): VNode {
  return (
    <Panel
      title="What comes like it"
      note={`met in ${TRIAL_DAYS} days`}
      class="like-it flush"
      loaded={scopes}
    >
      {(rows) => (
        <ul>
          {rows.map(({ label, query, trial }) => (
            <li key={query}>
              <a href={`/rules?query=${encodeURIComponent(query)}`}>{label}</a>
              <span class={trial.confirmed > 0 ? "bad" : "muted"}>
                {plural(trial.detections, "detection")}
                {trial.confirmed > 0
                  ? `, ${count(trial.confirmed)} of them real`
                  : ""}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
