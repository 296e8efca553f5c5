/** The Explorer: the query, when, which values, which requests. @module */
import type { VNode } from "preact";
import { withAdded } from "../data/add_condition.ts";
import type { Loaded } from "../data/ask.ts";
import {
  columnNamed,
  COLUMNS,
  COUNTED,
  type ExploreColumn,
} from "../data/columns.ts";
import type {
  ExplorePage,
  ExploreRow,
  ExploreState,
  Histogram,
  ValueCount,
} from "../data/explore.ts";
import { type TimeRange, withParams } from "../data/range.ts";
import { VALUE_FIELDS } from "../data/value_actions.ts";
import CopyButton from "../islands/CopyButton.tsx";
import QueryEditor from "../islands/QueryEditor.tsx";
import { fieldsOf } from "../query/compile.ts";
import { type Column, DataTable } from "./data_table.tsx";
import {
  bytes,
  clockMs,
  compact,
  count,
  day,
  dayClock,
  percent,
  plural,
  zoneLabel,
} from "./format.ts";
import { HistogramChart, HistogramLegend } from "./histogram.tsx";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Empty, Panel, Switch } from "./panel.tsx";
import { Hostile } from "./text.tsx";
import { Ja4Text, Value } from "./values.tsx";

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
            <Rows state={state} rows={panels.rows} />
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
                    cell: (row) => <Cell column={by} value={row.value} />,
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

function Rows(
  { state, rows }: { state: ExploreState; rows: Loaded<ExplorePage> },
): VNode {
  const { url, zone } = usePage();
  const columns = state.columns.map((column, index): Column<ExploreRow> => ({
    head: column.kind === "time"
      ? `${column.label} (${zoneLabel(zone)})`
      : column.label,
    ...(column.kind === "number" ? { num: true as const } : {}),
    class: classOf(column),
    cell: (row) => <Cell column={column} value={row.values[index] ?? ""} />,
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

/** One value: its menu where it has one, else a link that filters by it. */
function Cell(
  { column, value }: { column: ExploreColumn; value: string | number },
): VNode {
  const { url, zone, nowMs } = usePage();
  const { field, kind, id } = column;
  if (kind === "time") {
    const ms = Number(value) / 1000;
    return (
      <time
        dateTime={new Date(ms).toISOString()}
        title={`${dayClock(ms, zone)} ${zoneLabel(zone)}`}
      >
        {day(ms, zone) === day(nowMs, zone)
          ? null
          : <span class="muted">{`${day(ms, zone).slice(5)} `}</span>}
        {clockMs(ms, zone)}
      </time>
    );
  }
  const text = String(value);
  if (text === "" || id === "asn" && text === "0") {
    return field === undefined || field === "asn"
      ? <span class="muted">–</span>
      : (
        <a
          class="muted"
          href={withAdded(url, field, "")}
          title="Only empty ones"
        >
          –
        </a>
      );
  }
  if (id === "bytes") return <>{bytes(Number(value))}</>;
  if (kind === "number" && field === undefined) {
    return <>{count(Number(value))}</>;
  }
  if (VALUE_FIELDS.some((one) => one === field)) {
    return (
      <Value
        field={field ?? ""}
        value={text}
        max={kind === "text" ? 90 : 200}
        {...(kind === "ip"
          ? { class: "mono" }
          : id === "status"
          ? { class: `status-text-${text[0]}xx` }
          : {})}
      >
        {kind === "ja4"
          ? <Ja4Text ja4={text} />
          : id === "asn"
          ? `AS${text}`
          : undefined}
      </Value>
    );
  }
  if (field === undefined) {
    return (
      <Hostile
        text={text}
        max={90}
        {...(kind === "ip" ? { class: "mono" } : {})}
      />
    );
  }
  return (
    <a class="value" href={withAdded(url, field, text)} title="Only these">
      <Hostile text={text} max={60} />
    </a>
  );
}
