/** What happened to a detection: the detector's part, and what analysts did and noted. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { DetectionView, ScoreRise } from "../data/detection.ts";
import { withRange } from "../data/range.ts";
import { NOTE_MAX, type TriageEntry } from "../data/triage.ts";
import { verdictWord } from "./verdict.ts";
import { dayClock, hourMinute } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Panel } from "./panel.tsx";
import { Moment } from "./text.tsx";

const STATE_DEEDS: Readonly<Record<string, string>> = {
  open: "put it back into the inbox",
  acknowledged: "acknowledged it",
  archived: "archived it",
  escalated: "escalated it",
};

export function ActivityCard(
  { detection, history, rises }: {
    detection: DetectionView;
    history: Loaded<TriageEntry[]>;
    rises: readonly ScoreRise[];
  },
): VNode {
  const { mayTriage } = usePage();
  return (
    <Panel title="Activity" loaded={history}>
      {(entries) => (
        <>
          <ol class="activity">
            {[
              ...entries.map((entry) => ({
                atMs: entry.tsMs,
                line: <Entry key={`triage ${entry.tsMs}`} entry={entry} />,
              })),
              ...rises.map((rise) => ({
                atMs: rise.atMs,
                line: (
                  <li key={`score ${rise.atMs}`}>
                    <p>
                      Score rose from {rise.before.toFixed(2)} to{" "}
                      <b>{rise.score.toFixed(2)}</b>
                    </p>
                    <When ms={rise.atMs} />
                  </li>
                ),
              })),
            ].sort((a, b) => b.atMs - a.atMs).map(({ line }) => line)}
            {detection.windows > 1
              ? (
                <li>
                  <p>
                    Seen again, {detection.windows} windows in all
                  </p>
                  <When ms={detection.lastSeenMs} />
                </li>
              )
              : null}
            <li>
              <p>Opened by the detector, severity {detection.severity}</p>
              <When ms={detection.firstSeenMs} />
            </li>
          </ol>
          {mayTriage ? <NoteForm id={detection.id} /> : null}
        </>
      )}
    </Panel>
  );
}

function When({ ms }: { ms: number }): VNode {
  const { nowMs } = usePage();
  return (
    <Moment
      ms={ms}
      format={nowMs - ms < 20 * 3_600_000 ? hourMinute : dayClock}
    />
  );
}

function Entry({ entry }: { entry: TriageEntry }): VNode {
  const deeds = [
    STATE_DEEDS[entry.state] ?? "",
    entry.verdict === ""
      ? ""
      : entry.verdict === "none"
      ? "took the verdict back"
      : `said: ${verdictWord(entry.verdict).toLowerCase()}`,
    entry.assignee === ""
      ? ""
      : entry.assignee === "-"
      ? "assigned it to nobody"
      : `assigned it to ${printable(entry.assignee)}`,
    entry.note === "" ? "" : "added a note",
  ].filter((deed) => deed !== "");
  return (
    <li>
      <p>
        <b>{printable(entry.actor)}</b> {deeds.join(", ")}
      </p>
      <When ms={entry.tsMs} />
      {entry.note === "" ? null : (
        <blockquote>
          {entry.note.split("\n").map((line, index) => (
            <p key={index}>
              <bdi>{printable(line)}</bdi>
            </p>
          ))}
        </blockquote>
      )}
    </li>
  );
}

function NoteForm({ id }: { id: string }): VNode {
  const { url } = usePage();
  return (
    <form
      class="note-form"
      method="post"
      action={withRange(`/detections/${id}`, url)}
    >
      <label>
        <span class="visually-hidden">Note</span>
        <textarea
          class="input"
          name="note"
          rows={2}
          maxLength={NOTE_MAX}
          required
          placeholder="What was found, who was told"
        />
      </label>
      <button class="btn" type="submit" name="action" value="note">
        <Icon name="message-square" /> Add note
      </button>
    </form>
  );
}
