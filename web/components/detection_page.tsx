/** One detection: what, why, by whom, what they did, and what analysts said of it. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type {
  DetectionView,
  Neighbours,
  ScoreRise,
  SourceFacts,
} from "../data/detection.ts";
import { withParams, withRange } from "../data/range.ts";
import type { RequestFilter, RequestRow } from "../data/requests.ts";
import type { TriageEntry } from "../data/triage.ts";
import { termOf } from "../data/value_actions.ts";
import PageKeys from "../islands/PageKeys.tsx";
import { ActivityCard } from "./activity_card.tsx";
import { VERDICTS, verdictWord } from "./verdict.ts";
import { Done, NOTHING_DONE } from "./done_notice.tsx";
import { clock, count, day, dayClock, zoneLabel } from "./format.ts";
import { Icon } from "./icon.tsx";
import { Ja4Card, type Ja4CardData } from "./ja4_card.tsx";
import { LikeItCard, type ScopeTrial } from "./like_it_card.tsx";
import { usePage } from "./page_view.ts";
import { ReasonsCard } from "./reasons_card.tsx";
import { RequestsCard } from "./requests_card.tsx";
import { SeverityBadge } from "./severity.tsx";
import { SourceCard } from "./source_card.tsx";
import { AssignButtons, EscalateButtons } from "./triage_buttons.tsx";
import { CampaignLink } from "./values.tsx";

export interface DetectionPageData {
  readonly detection: DetectionView;
  readonly source: Loaded<SourceFacts>;
  readonly requests: Loaded<RequestRow[]>;
  readonly history: Loaded<TriageEntry[]>;
  readonly rises: Loaded<ScoreRise[]>;
  /** Whose requests are shown, and how many of them are kept. */
  readonly client: RequestFilter;
  readonly stored: Loaded<number>;
  /** After a verdict against the detector: rules for what comes like it. */
  readonly likeIt: Loaded<ScopeTrial[]> | undefined;
  readonly neighbours: Loaded<Neighbours | undefined>;
  /** Logins of those who can be given it. */
  readonly people: Loaded<readonly string[]>;
  readonly fingerprint: Omit<Ja4CardData, "ja4">;
}

const STATE_WORDS: Readonly<Record<string, string>> = {
  open: "Open",
  acknowledged: "Acknowledged",
  archived: "Archived",
  escalated: "Escalated",
};

export function DetectionPage(data: DetectionPageData): VNode {
  const { detection, neighbours } = data;
  const { mayTriage } = usePage();
  return (
    <>
      <Trail id={detection.id} neighbours={neighbours} />
      <Head detection={detection} />
      <Done />
      {mayTriage
        ? (
          <TriageBar
            detection={detection}
            people={data.people.ok ? data.people.value : []}
          />
        )
        : null}
      <div class="grid">
        <div class="span-16 stack">
          <ReasonsCard detection={detection} />
          <RequestsCard
            rows={data.requests}
            total={data.stored.ok ? data.stored.value : detection.requests}
            client={data.client}
            explore={exploreQuery(detection)}
          />
        </div>
        <div class="span-8 stack">
          {data.likeIt === undefined || !mayTriage
            ? null
            : <LikeItCard scopes={data.likeIt} />}
          <SourceCard detection={detection} facts={data.source} />
          <Ja4Card ja4={detection.ja4} {...data.fingerprint} />
          <ActivityCard
            detection={detection}
            history={data.history}
            rises={data.rises.ok ? data.rises.value : []}
          />
        </div>
      </div>
      <PageKeys />
    </>
  );
}

/** The query for a detection's requests. */
function exploreQuery({ src_ip, ja4, http_host }: DetectionView): string {
  return [
    termOf("ip", src_ip),
    ja4 === "" ? "" : termOf("ja4", ja4),
    http_host === "" ? "" : termOf("host", http_host),
  ].filter((term) => term !== "").join(" ");
}

/** Way back to the list, and to the detections before and after in the inbox. */
function Trail(
  { id, neighbours }: {
    id: string;
    neighbours: Loaded<Neighbours | undefined>;
  },
): VNode {
  const { url } = usePage();
  const place = neighbours.ok ? neighbours.value : undefined;
  return (
    <nav class="trail" aria-label="Place">
      <a href={withRange("/detections", url)}>Detections</a>
      <Icon name="chevron-right" />
      <span class="mono">{id}</span>
      {place === undefined ? null : (
        <span class="trail-place">
          {count(place.position)} of {count(place.total)}
          {place.previous === undefined ? null : (
            <a
              data-key="k"
              href={withRange(`/detections/${place.previous}`, url)}
            >
              <kbd>k</kbd> previous
            </a>
          )}
          {place.next === undefined ? null : (
            <a
              data-key="j"
              href={withRange(`/detections/${place.next}`, url)}
            >
              <kbd>j</kbd> next
            </a>
          )}
        </span>
      )}
    </nav>
  );
}

function Head({ detection }: { detection: DetectionView }): VNode {
  const { zone } = usePage();
  const { severity, score, p_value, state, verdict, campaign_id, assignee } =
    detection;
  const { firstSeenMs, lastSeenMs } = detection;
  const sameDay = day(firstSeenMs, zone) === day(lastSeenMs, zone);
  return (
    <header class="detection-head">
      <p class={`score-box sev-${severity}`}>
        <b>{score.toFixed(2)}</b>
        <span title="Share of people's windows that score lower">
          p{percentileOf(p_value)}
        </span>
      </p>
      <div>
        <h1>
          <bdi>{printable(detection.title)}</bdi>
        </h1>
        <p class="facts">
          <SeverityBadge severity={severity} />
          <span class="badge accent">{STATE_WORDS[state] ?? state}</span>
          {verdictWord(verdict) === ""
            ? null
            : <span class="badge">{verdictWord(verdict)}</span>}
          {assignee === ""
            ? null
            : <span class="badge">assigned to {printable(assignee)}</span>}
          <span>
            {dayClock(firstSeenMs, zone)} to{" "}
            {sameDay ? clock(lastSeenMs, zone) : dayClock(lastSeenMs, zone)}
            {" "}
            {zoneLabel(zone)}
          </span>
          <span>{count(detection.requests)} requests</span>
          {campaign_id === "" ? null : (
            <span>
              campaign <CampaignLink id={campaign_id} />
            </span>
          )}
        </p>
      </div>
    </header>
  );
}

/** `99.97` of a p-value of 0.0003: as many digits as tell it from 100. */
function percentileOf(pValue: number): string {
  const percentile = (1 - Math.min(1, Math.max(0, pValue))) * 100;
  return percentile > 99.99
    ? "99.99+"
    : percentile >= 99
    ? percentile.toFixed(2)
    : percentile.toFixed(0);
}

/** The form of what can be done: one button is one form field, so it needs no script. */
function TriageBar(
  { detection, people }: {
    detection: DetectionView;
    people: readonly string[];
  },
): VNode {
  const { url, login } = usePage();
  const { state, verdict, assignee } = detection;
  return (
    <form
      class="triage"
      method="post"
      action={withParams(url, NOTHING_DONE)}
    >
      {state === "open"
        ? (
          <button
            class="btn btn-primary"
            type="submit"
            name="action"
            value="acknowledge"
            data-key="a"
          >
            <Icon name="check" /> Acknowledge <kbd>a</kbd>
          </button>
        )
        : (
          <button class="btn" type="submit" name="action" value="reopen">
            <Icon name="undo-2" /> Back to inbox
          </button>
        )}
      {state === "escalated" ? null : <EscalateButtons />}
      {state === "archived" ? null : (
        <button
          class="btn"
          type="submit"
          name="action"
          value="archive"
          data-key="e"
        >
          <Icon name="archive" /> Archive <kbd>e</kbd>
        </button>
      )}
      <AssignButtons mine={assignee === login} people={people} />
      <span class="btn-group" role="group" aria-label="Verdict">
        {VERDICTS.map(
          (one, index) => (
            <button
              key={one}
              class="btn"
              type="submit"
              name="action"
              value={verdict === one ? "no_verdict" : one}
              data-key={String(index + 1)}
              aria-pressed={verdict === one ? "true" : "false"}
            >
              {verdictWord(one)} <kbd>{index + 1}</kbd>
            </button>
          ),
        )}
      </span>
    </form>
  );
}
