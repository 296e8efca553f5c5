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
import { Fact, FactsStrip } from "./facts_strip.tsx";
import {
  bytes,
  compact,
  count,
  dayClock,
  duration,
  percent,
} from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel, PanelError } from "./panel.tsx";
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
      {state.ok ? <State state={state.value} /> : (
        <section class="card">
          <PanelError message={state.message} />
        </section>
      )}
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
    <Panel title="Parts" class="span-16 flush" loaded={parts}>
      {(list) =>
        list.length === 0
          ? (
            <Empty title="No part has reported yet">
              Parts report when they are run by <code>task up</code> or{" "}
              <code>task demo</code>, or when their metrics are collected.
            </Empty>
          )
          : (
            <div
              class="table-scroll"
              tabIndex={0}
              role="region"
              aria-label="Parts"
            >
              <table class="data">
                <thead>
                  <tr>
                    <th scope="col">Part</th>
                    <th scope="col">State</th>
                    <th scope="col" class="num">Since</th>
                    <th scope="col" class="num">Last counters</th>
                    <th scope="col" class="num">Lost since start</th>
                    <th scope="col" class="num">Memory</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map((part) => (
                    <tr key={part.component}>
                      <th scope="row">
                        {printable(part.component)}
                        <span class="second">
                          {PART_WORDS[part.component] ?? ""}
                        </span>
                      </th>
                      <td>
                        {part.event === ""
                          ? <span class="muted">not supervised</span>
                          : <EventBadge event={part.event} />}
                      </td>
                      <td class="num muted">
                        {part.eventMs === undefined
                          ? "–"
                          : <Ago ms={part.eventMs} />}
                      </td>
                      <td class="num muted">
                        {part.metricsMs === undefined
                          ? "–"
                          : <Ago ms={part.metricsMs} />}
                      </td>
                      <td class={part.dropped > 0 ? "num bad strong" : "num"}>
                        {part.metricsMs === undefined
                          ? "–"
                          : count(part.dropped)}
                      </td>
                      <td class="num">
                        {part.memory === undefined ? "–" : bytes(part.memory)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
    </Panel>
  );
}

function EventBadge({ event }: { event: string }): VNode {
  return (
    <span class={`badge${EVENT_TONES[event] ?? ""}`}>{printable(event)}</span>
  );
}

function CorrelationPanel({ rows }: { rows: Loaded<CorrelationRow[]> }): VNode {
  return (
    <Panel
      title="Correlation"
      note="the last hour"
      class="span-8 flush"
      loaded={rows}
    >
      {(list) => {
        const total = list.reduce((sum, row) => sum + row.events, 0);
        if (total === 0) {
          return (
            <Empty title="No event in the last hour">
              Neither requests nor handshakes have been stored.
            </Empty>
          );
        }
        return (
          <table class="data">
            <thead>
              <tr>
                <th scope="col">Match</th>
                <th scope="col" class="num">Events</th>
                <th scope="col" class="num">Share</th>
              </tr>
            </thead>
            <tbody>
              {list.map((row) => (
                <tr key={row.match}>
                  <td>{MATCH_WORDS[row.match] ?? printable(row.match)}</td>
                  <td class="num">{compact(row.events)}</td>
                  <td class="num">{percent(row.events / total)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        );
      }}
    </Panel>
  );
}

function EventsPanel({ events }: { events: Loaded<ProcessEvent[]> }): VNode {
  const { zone } = usePage();
  return (
    <Panel
      title="What happened"
      note={`newest first, times in ${zone}`}
      class="span-16 flush"
      loaded={events}
    >
      {(list) =>
        list.length === 0
          ? <Empty title="Nothing has happened to a process" />
          : (
            <div
              class="table-scroll tall"
              tabIndex={0}
              role="region"
              aria-label="Events of the processes"
            >
              <table class="data">
                <thead>
                  <tr>
                    <th scope="col">Time</th>
                    <th scope="col">Part</th>
                    <th scope="col">Event</th>
                    <th scope="col">Detail</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map((event, index) => (
                    <tr key={index}>
                      <td class="mono nowrap">
                        <Moment ms={event.tsMs} format={dayClock} />
                      </td>
                      <td>{printable(event.component)}</td>
                      <td>
                        <EventBadge event={event.event} />
                      </td>
                      <td class="wrap">{printable(event.detail)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
    </Panel>
  );
}

function TablesPanel({ tables }: { tables: Loaded<TableSize[]> }): VNode {
  return (
    <Panel title="Tables" class="span-8 flush" loaded={tables}>
      {(list) =>
        list.length === 0
          ? <Empty title="No table holds anything yet" />
          : (
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">Table</th>
                  <th scope="col" class="num">Rows</th>
                  <th scope="col" class="num">On disk</th>
                </tr>
              </thead>
              <tbody>
                {list.map((table) => (
                  <tr key={table.table}>
                    <td class="mono">{printable(table.table)}</td>
                    <td class="num" title={count(table.rows)}>
                      {compact(table.rows)}
                    </td>
                    <td class="num">{bytes(table.bytes)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
    </Panel>
  );
}
