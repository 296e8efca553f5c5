/** Requests of a detection or an address: lanes over time, and the newest as a table. @module */
import { createHash } from "node:crypto";
import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import { lanesOf, SELECTION } from "../data/lanes.ts";
import {
  parseStretch,
  type Stretch,
  withParams,
  withRange,
} from "../data/range.ts";
import {
  LANE_REQUESTS_MAX,
  type RequestFilter,
  type RequestRow,
  requestsSql,
} from "../data/requests.ts";
import CopyText from "../islands/CopyText.tsx";
import { type Column, DataTable } from "./data_table.tsx";
import { bytes, clock, clockMs, count, duration, zoneLabel } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel } from "./panel.tsx";
import { RequestLanes, STATUS_WORDS } from "./request_lanes.tsx";
import { Hostile, hostileText, Moment } from "./text.tsx";
import { HostLink, UserAgentLink, Value } from "./values.tsx";

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
  { rows, total, client, explore }: {
    /** Newest first. */
    rows: Loaded<RequestRow[]>;
    /** All of them, where more than the newest may exist. */
    total: number;
    /** Whose they are, for the statement to copy. */
    client: RequestFilter;
    /** The query that shows them in the Explorer. */
    explore: string;
  },
): VNode {
  const { url, zone } = usePage();
  const selection = parseStretch(url, SELECTION);
  const showHost = client.http_host === undefined;
  return (
    <Panel
      title="Requests"
      class="flush"
      loaded={rows}
      {...(rows.ok && rows.value.length > 0
        ? {
          note: (
            <>
              {spanText(rows.value)}
              {selection === undefined ? null : (
                <>
                  {`, selection ${clock(selection.from.getTime(), zone)} to ${
                    clock(selection.to.getTime(), zone)
                  } (${count(within(rows.value, selection).length)}) `}
                  <a
                    href={withParams(url, { req_from: "", req_to: "" })}
                  >
                    show all
                  </a>
                </>
              )}
            </>
          ),
          actions: (
            <>
              <StatusLegend rows={rows.value} />
              <CopyText
                text={requestsSql(
                  selection === undefined ? client : {
                    ...client,
                    from: selection.from,
                    // The end of a stretch is the first moment that is not in it.
                    to: new Date(selection.to.getTime() - 1),
                  },
                )}
              >
                Copy SQL
              </CopyText>
              <a
                class="btn"
                href={withRange("/explore", url, {
                  q: explore,
                  ...around(selection ?? client),
                })}
              >
                Explorer
              </a>
            </>
          ),
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
                {...(selection === undefined ? {} : { selection })}
              />
              <RequestTable
                rows={within(list, selection)}
                showHost={showHost}
              />
              <footer class="card-foot">
                <span>
                  {`Newest ${
                    count(Math.min(ROWS, within(list, selection).length))
                  } of ${
                    count(
                      selection === undefined
                        ? Math.max(total, list.length)
                        : within(list, selection).length,
                    )
                  }`}
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

/** A stretch as the range of another page, with ten seconds before and after it: none may be shorter. */
function around({ from, to }: Stretch): { from: string; to: string } {
  return {
    from: new Date(from.getTime() - 10_000).toISOString(),
    to: new Date(to.getTime() + 10_000).toISOString(),
  };
}

/** The rows of a stretch, all without one. */
function within(
  rows: readonly RequestRow[],
  stretch: Stretch | undefined,
): readonly RequestRow[] {
  return stretch === undefined
    ? rows
    : rows.filter(({ tsMs }) =>
      tsMs >= stretch.from.getTime() && tsMs < stretch.to.getTime()
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

/** Names that came in the same order have the same letters. */
function shortHash(text: string): string {
  if (text === "") return "–";
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 4)}…${hex.slice(-2)}`;
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
    cell: (row) => <HostLink host={row.http_host} max={32} />,
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
        {
          head: "Method",
          cell: (row) =>
            row.http_method === ""
              ? ""
              : <Value field="method" value={row.http_method} max={16} />,
        },
        ...(showHost ? [host] : []),
        {
          head: "Path",
          class: "mono clip",
          cell: ({ url_path, url_query }) =>
            url_path === "" ? "" : (
              <Value field="path" value={url_path}>
                <Hostile
                  text={url_query === ""
                    ? url_path
                    : `${url_path}?${url_query}`}
                  max={48}
                />
              </Value>
            ),
        },
        {
          head: "Status",
          num: true,
          class: (row) =>
            `strong status-text-${Math.floor(row.status_code / 100)}xx`,
          cell: (row) => row.match === "tls_only"
            ? "–"
            : <Value field="status" value={String(row.status_code)} />,
        },
        { head: "Bytes", num: true, cell: (row) => bytes(row.response_bytes) },
        {
          head: "Since last",
          num: true,
          cell: ({ sinceS }) => sinceS === undefined ? "–" : duration(sinceS),
        },
        showHost
          ? {
            head: "User agent",
            class: "clip",
            cell: (row) => (
              <UserAgentLink
                userAgent={row.user_agent}
                max={40}
              />
            ),
          }
          : {
            head: "Header order",
            class: "mono muted",
            title: (row) => hostileText(row.header_order, 400),
            cell: (row) => shortHash(row.header_order),
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
