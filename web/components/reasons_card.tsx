/** Why a detection was flagged: in words, by rules, by features, and the sum that must come out. @module */
import type { VNode } from "preact";
import type { Reason } from "../../lib/events.ts";
import { printable } from "../../lib/text.ts";
import type { DetectionView } from "../data/detection.ts";
import { featureView } from "./features.ts";
import { signed } from "./format.ts";
import { Card, Empty } from "./panel.tsx";
import { ContributionBar, Strip } from "./reason_charts.tsx";
import { SeverityGlyph } from "./severity.tsx";

/** Contributions below this are shown together in the last line. */
const SHOWN_MIN = 0.0005;
/** Lines of the table before the rest is folded away. */
const LINES = 10;

export function ReasonsCard(
  { detection }: { detection: DetectionView },
): VNode {
  const { reasons, base, score, model_id } = detection;
  const ordered = reasons.filter((reason) =>
    Math.abs(reason.contribution) >= SHOWN_MIN
  ).toSorted((a, b) => b.contribution - a.contribution);
  const exact = reasons.reduce((sum, reason) => sum + reason.contribution, 0);
  // What the detector did not list on its own is still part of the sum.
  const rest = rounded(score - base - exact);
  // The figures shown add up, as the exact ones do: one of them takes what the rounding leaves.
  const listed = rounded(score) - rounded(base) - rest;
  const largest = Math.max(
    0,
    ...ordered.map((reason) => Math.abs(reason.contribution)),
  );
  return (
    <Card
      title="Why it was flagged"
      note={`model ${
        printable(model_id).slice(0, 12)
      }, compared with the windows of people`}
      class="flush"
    >
      <p class="summary">{printable(detection.summary)}</p>
      {detection.rules.length === 0
        ? null
        : (
          <ul class="rules" aria-label="Rules that hit">
            {detection.rules.map((hit) => (
              <li key={hit.rule}>
                <SeverityGlyph severity={hit.severity} label />
                <code>{printable(hit.rule)}</code>
                <span>{printable(hit.text)}</span>
              </li>
            ))}
          </ul>
        )}
      {ordered.length === 0
        ? (
          <Empty title="No single feature explains this">
            {detection.rules.length > 0
              ? "The rules above are why it was flagged."
              : "Many features are each a little unusual."}
          </Empty>
        )
        : (
          <>
            <ReasonTable reasons={ordered.slice(0, LINES)} largest={largest} />
            {ordered.length > LINES
              ? (
                <details class="more">
                  <summary>{ordered.length - LINES} more features</summary>
                  <ReasonTable
                    reasons={ordered.slice(LINES)}
                    largest={largest}
                  />
                </details>
              )
              : null}
          </>
        )}
      <footer class="card-foot">
        <span>
          Base {base.toFixed(3)} {sign(listed)} contributions{" "}
          {Math.abs(listed).toFixed(3)}
          {Math.abs(rest) >= 0.0005
            ? ` ${sign(rest)} other features ${Math.abs(rest).toFixed(3)}`
            : ""} = <b>{score.toFixed(3)}</b>
        </span>
        <ul class="legend">
          <li>
            <span class="key cls-anomalous" /> towards unusual
          </li>
          <li>
            <span class="key cls-human" /> towards usual
          </li>
        </ul>
      </footer>
    </Card>
  );
}

/** To the thousandths that the page shows. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function sign(value: number): string {
  return value < 0 ? "−" : "+";
}

function ReasonTable(
  { reasons, largest }: { reasons: readonly Reason[]; largest: number },
): VNode {
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Features">
      <table class="data reasons">
        <thead>
          <tr>
            <th scope="col">Feature</th>
            <th scope="col" class="num">Here</th>
            <th scope="col" class="num">Usual</th>
            <th scope="col">Against people</th>
            <th scope="col" class="num">Percentile</th>
            <th scope="col" colSpan={2}>Contribution to the score</th>
          </tr>
        </thead>
        <tbody>
          {reasons.map((reason) => {
            const { label, format } = featureView(reason.feature);
            return (
              <tr key={reason.feature}>
                <th scope="row" title={printable(reason.feature)}>
                  {printable(label)}
                </th>
                <td class="num strong">
                  {printable(reason.here ?? format(reason.value))}
                </td>
                <td class="num muted">
                  {printable(reason.usual ?? format(reason.p50))}
                </td>
                <td>
                  <Strip reason={reason} />
                </td>
                <td class="num">{percentile(reason.percentile)}</td>
                <td>
                  <ContributionBar
                    contribution={reason.contribution}
                    largest={largest}
                  />
                </td>
                <td class="num">{signed(reason.contribution, 3)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function percentile(value: number): string {
  return value > 99.9
    ? "99.9+"
    : value >= 99 || value < 1
    ? value.toFixed(1)
    : value.toFixed(0);
}
