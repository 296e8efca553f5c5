/** Rules of triage: the form of a new one with its trial, and those there are. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import { withRange } from "../data/range.ts";
import {
  RULE_DAYS,
  type RuleTrial,
  type RuleWithHits,
  TRIAL_DAYS,
} from "../data/triage_rules.ts";
import { figure, TablePanel } from "./data_table.tsx";
import { count, dayClock, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Card, Empty, PanelError } from "./panel.tsx";
import { Ago, Moment } from "./text.tsx";
import { HoldsFor, TryAndDo } from "./trial_form.tsx";

export function RulesPage(
  { query, rules, trial }: {
    /** Of the rule that is being written; "" if none is. */
    query: string;
    rules: Loaded<RuleWithHits[]>;
    trial: Loaded<RuleTrial | undefined>;
  },
): VNode {
  const { url, mayTriage } = usePage();
  const done = url.searchParams.get("done");
  const changed = Number(url.searchParams.get("changed")) || 0;
  return (
    <>
      <div class="page-head">
        <h1>Rules</h1>
        <span class="page-note">
          what is done to new detections without a person
        </span>
      </div>
      {done === null ? null : (
        <p class="notice done" role="status">
          <Icon name="check" />
          {done === "removed"
            ? "The rule is gone; what it did stays as it is."
            : `The rule holds. It met ${
              plural(changed, "detection")
            } that nobody had touched.`}
        </p>
      )}
      {mayTriage
        ? (
          <Card title="New rule" class="new-rule">
            {trial.ok
              ? trial.value === undefined ? null : <Trial trial={trial.value} />
              : <PanelError message={trial.message} />}
            <RuleForm query={query} />
          </Card>
        )
        : null}
      <TablePanel<RuleWithHits>
        title="Rules there are"
        class="span-24"
        loaded={rules}
        empty={
          <Empty title="No rule yet">
            Call a detection a false positive or a benign bot, and its page
            offers a rule for what comes like it.
          </Empty>
        }
        columns={[
          {
            head: "Name",
            class: "strong",
            cell: (rule) => <bdi>{printable(rule.name)}</bdi>,
          },
          { head: "Does", cell: (rule) => rule.action },
          {
            head: "To detections that match",
            class: "mono clip wide",
            title: (rule) => printable(rule.query),
            cell: (rule) => (
              <a href={withRange("/detections", url, { q: rule.query })}>
                <bdi>{printable(rule.query)}</bdi>
              </a>
            ),
          },
          figure<RuleWithHits>("Hits", (rule) => rule.hits),
          {
            head: "Last hit",
            num: true,
            class: "muted",
            cell: (rule) =>
              rule.lastHitMs === undefined
                ? "never"
                : <Ago ms={rule.lastHitMs} />,
          },
          {
            head: "Until",
            class: "nowrap",
            cell: (rule) =>
              rule.expiresMs === undefined
                ? "removed"
                : <Moment ms={rule.expiresMs} format={dayClock} />,
          },
          { head: "By", cell: (rule) => printable(rule.actor) },
          {
            head: <span class="visually-hidden">Remove</span>,
            cell: (rule) =>
              mayTriage
                ? (
                  <form method="post" action="/rules">
                    <button
                      class="btn"
                      type="submit"
                      name="remove"
                      value={rule.id}
                    >
                      Remove
                    </button>
                  </form>
                )
                : null,
          },
        ]}
      />
    </>
  );
}

/** What a rule would have met. */
export function Trial({ trial }: { trial: RuleTrial }): VNode {
  return (
    <p class={trial.confirmed > 0 ? "notice warn" : "notice"}>
      {`In the last ${TRIAL_DAYS} days it would have met ${
        plural(trial.detections, "detection")
      }; ${count(trial.open)} of them are untouched and are acted on at once.`}
      {trial.confirmed > 0
        ? ` ${
          plural(trial.confirmed, "of them was", "of them were")
        } called a true positive: this rule would hide what is real.`
        : ""}
    </p>
  );
}

/** The form of a rule; its trial is a link away, and needs no script. */
export function RuleForm({ query }: { query: string }): VNode {
  return (
    <form class="rule-form" method="post" action="/rules">
      <label>
        Name
        <input class="input" name="name" maxLength={60} required />
      </label>
      <label class="rule-query">
        Detections that match
        <input
          class="input mono"
          name="query"
          value={query}
          placeholder="ja4:… asn:64501"
          spellcheck={false}
          required
        />
      </label>
      <label>
        Are
        <select class="input" name="action">
          <option value="archive">archived</option>
          <option value="escalate">escalated</option>
        </select>
      </label>
      <HoldsFor days={RULE_DAYS} />
      <TryAndDo path="/rules" button="Create" />
    </form>
  );
}
