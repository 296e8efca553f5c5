/** The list of detections: views, filters, a table that is one form, and what was just done. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import {
  type DetectionPage,
  type DetectionRow,
  type FilterName,
  type ListQuery,
  type Sort,
  type View,
  VIEWS,
} from "../data/detection_list.ts";
import type { OpenDetections } from "../data/open_detections.ts";
import { withParams, withRange } from "../data/range.ts";
import { BULK_MAX } from "../data/triage.ts";
import ListKeys from "../islands/ListKeys.tsx";
import { Done, NOTHING_DONE } from "./done_notice.tsx";
import { compact, count, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Empty, ErrorCard, Switch } from "./panel.tsx";
import { SeverityBadge } from "./severity.tsx";
import { MiniColumns } from "./small_charts.tsx";
import { Ago } from "./text.tsx";
import { CampaignLink, IpLink, networkText } from "./values.tsx";

/** Identifier of the form, which the island of the keys works on. */
const FORM = "detections";

const VIEW_WORDS: Readonly<Record<View, string>> = {
  inbox: "Inbox",
  mine: "Mine",
  escalated: "Escalated",
  archived: "Archived",
};
const FILTER_WORDS: Readonly<Record<FilterName, string>> = {
  host: "host",
  ip: "address",
  ja4: "JA4",
  severity: "severity",
  campaign: "campaign",
  verdict: "verdict",
};
const VERDICT_WORDS: Readonly<Record<string, string>> = {
  true_positive: "True positive",
  false_positive: "False positive",
  benign_bot: "Benign bot",
};
/** The word for a verdict; "" for none. */
export function verdictWord(verdict: string): string {
  return VERDICT_WORDS[verdict] ?? "";
}

export function DetectionList(
  { query, list, counts, asOfMs }: {
    query: ListQuery;
    /** When the list was made, milliseconds since the epoch. */
    asOfMs: number;
    list: Loaded<DetectionPage>;
    counts: Loaded<OpenDetections>;
  },
): VNode {
  const { url } = usePage();
  return (
    <>
      <div class="page-head">
        <h1>Detections</h1>
        <Switch
          label="View"
          options={VIEWS.map((view) => ({
            text: (
              <>
                {VIEW_WORDS[view]}
                {counts.ok ? <b>{count(counts.value[view])}</b> : null}
              </>
            ),
            href: withParams(url, {
              view: view === "inbox" ? "" : view,
              after: "",
              ...NOTHING_DONE,
            }),
            current: view === query.view,
          }))}
        />
      </div>
      <Done />
      <Chips query={query} />
      {list.ok
        ? <List query={query} page={list.value} asOfMs={asOfMs} />
        : <ErrorCard message={list.message} />}
    </>
  );
}

/** The filters that are on, each with a link that takes it away. */
function Chips({ query }: { query: ListQuery }): VNode | null {
  const { url } = usePage();
  const chips = [...query.filters].map(([name, value]) => ({
    name: FILTER_WORDS[name],
    value: printable(value),
    href: withParams(url, { [name]: "", after: "", ...NOTHING_DONE }),
  }));
  if (query.range !== undefined) {
    chips.push({
      name: "seen",
      value: query.range.label,
      href: withParams(url, { from: "", to: "", after: "", ...NOTHING_DONE }),
    });
  }
  if (chips.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {chips.map(({ name, value, href }) => (
        <li key={name} class="chip">
          {name} <b>{value}</b>
          <a href={href} aria-label={`Remove the filter ${name} ${value}`}>
            <Icon name="x" />
          </a>
        </li>
      ))}
    </ul>
  );
}

function List(
  { query, page, asOfMs }: {
    query: ListQuery;
    page: DetectionPage;
    asOfMs: number;
  },
): VNode {
  const { url, mayTriage } = usePage();
  if (page.rows.length === 0) {
    return (
      <section class="card">
        <NoDetections query={query} />
      </section>
    );
  }
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
            <span class="bulk-hint">Do with what is ticked:</span>
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
            <BulkButtons view={query.view} />
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

function BulkButtons({ view }: { view: View }): VNode {
  return (
    <>
      {view === "inbox"
        ? (
          <button class="btn" type="submit" name="action" value="acknowledge">
            <Icon name="check" /> Acknowledge <kbd>a</kbd>
          </button>
        )
        : (
          <button class="btn" type="submit" name="action" value="reopen">
            <Icon name="undo-2" /> Back to inbox
          </button>
        )}
      <button
        class="btn"
        type="submit"
        name="action"
        value={view === "mine" ? "unassign" : "assign"}
      >
        {view === "mine" ? "Unassign" : (
          <>
            Assign to me <kbd>m</kbd>
          </>
        )}
      </button>
      {view === "archived"
        ? null
        : (
          <button class="btn" type="submit" name="action" value="archive">
            <Icon name="archive" /> Archive <kbd>e</kbd>
          </button>
        )}
      {view === "escalated"
        ? null
        : (
          <button class="btn" type="submit" name="action" value="escalate">
            <Icon name="flag" /> Escalate <kbd>s</kbd>
          </button>
        )}
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
          href={withRange(`/detections/${row.id}`, url)}
        >
          <bdi>{printable(row.title)}</bdi>
        </a>
        <span class="tags">
          {row.tags.slice(0, 3).map((tag) => (
            <span key={tag} class="badge">{printable(tag)}</span>
          ))}
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
        </span>
      </td>
      <td>
        <IpLink ip={row.src_ip} />
        <span class="second">
          {networkText(row) || printable(row.http_host)}
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

/** The three kinds of nothing: all done, nothing matches, nothing there yet. */
function NoDetections({ query }: { query: ListQuery }): VNode {
  const { url } = usePage();
  if (query.filters.size > 0 || query.range !== undefined) {
    return (
      <Empty title="No detection matches">
        Take a filter away, or{" "}
        <a
          href={query.view === "inbox"
            ? "/detections"
            : `/detections?view=${query.view}`}
        >
          show all of this view
        </a>.
      </Empty>
    );
  }
  if (query.view === "inbox") {
    return (
      <Empty title="Inbox zero">
        Nothing is waiting for a person. What was handled is{" "}
        <a href={withRange("/detections?view=archived", url)}>archived</a> or
        {" "}
        <a href={withRange("/detections?view=escalated", url)}>escalated</a>.
      </Empty>
    );
  }
  return (
    <Empty
      title={query.view === "mine"
        ? "Nothing is assigned to you"
        : `Nothing is ${query.view}`}
    >
      <a href={withRange("/detections", url)}>Open the inbox</a>
    </Empty>
  );
}
