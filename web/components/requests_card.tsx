/** Requests of a detection or an address: lanes over time, and the newest as a table. @module */
import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import { lanesOf } from "../data/lanes.ts";
import { LANE_REQUESTS_MAX, type RequestRow } from "../data/requests.ts";
import { type Column, DataTable } from "./data_table.tsx";
import { bytes, clockMs, count, duration, zoneLabel } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";
import { RequestLanes, STATUS_WORDS } from "./request_lanes.tsx";
import { Hostile, hostileText, Moment } from "./text.tsx";

/** Rows of the table. */
const ROWS = 20;

const MATCH_WORDS: Readonly<
  Record<string, { word: string; title: string; tone: string }>
> = {
  conn: {
    word: "exact, connection",
    title:
      "The handshake of this very connection: same addresses, ports and accept time",
    tone: " ok",
  },
  window: {
    word: "by time window",
    title: "A handshake of the same address and port within the time window",
    tone: "",
  },
  none: {
    word: "no handshake",
    title: "No handshake was found for the connection",
    tone: " warn",
  },
  tls_only: {
    word: "no request",
    title: "A handshake that no request followed",
    tone: "",
  },
};

export function RequestsCard(
  { rows, total, showHost = false }: {
    /** Newest first. */
    rows: Loaded<RequestRow[]>;
    /** All of them, where more than the newest may exist. */
    total: number;
    showHost?: boolean;
  },
): VNode {
  return (
    <Panel
      title="Requests"
      class="flush"
      loaded={rows}
      {...(rows.ok && rows.value.length > 0
        ? {
          note: spanText(rows.value),
          actions: <StatusLegend rows={rows.value} />,
        }
        : {})}
    >
      {(list) =>
        list.length === 0
          ? (
            <Empty title="The requests are no longer kept">
              Raw requests are deleted after the time that the store is
              configured to keep them.
            </Empty>
          )
          : (
            <>
              <RequestLanes
                lanes={lanesOf(list)}
                fromMs={list.at(-1)?.tsMs ?? 0}
                toMs={list[0]?.tsMs ?? 0}
              />
              <RequestTable rows={list} showHost={showHost} />
              <footer class="card-foot">
                <span>
                  Newest {count(Math.min(ROWS, list.length))} of{" "}
                  {count(Math.max(total, list.length))}
                  {list.length === LANE_REQUESTS_MAX
                    ? `; the lanes show the newest ${count(LANE_REQUESTS_MAX)}`
                    : ""}
                </span>
              </footer>
            </>
          )}
    </Panel>
  );
}

/** `150 in 9.9 s`. */
function spanText(rows: readonly RequestRow[]): string {
  const seconds = ((rows[0]?.tsMs ?? 0) - (rows.at(-1)?.tsMs ?? 0)) / 1000;
  return `${count(rows.length)} in ${duration(seconds)}`;
}

function StatusLegend({ rows }: { rows: readonly RequestRow[] }): VNode {
  const classes = [
    ...new Set(
      rows.map((row) =>
        row.match === "tls_only" ? 0 : Math.floor(row.status_code / 100)
      ),
    ),
  ].sort((a, b) => b - a);
  return (
    <ul class="legend">
      {classes.map((one) => (
        <li key={one}>
          <span class={`key status-${one}xx`} /> {STATUS_WORDS[one] ?? "other"}
        </li>
      ))}
    </ul>
  );
}

/** A request and the time since the one before it, seconds. */
type TableRow = RequestRow & { readonly sinceS?: number };

function RequestTable(
  { rows, showHost }: { rows: readonly RequestRow[]; showHost: boolean },
): VNode {
  const { zone } = usePage();
  const shown = rows.slice(0, ROWS).map((row, index): TableRow => {
    const before = rows[index + 1];
    return before === undefined
      ? row
      : { ...row, sinceS: (row.tsMs - before.tsMs) / 1000 };
  });
  const host: Column<TableRow> = {
    head: "Host",
    class: "clip",
    cell: (row) => <Hostile text={row.http_host} max={32} />,
  };
  return (
    <DataTable<TableRow>
      label="Newest requests"
      rows={shown}
      columns={[
        {
          head: `Time (${zoneLabel(zone)})`,
          class: "mono nowrap",
          cell: (row) => <Moment ms={row.tsMs} format={clockMs} />,
        },
        { head: "Method", cell: (row) => hostileText(row.http_method, 16) },
        ...(showHost ? [host] : []),
        {
          head: "Path",
          class: "mono clip",
          cell: ({ url_path, url_query }) => (
            <Hostile
              text={url_query === "" ? url_path : `${url_path}?${url_query}`}
              max={48}
            />
          ),
        },
        {
          head: "Status",
          num: true,
          class: (row) =>
            `strong status-text-${Math.floor(row.status_code / 100)}xx`,
          cell: (row) => row.match === "tls_only" ? "–" : row.status_code,
        },
        { head: "Bytes", num: true, cell: (row) => bytes(row.response_bytes) },
        {
          head: "Since last",
          num: true,
          cell: ({ sinceS }) => sinceS === undefined ? "–" : duration(sinceS),
        },
        {
          head: "User agent",
          class: "clip",
          cell: (row) => <Hostile text={row.user_agent} max={40} />,
        },
        { head: "Correlation", cell: (row) => <MatchBadge row={row} /> },
      ]}
    />
  );
}

function MatchBadge({ row }: { row: RequestRow }): VNode {
  const match = MATCH_WORDS[row.match];
  return (
    <span
      class={`badge${match?.tone ?? ""}`}
      title={row.orphan_reason === ""
        ? match?.title
        : `${match?.title ?? ""}: ${row.orphan_reason}`}
    >
      {match?.word ?? row.match}
    </span>
  );
}
