/** The list of detections: views, filters, the table, and the one beside it. @module */
import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import type { DetectionView } from "../data/detection.ts";
import type { DetectionGroups } from "../data/detection_groups.ts";
import {
  type DetectionPage,
  type ListQuery,
  type View,
  VIEWS,
} from "../data/detection_list.ts";
import type { OpenDetections } from "../data/open_detections.ts";
import { withParams, withRange } from "../data/range.ts";
import { formatQuery } from "../query/format.ts";
import { Filters, Groups } from "./detection_filters.tsx";
import { Preview } from "./detection_preview.tsx";
import { DetectionTable } from "./detection_table.tsx";
import { Done, NOTHING_DONE } from "./done_notice.tsx";
import { count } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, ErrorCard, PanelError, Switch } from "./panel.tsx";

const VIEW_WORDS: Readonly<Record<View, string>> = {
  inbox: "Inbox",
  mine: "Mine",
  escalated: "Escalated",
  archived: "Archived",
};
export function DetectionList(
  { query, list, counts, groups, preview, people, asOfMs }: {
    query: ListQuery;
    people: Loaded<readonly string[]>;
    /** The list by one of its values, where the URL asks for it. */
    groups: Loaded<DetectionGroups | undefined>;
    /** The detection beside the list: the chosen one, or the first. */
    preview: Loaded<DetectionView | undefined>;
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
        <a class="btn rules-link" href="/rules">Rules</a>
      </div>
      <Done />
      <Filters query={query} />
      {groups.ok
        ? groups.value === undefined ? null : <Groups groups={groups.value} />
        : <ErrorCard message={groups.message} />}
      {!list.ok
        ? <ErrorCard message={list.message} />
        : list.value.rows.length === 0
        ? (
          <section class="card">
            <NoDetections query={query} />
          </section>
        )
        : (
          <div class="inbox">
            <DetectionTable
              query={query}
              page={list.value}
              people={people.ok ? people.value : []}
              asOfMs={asOfMs}
            />
            <aside class="card preview" aria-label="Preview">
              {preview.ok
                ? preview.value === undefined
                  ? null
                  : <Preview detection={preview.value} list={url} />
                : <PanelError message={preview.message} />}
            </aside>
          </div>
        )}
    </>
  );
}

/** The three kinds of nothing: all done, nothing matches, nothing there yet. */
function NoDetections({ query }: { query: ListQuery }): VNode {
  const { url } = usePage();
  if (
    query.filters.size > 0 || query.range !== undefined ||
    formatQuery(query.asked) !== ""
  ) {
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
