/** Tables that several pages show: detections of something, and values with their requests. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { DetectionLine, UserAgentRow } from "../data/address.ts";
import { withRange } from "../data/range.ts";
import { claimOf } from "../data/user_agents.ts";
import { compact, count, percent } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";
import { SeverityBadge } from "./severity.tsx";
import { Ago, Hostile } from "./text.tsx";

/** Detections of an address or a fingerprint. */
export function DetectionLines(
  { lines, class: className }: {
    lines: Loaded<DetectionLine[]>;
    class: string;
  },
): VNode {
  const { url } = usePage();
  return (
    <Panel
      title="Detections"
      note="at any time"
      class={`${className} flush`}
      loaded={lines}
    >
      {(list) =>
        list.length === 0 ? <Empty title="Never flagged" /> : (
          <div
            class="table-scroll"
            tabIndex={0}
            role="region"
            aria-label="Detections"
          >
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">Severity</th>
                  <th scope="col" class="num">Score</th>
                  <th scope="col">Detection</th>
                  <th scope="col">State</th>
                  <th scope="col" class="num">Seen</th>
                </tr>
              </thead>
              <tbody>
                {list.map((line) => (
                  <tr key={line.id}>
                    <td>
                      <SeverityBadge severity={line.severity} />
                    </td>
                    <td class="num strong">{line.score.toFixed(2)}</td>
                    <td class="clip">
                      <a href={withRange(`/detections/${line.id}`, url)}>
                        <bdi>{printable(line.title)}</bdi>
                      </a>
                    </td>
                    <td class="muted">{printable(line.state)}</td>
                    <td class="num muted">
                      <Ago ms={line.lastSeenMs} />
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

/** Values with their requests and handshakes. */
export function UseTable<Row extends UseRow>(
  { head, rows, show }: {
    head: string;
    rows: readonly Row[];
    /** The value as an element. */
    show: (row: Row) => VNode;
  },
): VNode {
  if (rows.length === 0) return <Empty title="Nothing in this time range" />;
  const clients = rows.some((row) => row.client !== undefined);
  return (
    <div
      class="table-scroll"
      tabIndex={0}
      role="region"
      aria-label={`${head}: requests and handshakes`}
    >
      <table class="data">
        <thead>
          <tr>
            <th scope="col">{head}</th>
            {clients ? <th scope="col">Likely client</th> : null}
            <th scope="col" class="num">Requests</th>
            <th scope="col" class="num">Handshakes</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.value}>
              <td>{show(row)}</td>
              {clients ? <td>{row.client || <Unknown />}</td> : null}
              <td class="num" title={count(row.requests)}>
                {compact(row.requests)}
              </td>
              <td class="num" title={count(row.handshakes)}>
                {compact(row.handshakes)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface UseRow {
  readonly value: string;
  readonly requests: number;
  readonly handshakes: number;
  /** Client that a fingerprint is known for; "" = not known. */
  readonly client?: string;
}

function Unknown(): VNode {
  return <span class="muted">unknown</span>;
}

/** User agents with their share of the requests shown. */
export function UserAgentTable(
  { rows, addresses = false }: {
    rows: readonly UserAgentRow[];
    /** Also how many addresses sent each. */
    addresses?: boolean;
  },
): VNode {
  if (rows.length === 0) {
    return <Empty title="No user agent in this time range" />;
  }
  const total = rows.reduce((sum, row) => sum + row.requests, 0);
  return (
    <div
      class="table-scroll"
      tabIndex={0}
      role="region"
      aria-label="User agents"
    >
      <table class="data">
        <thead>
          <tr>
            <th scope="col">Claims to be</th>
            <th scope="col">User agent</th>
            {addresses ? <th scope="col" class="num">Addr.</th> : null}
            <th scope="col" class="num">Requests</th>
            <th scope="col" class="num">Share</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const claim = claimOf(row.user_agent);
            return (
              <tr key={row.user_agent}>
                <td class="nowrap">
                  <Hostile
                    text={claim.system === ""
                      ? claim.product
                      : `${claim.product} / ${claim.system}`}
                    max={32}
                  />
                </td>
                <td class="clip muted small mono">
                  <Hostile text={row.user_agent} max={90} />
                </td>
                {addresses
                  ? <td class="num">{compact(row.addresses)}</td>
                  : null}
                <td class="num" title={count(row.requests)}>
                  {compact(row.requests)}
                </td>
                <td class="num">
                  {percent(total === 0 ? 0 : row.requests / total)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
