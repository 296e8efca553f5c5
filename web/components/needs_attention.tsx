import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { DetectionsInBrief } from "../data/open_detections.ts";
import { withRange } from "../data/range.ts";
import { compact, count } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";
import { SeverityGlyph } from "./severity.tsx";
import { Ago } from "./text.tsx";
import { networkText } from "./values.tsx";

/** The detections at the top of the inbox. */
export function NeedsAttention(
  { detections }: { detections: Loaded<DetectionsInBrief> },
): VNode {
  const { url } = usePage();
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
            <ul class="attention">
              {rows.map((row) => (
                <li key={row.id}>
                  <a href={withRange(`/detections/${row.id}`, url)}>
                    <SeverityGlyph severity={row.severity} label />
                    <span class="attention-title">{printable(row.title)}</span>
                    <b class="attention-score">{row.score.toFixed(2)}</b>
                    <span class="attention-facts">
                      <span class="mono">{row.src_ip}</span>
                      {networkText(row) === "" ? "" : ` · ${networkText(row)}`}
                    </span>
                    <span class="attention-count">
                      {compact(row.requests)} · <Ago ms={row.lastSeenMs} />
                    </span>
                  </a>
                </li>
              ))}
            </ul>
          )}
    </Panel>
  );
}
