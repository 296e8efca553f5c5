/** The Explorer: the query, when, which values, which requests. @module */
import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import { columnNamed, COUNTED } from "../data/columns.ts";
import type {
  ExplorePage,
  ExploreState,
  Histogram,
  ValueCount,
} from "../data/explore.ts";
import { type TimeRange, withParams } from "../data/range.ts";
import CopyButton from "../islands/CopyButton.tsx";
import QueryEditor from "../islands/QueryEditor.tsx";
import { fieldsOf } from "../query/compile.ts";
import { DataTable } from "./data_table.tsx";
import { ExplorerCell } from "./explorer_cell.tsx";
import { ExplorerRows } from "./explorer_rows.tsx";
import { compact, count, percent, plural } from "./format.ts";
import { HistogramChart, HistogramLegend } from "./histogram.tsx";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Empty, Panel, Switch } from "./panel.tsx";

/** What the page shows. */
export interface ExplorerView {
  readonly state: ExploreState;
  readonly range: TimeRange;
  /** Undefined where the query cannot be read. */
  readonly panels?: {
    readonly histogram: Loaded<Histogram>;
    readonly values: Loaded<readonly ValueCount[]>;
    readonly rows: Loaded<ExplorePage>;
  };
  /** The statement, for those who may see it. */
  readonly statement?: string;
  /** Rows that an export of this user may hold. */
  readonly exportMax: number;
}

export function ExplorerPage(
  { state, range, panels, statement, exportMax }: ExplorerView,
): VNode {
  const { url } = usePage();
  const kept = keptOf(url);
  return (
    <>
      <div class="page-head">
        <h1>Explorer</h1>
        {panels?.histogram.ok === true
          ? (
            <span class="page-note" role="status">
              {plural(panels.histogram.value.total, "request")}
            </span>
          )
          : null}
        {panels === undefined ? null : (
          <div class="page-actions">
            {statement === undefined
              ? null
              : (
                <span class="copy-sql needs-script">
                  SQL <CopyButton text={statement} label="the statement" />
                </span>
              )}
            <ExportMenu state={state} max={exportMax} />
          </div>
        )}
      </div>
      <QueryEditor
        path="/explore"
        text={state.text}
        kept={kept}
        fields={fieldsOf("requests")}
      />
      {panels === undefined
        ? (
          <section class="card">
            <Empty title="The query cannot be read">
              It is marked above where it cannot.{" "}
              <a href="/help#query">
                How to write a query
              </a>.
            </Empty>
          </section>
        )
        : (
          <div class="explorer">
            <Panel
              title="Over time"
              loaded={panels.histogram}
              class="explorer-time"
              {...(panels.histogram.ok
                ? {
                  actions: (
                    <HistogramLegend histogram={panels.histogram.value} />
                  ),
                }
                : {})}
            >
              {(histogram) => (
                <HistogramChart histogram={histogram} range={range} />
              )}
            </Panel>
            <Values
              state={state}
              values={panels.values}
              rows={panels.histogram}
            />
            <ExplorerRows state={state} rows={panels.rows} />
          </div>
        )}
    </>
  );
}

/** Parameters that the form of the query carries along. */
function keptOf(url: URL): [string, string][] {
  const dropped = ["q", "after", "run", "field", "op", "value"];
  return [...url.searchParams].filter(([name]) => !dropped.includes(name));
}

function ExportMenu(
  { state, max }: { state: ExploreState; max: number },
): VNode {
  const { url } = usePage();
  return (
    <>
      <button class="btn" type="button" popovertarget="export-menu">
        <Icon name="download" /> Export
      </button>
      <form
        class="popup export-menu"
        id="export-menu"
        popover="auto"
        method="post"
        action="/explore/export"
      >
        {["q", "from", "to"].map((name) => (
          <input
            key={name}
            type="hidden"
            name={name}
            value={url.searchParams.get(name) ?? ""}
          />
        ))}
        <input
          type="hidden"
          name="cols"
          value={state.columns.map((column) => column.id).join(",")}
        />
        <p class="popup-note">
          All that match, newest first, at most {count(max)} rows.
        </p>
        {(["csv", "ndjson", "parquet"] as const).map((format) => (
          <button
            key={format}
            class="popup-item"
            type="submit"
            name="format"
            value={format}
          >
            <Icon name="download" /> {FORMAT_WORDS[format]}
          </button>
        ))}
      </form>
    </>
  );
}

const FORMAT_WORDS = {
  csv: "CSV, for spreadsheets",
  ndjson: "NDJSON, for programs",
  parquet: "Parquet, for notebooks",
} as const;

/** The frequent, or the rare, values of one field. */
function Values(
  { state, values, rows }: {
    state: ExploreState;
    values: Loaded<readonly ValueCount[]>;
    rows: Loaded<Histogram>;
  },
): VNode {
  const { url } = usePage();
  const { by, order } = state;
  const all = rows.ok ? rows.value.total : 0;
  const [first] = values.ok ? values.value : [];
  return (
    <Panel
      title="Values"
      class="explorer-values flush"
      loaded={values}
      note={first === undefined
        ? undefined
        : `${compact(first.distinct)} in all`}
      actions={
        <Switch
          label="Order"
          options={(["top", "rare"] as const).map((one) => ({
            text: one === "top" ? "Top" : "Rare",
            href: withParams(url, {
              order: one === "top" ? "" : one,
              run: "",
            }),
            current: one === order,
          }))}
        />
      }
    >
      {(list) => (
        <>
          <ul class="field-list" aria-label="Field">
            {COUNTED.map((id) => (
              <li key={id}>
                <a
                  href={withParams(url, {
                    by: id === "ja4" ? "" : id,
                    run: "",
                  })}
                  {...(id === by.id ? { "aria-current": "true" as const } : {})}
                >
                  {columnNamed(id)?.label}
                </a>
              </li>
            ))}
          </ul>
          {list.length === 0
            ? <Empty title="No values" />
            : (
              <DataTable<ValueCount>
                label={`${
                  order === "top" ? "Frequent" : "Rare"
                } values of ${by.label}`}
                rows={list}
                tall
                columns={[
                  {
                    head: by.label,
                    class: "clip wide",
                    names: true,
                    cell: (row) => (
                      <ExplorerCell column={by} value={row.value} />
                    ),
                  },
                  {
                    head: "Requests",
                    num: true,
                    cell: (row) => compact(row.events),
                    title: (row) =>
                      `${count(row.events)} from ${
                        plural(row.addresses, "address", "addresses")
                      }`,
                  },
                  {
                    head: "Share",
                    num: true,
                    cell: (row) =>
                      all === 0 ? "" : percent(Math.min(1, row.events / all)),
                  },
                ]}
              />
            )}
        </>
      )}
    </Panel>
  );
}
