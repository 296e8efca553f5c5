/** Tables that several pages show: detections of something, and values with their requests. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { UserAgentRow } from "../data/address.ts";
import type { DetectionLine } from "../data/detections_of.ts";
import { withRange } from "../data/range.ts";
import { claimOf } from "../data/user_agents.ts";
import { type Column, DataTable, figure, TablePanel } from "./data_table.tsx";
import { percent } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty } from "./panel.tsx";
import { SeverityGlyph } from "./severity.tsx";
import { Ago, Hostile } from "./text.tsx";
import { UserAgentLink } from "./values.tsx";

/** Detections of what a page is about. */
export function DetectionLines(
  { lines, class: span, of, address = false }: {
    lines: Loaded<DetectionLine[]>;
    class: string;
    /** The query that lists them all. */
    of: string;
    /** Also whose they are. */
    address?: boolean;
  },
): VNode {
  const { url } = usePage();
  return (
    <TablePanel
      title="Detections"
      note="newest, at any time"
      actions={
        <>
          <a href={withRange("/detections", url, { q: of, from: "", to: "" })}>
            Open
          </a>
          <a
            href={withRange("/detections?view=archived", url, {
              q: of,
              from: "",
              to: "",
            })}
          >
            Archived
          </a>
        </>
      }
      class={span}
      loaded={lines}
      empty={<Empty title="Never flagged" />}
      columns={[
        {
          head: <span class="visually-hidden">Severity</span>,
          cell: (line) => <SeverityGlyph severity={line.severity} label />,
        },
        {
          head: "Score",
          num: true,
          class: "strong",
          cell: (line) => line.score.toFixed(2),
        },
        {
          head: "Detection",
          class: "clip wide",
          title: (line) => printable(line.title),
          cell: (line) => (
            <a href={withRange(`/detections/${line.id}`, url)}>
              <bdi>{printable(line.title)}</bdi>
              <span class="second">
                {address ? <span class="mono">{line.src_ip}</span> : null}
                {address ? " · " : ""}
                {printable(line.state)}
              </span>
            </a>
          ),
        },
        {
          head: "Seen",
          num: true,
          class: "muted",
          cell: (line) => <Ago ms={line.lastSeenMs} />,
        },
      ]}
    />
  );
}

interface UseRow {
  readonly value: string;
  readonly requests: number;
  readonly handshakes: number;
  /** Client that a fingerprint is known for; "" = not known. */
  readonly client?: string;
}

/** Values with their requests and handshakes. */
export function UsePanel<Row extends UseRow>(
  { title, head, class: span, rows, show }: {
    title: string;
    head: string;
    class: string;
    rows: Loaded<readonly Row[]>;
    /** The value as an element. */
    show: (row: Row) => VNode;
  },
): VNode {
  const clients = rows.ok && rows.value.some((row) => row.client !== undefined);
  const client: Column<UseRow> = {
    head: "Likely client",
    cell: (row) => row.client || <span class="muted">unknown</span>,
  };
  return (
    <TablePanel
      title={title}
      label={`${head}: requests and handshakes`}
      class={span}
      loaded={rows}
      empty={<Empty title="Nothing in this time range" />}
      columns={[
        {
          head,
          ...(clients ? {} : { class: "address" }),
          cell: show,
        },
        ...(clients ? [client] : []),
        figure<UseRow>("Requests", (row) => row.requests),
        figure<UseRow>("Handshakes", (row) => row.handshakes),
      ]}
    />
  );
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
    <DataTable<UserAgentRow>
      label="User agents"
      rows={rows}
      columns={[
        {
          head: "Claims to be",
          class: "nowrap",
          cell: (row) => {
            const { product, system } = claimOf(row.user_agent);
            const claim = system === "" ? product : `${product} / ${system}`;
            return <Hostile text={claim} max={32} />;
          },
        },
        {
          head: "User agent",
          class: "clip muted small mono",
          cell: (row) => <UserAgentLink userAgent={row.user_agent} />,
        },
        ...(addresses
          ? [figure<UserAgentRow>("Addr.", (row) => row.addresses)]
          : []),
        figure<UserAgentRow>("Requests", (row) => row.requests),
        {
          head: "Share",
          num: true,
          cell: (row) => percent(total === 0 ? 0 : row.requests / total),
        },
      ]}
    />
  );
}
