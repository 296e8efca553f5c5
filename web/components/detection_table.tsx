/** The table of the list of detections: what can be done with what is ticked, the rows, what the keys are. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type {
  DetectionPage,
  DetectionRow,
  ListQuery,
  View,
} from "../data/detection_list.ts";
import type { Sort } from "../data/detection_order.ts";
import { withParams, withRange } from "../data/range.ts";
import { BULK_MAX, NOTE_MAX } from "../data/triage.ts";
import ListKeys from "../islands/ListKeys.tsx";
import { NOTHING_DONE } from "./done_notice.tsx";
import { compact, count, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { SeverityBadge } from "./severity.tsx";
import { MiniColumns } from "./small_charts.tsx";
import { Ago } from "./text.tsx";
import { AssigneeItems, EscalateButtons } from "./triage_buttons.tsx";
import { CampaignLink, IpLink, networkText } from "./values.tsx";
import { VERDICTS, verdictWord } from "./verdict.ts";

/** Identifier of the form, which the island of the keys works on. */
const FORM = "detections";
/** Tags shown of a row. */
const TAGS = 2;

/** One page of the list: a table that is one form. */
export function DetectionTable(
  { query, page, people, asOfMs }: {
    query: ListQuery;
    page: DetectionPage;
    /** Logins of those who can be given a detection. */
    people: readonly string[];
    asOfMs: number;
  },
): VNode {
  const { url, mayTriage } = usePage();
  return (
    <form
      id={FORM}
      class="card list"
      method="post"
      action={withParams(url, NOTHING_DONE)}
    >
      {mayTriage
        ? (
          <div class="bulk">
            {page.total > 1 && page.total <= BULK_MAX
              ? (
                <label class="bulk-all">
                  <input type="checkbox" name="all" value="1" />
                  all {count(page.total)} that match
                  <input type="hidden" name="expected" value={page.total} />
                  <input type="hidden" name="as_of" value={asOfMs} />
                </label>
              )
              : null}
            <BulkButtons view={query.view} people={people} />
            <VerdictMenu />
            <NoteMenu />
          </div>
        )
        : null}
      <div
        class="table-scroll"
        tabIndex={0}
        role="region"
        aria-label="Detections"
      >
        <table class="data rows">
          <thead>
            <tr>
              {mayTriage
                ? (
                  <th scope="col">
                    <span class="visually-hidden">Select</span>
                  </th>
                )
                : null}
              <SortHead query={query} sort="severity">Severity</SortHead>
              <SortHead query={query} sort="score" num>Score</SortHead>
              <th scope="col">Detection</th>
              <th scope="col">Source</th>
              <th scope="col">Activity</th>
              <SortHead query={query} sort="requests" num>Req.</SortHead>
              <SortHead query={query} sort="last_seen" num>Seen</SortHead>
            </tr>
          </thead>
          <tbody>
            {page.rows.map((row) => (
              <Row key={row.id} row={row} selectable={mayTriage} />
            ))}
          </tbody>
        </table>
      </div>
      <footer class="list-foot">
        <span>
          Showing {count(page.rows.length)} of {count(page.total)}
        </span>
        {query.after === undefined
          ? null
          : (
            <a href={withParams(url, { after: "", ...NOTHING_DONE })}>
              First page
            </a>
          )}
        {page.next === undefined
          ? null
          : (
            <a href={withParams(url, { after: page.next, ...NOTHING_DONE })}>
              Next page
            </a>
          )}
        {mayTriage ? <ListKeys form={FORM} /> : null}
      </footer>
    </form>
  );
}

function BulkButtons(
  { view, people }: { view: View; people: readonly string[] },
): VNode {
  return (
    <>
      {view === "inbox"
        ? (
          <button
            class="btn"
            type="submit"
            name="action"
            value="acknowledge"
            title="Acknowledge (a)"
          >
            <Icon name="check" /> Acknowledge
          </button>
        )
        : (
          <button class="btn" type="submit" name="action" value="reopen">
            <Icon name="undo-2" /> Back to inbox
          </button>
        )}
      {view === "mine"
        ? (
          <button class="btn" type="submit" name="action" value="unassign">
            Unassign
          </button>
        )
        : (
          <>
            <button class="btn" type="button" popovertarget="assignees">
              <Icon name="user-plus" /> Assign
            </button>
            <div class="popup menu" id="assignees" popover="auto">
              <button
                class="popup-item"
                type="submit"
                name="action"
                value="assign"
              >
                To me <kbd>m</kbd>
              </button>
              <AssigneeItems people={people} />
            </div>
          </>
        )}
      {view === "archived" ? null : (
        <button
          class="btn"
          type="submit"
          name="action"
          value="archive"
          title="Archive (e)"
        >
          <Icon name="archive" /> Archive
        </button>
      )}
      {view === "escalated" ? null : <EscalateButtons brief />}
    </>
  );
}

/** The verdicts, folded away: three buttons of the form. */
function VerdictMenu(): VNode {
  return (
    <>
      <button class="btn" type="button" popovertarget="verdicts">
        <Icon name="message-square" /> Verdict
      </button>
      <div class="popup menu" id="verdicts" popover="auto">
        {VERDICTS.map((verdict, index) => (
          <button
            key={verdict}
            class="popup-item"
            type="submit"
            name="action"
            value={verdict}
          >
            {verdictWord(verdict)} <kbd>{index + 1}</kbd>
          </button>
        ))}
        <button
          class="popup-item"
          type="submit"
          name="action"
          value="no_verdict"
        >
          Take the verdict back
        </button>
      </div>
    </>
  );
}

/** A note, which goes along with whatever button is pressed next. */
function NoteMenu(): VNode {
  return (
    <>
      <button class="btn" type="button" popovertarget="note" title="Note (n)">
        Note
      </button>
      <div class="popup menu note-menu" id="note" popover="auto">
        <label>
          <span>Note, kept with what you do next</span>
          <textarea class="input" name="note" rows={3} maxLength={NOTE_MAX} />
        </label>
        <button class="btn" type="submit" name="action" value="note">
          Only add the note
        </button>
      </div>
    </>
  );
}

function SortHead(
  { query, sort, num = false, children }: {
    query: ListQuery;
    sort: Sort;
    num?: boolean;
    children: string;
  },
): VNode {
  const { url } = usePage();
  const current = query.sort === sort;
  return (
    <th
      scope="col"
      class={num ? "num" : ""}
      {...(current ? { "aria-sort": "descending" as const } : {})}
    >
      <a
        class="sort"
        href={withParams(url, {
          sort: sort === "severity" ? "" : sort,
          after: "",
          ...NOTHING_DONE,
        })}
      >
        {children}
        {current ? " ↓" : ""}
      </a>
    </th>
  );
}

/** The tags that fit beside one another; of more, how many. */
function Tags({ tags }: { tags: readonly string[] }): VNode {
  const more = tags.slice(TAGS).map((tag) => printable(tag));
  return (
    <>
      {tags.slice(0, TAGS).map((tag) => (
        <span key={tag} class="badge">{printable(tag)}</span>
      ))}
      {more.length === 0
        ? null
        : <span class="badge" title={more.join(", ")}>+{more.length}</span>}
    </>
  );
}

function Row(
  { row, selectable }: { row: DetectionRow; selectable: boolean },
): VNode {
  const { url } = usePage();
  const verdict = verdictWord(row.verdict);
  return (
    <tr>
      {selectable
        ? (
          <td class="select">
            <label>
              <span class="visually-hidden">Select {printable(row.title)}</span>
              <input type="checkbox" name="id" value={row.id} />
            </label>
          </td>
        )
        : null}
      <td>
        <SeverityBadge severity={row.severity} />
      </td>
      <td class="num strong">{row.score.toFixed(2)}</td>
      <td class="what">
        <a
          class="row-link"
          data-row={row.id}
          data-ja4={printable(row.ja4)}
          title={printable(row.title)}
          href={withRange(`/detections/${row.id}`, url)}
        >
          <bdi>{printable(row.title)}</bdi>
        </a>
        <span class="tags">
          <Tags tags={row.tags} />
          {row.campaign_id === ""
            ? null
            : <CampaignLink id={row.campaign_id} />}
          {row.state === "acknowledged"
            ? <span class="badge ok">acknowledged</span>
            : null}
          {row.assignee === ""
            ? null
            : <span class="badge">{printable(row.assignee)}</span>}
          {verdict === "" ? null : <span class="badge accent">{verdict}</span>}
          {row.notes > 0
            ? <span class="badge">{plural(row.notes, "note")}</span>
            : null}
          <a
            class="badge preview-link"
            href={withParams(url, { sel: row.id, ...NOTHING_DONE })}
          >
            preview
          </a>
        </span>
      </td>
      <td>
        <IpLink ip={row.src_ip} />
        <span class="second">
          {networkText({ asn: row.asn, country: row.country }) ||
            printable(row.as_org || row.http_host)}
        </span>
      </td>
      <td>
        <MiniColumns
          values={row.activity}
          label={`${
            count(row.activity.reduce((sum, value) => sum + value, 0))
          } requests in its last hour`}
        />
      </td>
      <td class="num" title={count(row.requests)}>{compact(row.requests)}</td>
      <td class="num muted">
        <Ago ms={row.lastSeenMs} />
      </td>
    </tr>
  );
}
