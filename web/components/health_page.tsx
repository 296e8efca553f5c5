/** System health: is everything that was accepted also stored, and what happened to the processes. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type {
  CorrelationRow,
  PartState,
  PipelineState,
  ProcessEvent,
  TableSize,
} from "../data/pipeline.ts";
import LiveMark from "../islands/LiveMark.tsx";
import LiveNumber from "../islands/LiveNumber.tsx";
import { figure, TablePanel } from "./data_table.tsx";
import { Fact, FactsStrip } from "./facts_strip.tsx";
import { bytes, count, dayClock, duration, percent } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, ErrorCard } from "./panel.tsx";
import { Ago, Moment } from "./text.tsx";

export interface HealthPageData {
  readonly state: Loaded<PipelineState>;
  readonly parts: Loaded<PartState[]>;
  readonly events: Loaded<ProcessEvent[]>;
  readonly tables: Loaded<TableSize[]>;
  readonly correlation: Loaded<CorrelationRow[]>;
}

/** What each part is for, in the words of an operator. */
const PART_WORDS: Readonly<Record<string, string>> = {
  capture: "reads TLS handshakes off the wire",
  httpd: "serves, and reports each request",
  correlate: "joins requests with handshakes",
  store: "keeps everything",
  detect: "scores windows of traffic",
  web: "this dashboard",
};
const MATCH_WORDS: Readonly<Record<string, string>> = {
  conn: "exact, by connection",
  window: "by time window",
  none: "request without a handshake",
  tls_only: "handshake without a request",
};
/** How an event of a process is coloured. */
const EVENT_TONES: Readonly<Record<string, string>> = {
  started: "",
  ready: " ok",
  restarted: " warn",
  killed: " bad",
  failed: " bad",
  exited: " warn",
  stopped: "",
};

export function HealthPage(data: HealthPageData): VNode {
  const { state } = data;
  return (
    <>
      <div class="page-head">
        <h1>System health</h1>
        <span class="page-note">the last 15 minutes</span>
      </div>
      {state.ok
        ? <State state={state.value} />
        : <ErrorCard message={state.message} />}
      <div class="grid">
        <PartsPanel parts={data.parts} />
        <CorrelationPanel rows={data.correlation} />
        <EventsPanel events={data.events} />
        <TablesPanel tables={data.tables} />
      </div>
    </>
  );
}

function State({ state }: { state: PipelineState }): VNode {
  const { lagS, correlated, dropped, lastEventMs } = state;
  return (
    <FactsStrip label="State of the pipeline">
      <Fact name="Requests in the last minute">
        <LiveNumber field="requests_1m" initial={null} /> <LiveMark />
      </Fact>
      <Fact name="Lag to the database, p95">
        {lagS === undefined ? "not measured" : duration(lagS)}
      </Fact>
      <Fact name="Requests over TLS with handshake">
        {correlated === undefined ? "no requests" : percent(correlated)}
      </Fact>
      <Fact name="Events lost">
        <span class={dropped > 0 ? "bad" : "good"}>{count(dropped)}</span>
      </Fact>
      <Fact name="Newest event">
        {lastEventMs === undefined ? "none" : (
          <>
            <Ago ms={lastEventMs} /> ago
          </>
        )}
      </Fact>
    </FactsStrip>
  );
}

function PartsPanel({ parts }: { parts: Loaded<PartState[]> }): VNode {
  return (
    <TablePanel
      title="Parts"
      class="span-16"
      loaded={parts}
      empty={
        <Empty title="No part has reported yet">
          Parts report when they are run by <code>task up</code> or{" "}
          <code>task demo</code>, or when their metrics are collected.
        </Empty>
      }
      columns={[
        {
          head: "Part",
          names: true,
          cell: ({ component }) => (
            <>
              {printable(component)}
              <span class="second">{PART_WORDS[component] ?? ""}</span>
            </>
          ),
        },
        {
          head: "State",
          cell: ({ event }) =>
            event === ""
              ? <span class="muted">not supervised</span>
              : <EventBadge event={event} />,
        },
        {
          head: "Since",
          num: true,
          class: "muted",
          cell: ({ eventMs }) => agoOrNothing(eventMs),
        },
        {
          head: "Last counters",
          num: true,
          class: "muted",
          cell: ({ metricsMs }) => agoOrNothing(metricsMs),
        },
        {
          head: "Lost since start",
          num: true,
          class: ({ dropped }) => dropped > 0 ? "bad strong" : "",
          cell: (part) =>
            part.metricsMs === undefined ? "–" : count(part.dropped),
        },
        {
          head: "Memory",
          num: true,
          cell: ({ memory }) => memory === undefined ? "–" : bytes(memory),
        },
      ]}
    />
  );
}

function agoOrNothing(ms: number | undefined): VNode | string {
  return ms === undefined ? "–" : <Ago ms={ms} />;
}

function EventBadge({ event }: { event: string }): VNode {
  return (
    <span class={`badge${EVENT_TONES[event] ?? ""}`}>{printable(event)}</span>
  );
}

function CorrelationPanel({ rows }: { rows: Loaded<CorrelationRow[]> }): VNode {
  const list = rows.ok ? rows.value : [];
  const total = list.reduce((sum, row) => sum + row.events, 0);
  return (
    <TablePanel
      title="Correlation"
      note="the last hour"
      class="span-8"
      loaded={rows}
      empty={
        <Empty title="No event in the last hour">
          Neither requests nor handshakes have been stored.
        </Empty>
      }
      columns={[
        {
          head: "Match",
          cell: (row) => MATCH_WORDS[row.match] ?? printable(row.match),
        },
        figure<CorrelationRow>("Events", (row) => row.events),
        {
          head: "Share",
          num: true,
          cell: (row) => percent(row.events / Math.max(1, total)),
        },
      ]}
    />
  );
}

function EventsPanel({ events }: { events: Loaded<ProcessEvent[]> }): VNode {
  const { zone } = usePage();
  return (
    <TablePanel
      title="What happened"
      note={`newest first, times in ${zone}`}
      label="Events of the processes"
      class="span-16"
      tall
      loaded={events}
      empty={<Empty title="Nothing has happened to a process" />}
      columns={[
        {
          head: "Time",
          class: "mono nowrap",
          cell: (event) => <Moment ms={event.tsMs} format={dayClock} />,
        },
        { head: "Part", cell: (event) => printable(event.component) },
        { head: "Event", cell: ({ event }) => <EventBadge event={event} /> },
        {
          head: "Detail",
          class: "wrap",
          cell: (event) => printable(event.detail),
        },
      ]}
    />
  );
}

/** Parts of a table beyond which merges do not keep up: ClickHouse slows inserts at 1000 of one partition. */
const MANY_PARTS = 300;

function TablesPanel({ tables }: { tables: Loaded<TableSize[]> }): VNode {
  return (
    <TablePanel
      title="Tables"
      class="span-8"
      loaded={tables}
      empty={<Empty title="No table holds anything yet" />}
      columns={[
        {
          head: "Table",
          class: "mono",
          cell: ({ table }) => printable(table),
        },
        figure<TableSize>("Rows", ({ rows }) => rows),
        { head: "On disk", num: true, cell: (table) => bytes(table.bytes) },
        {
          head: "Smaller",
          num: true,
          class: "muted",
          cell: ({ ratio }) => ratio < 1 ? "–" : `${ratio.toFixed(1)} ×`,
        },
        {
          head: "Parts",
          num: true,
          class: ({ parts }) => parts > MANY_PARTS ? "bad strong" : "",
          cell: ({ parts }) => count(parts),
        },
      ]}
    />
  );
}
