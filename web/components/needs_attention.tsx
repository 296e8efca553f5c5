import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { DetectionsInBrief } from "../data/open_detections.ts";
import { withParams, withRange } from "../data/range.ts";
import ListKeys from "../islands/ListKeys.tsx";
import { NOTHING_DONE } from "./done_notice.tsx";
import { compact, count } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";
import { SeverityGlyph } from "./severity.tsx";
import { Ago } from "./text.tsx";
import { networkText } from "./values.tsx";

/** Identifier of the form, which the island of the keys works on. */
const FORM = "attention";
/** What the keys of the inbox do here; the buttons are there for them alone. */
const KEYS = [
  "acknowledge",
  "escalate",
  "escalate_archive",
  "archive",
  "assign",
  "true_positive",
  "false_positive",
  "benign_bot",
] as const;

/** The detections at the top of the inbox, with its keys. */
export function NeedsAttention(
  { detections }: { detections: Loaded<DetectionsInBrief> },
): VNode {
  const { url, mayTriage } = usePage();
  return (
    <Panel
      title="Needs attention"
      class="span-8 flush"
      loaded={detections}
      {...(detections.ok && detections.value.open.inbox > 0
        ? {
          note: `${count(detections.value.waiting.length)} of ${
            count(detections.value.open.inbox)
          }, highest first`,
        }
        : {})}
      actions={<a href={withRange("/detections", url)}>Open inbox</a>}
    >
      {({ waiting: rows }) =>
        rows.length === 0
          ? (
            <Empty title="Nothing is waiting">
              Every detection has been seen to. New ones appear here and in the
              inbox.
            </Empty>
          )
          : (
            <form
              id={FORM}
              method="post"
              action={withParams(url, NOTHING_DONE)}
            >
              <ul class="attention">
                {rows.map((row) => (
                  <li key={row.id}>
                    {mayTriage
                      ? (
                        <input
                          type="checkbox"
                          name="id"
                          value={row.id}
                          hidden
                        />
                      )
                      : null}
                    <a
                      data-row={row.id}
                      href={withRange(`/detections/${row.id}`, url)}
                    >
                      <SeverityGlyph severity={row.severity} label />
                      <span class="attention-title">
                        {printable(row.title)}
                      </span>
                      <b class="attention-score">{row.score.toFixed(2)}</b>
                      <span class="attention-facts">
                        <span class="mono">{row.src_ip}</span>
                        {networkText(row) === ""
                          ? ""
                          : ` · ${networkText(row)}`}
                      </span>
                      <span class="attention-count">
                        {compact(row.requests)} · <Ago ms={row.lastSeenMs} />
                      </span>
                    </a>
                  </li>
                ))}
              </ul>
              {mayTriage
                ? (
                  <footer class="attention-keys">
                    {KEYS.map((action) => (
                      <button
                        key={action}
                        type="submit"
                        name="action"
                        value={action}
                        hidden
                      />
                    ))}
                    <ListKeys form={FORM} brief />
                  </footer>
                )
                : null}
            </form>
          )}
    </Panel>
  );
}
