/** The requests of the Explorer, page by page, and which of their columns are shown. @module */
import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import { COLUMNS, type ExploreColumn } from "../data/columns.ts";
import type { ExplorePage, ExploreRow, ExploreState } from "../data/explore.ts";
import { withParams } from "../data/range.ts";
import { type Column, DataTable } from "./data_table.tsx";
import { ExplorerCell } from "./explorer_cell.tsx";
import { plural, zoneLabel } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";

export function ExplorerRows(
  { state, rows }: { state: ExploreState; rows: Loaded<ExplorePage> },
): VNode {
  const { url, zone } = usePage();
  const columns = state.columns.map((column, index): Column<ExploreRow> => ({
    head: column.kind === "time"
      ? `${column.label} (${zoneLabel(zone)})`
      : column.label,
    ...(column.kind === "number" ? { num: true as const } : {}),
    class: classOf(column),
    cell: (row) => (
      <ExplorerCell column={column} value={row.values[index] ?? ""} />
    ),
  }));
  return (
    <Panel
      title="Requests"
      class="explorer-rows flush"
      loaded={rows}
      note={state.after === undefined ? "newest first" : "further back"}
    >
      {(page) =>
        page.rows.length === 0
          ? (
            <Empty title="Nothing matches">
              {state.text === "" ? "No request was stored in this time. " : (
                <>
                  <a href={withParams(url, { q: "", after: "", run: "" })}>
                    Drop the query
                  </a>, or{" "}
                </>
              )}
              <a
                href={withParams(url, {
                  from: "-7d",
                  to: "",
                  after: "",
                  run: "",
                })}
              >
                look at the last 7 days
              </a>
              . <a href="/health">Is traffic arriving?</a>
            </Empty>
          )
          : (
            <>
              <ColumnChoice state={state} />
              <DataTable
                label="Requests that match"
                columns={columns}
                rows={page.rows}
              />
              <div class="card-foot">
                <span>{plural(page.rows.length, "row")}</span>
                {state.after === undefined
                  ? null
                  : (
                    <a href={withParams(url, { after: "", run: "" })}>
                      Newest
                    </a>
                  )}
                {page.next === undefined ? <span>No more.</span> : (
                  <a
                    class="btn"
                    rel="next"
                    href={withParams(url, { after: page.next, run: "" })}
                  >
                    Older <Icon name="chevron-right" />
                  </a>
                )}
              </div>
            </>
          )}
    </Panel>
  );
}

/** Which columns there are: links that add and take away. */
function ColumnChoice({ state }: { state: ExploreState }): VNode {
  const { url } = usePage();
  const shown = state.columns.map((column) => column.id);
  const hrefOf = (id: string): string =>
    withParams(url, {
      cols: (shown.includes(id)
        ? shown.filter((one) => one !== id)
        : COLUMNS.map((one) =>
          one.id
        ).filter((one) => one === id || shown.includes(one))).join(","),
      run: "",
    });
  return (
    <details class="column-choice">
      <summary>{shown.length} of {COLUMNS.length} columns</summary>
      <ul class="column-list">
        {COLUMNS.map(({ id, label }) => {
          const on = shown.includes(id);
          return (
            <li key={id}>
              <a
                class={on ? "column is-on" : "column"}
                href={hrefOf(id)}
                aria-label={`${on ? "Hide" : "Show"} ${label}`}
              >
                <Icon name={on ? "check" : "plus"} /> {label}
              </a>
            </li>
          );
        })}
      </ul>
    </details>
  );
}

function classOf(column: ExploreColumn): string {
  if (column.kind === "time") return "mono nowrap";
  if (["path", "ua", "query", "referrer", "headers"].includes(column.id)) {
    return "clip";
  }
  return "";
}
