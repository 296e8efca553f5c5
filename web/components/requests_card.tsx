/** Requests of a detection or an address: lanes over time, and the newest as a table. @module */
import type { VNode } from "preact";
import type { Loaded } from "../data/ask.ts";
import { lanesOf } from "../data/lanes.ts";
import { LANE_REQUESTS_MAX, type RequestRow } from "../data/requests.ts";
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

function RequestTable(
  { rows, showHost }: { rows: readonly RequestRow[]; showHost: boolean },
): VNode {
  const { zone } = usePage();
  return (
    <div
      class="table-scroll"
      tabIndex={0}
      role="region"
      aria-label="Newest requests"
    >
      <table class="data">
        <thead>
          <tr>
            <th scope="col">Time ({zoneLabel(zone)})</th>
            <th scope="col">Method</th>
            {showHost ? <th scope="col">Host</th> : null}
            <th scope="col">Path</th>
            <th scope="col" class="num">Status</th>
            <th scope="col" class="num">Bytes</th>
            <th scope="col" class="num">Since last</th>
            <th scope="col">User agent</th>
            <th scope="col">Correlation</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS).map((row, index) => {
            const before = rows[index + 1];
            const match = MATCH_WORDS[row.match];
            const path = row.url_query === ""
              ? row.url_path
              : `${row.url_path}?${row.url_query}`;
            return (
              <tr key={index}>
                <td class="mono nowrap">
                  <Moment ms={row.tsMs} format={clockMs} />
                </td>
                <td>{hostileText(row.http_method, 16)}</td>
                {showHost
                  ? (
                    <td class="clip">
                      <Hostile text={row.http_host} max={32} />
                    </td>
                  )
                  : null}
                <td class="mono clip">
                  <Hostile text={path} max={48} />
                </td>
                <td
                  class={`num strong status-text-${
                    Math.floor(row.status_code / 100)
                  }xx`}
                >
                  {row.match === "tls_only" ? "–" : row.status_code}
                </td>
                <td class="num">{bytes(row.response_bytes)}</td>
                <td class="num">
                  {before === undefined
                    ? "–"
                    : duration((row.tsMs - before.tsMs) / 1000)}
                </td>
                <td class="clip">
                  <Hostile text={row.user_agent} max={40} />
                </td>
                <td>
                  <span
                    class={`badge${match?.tone ?? ""}`}
                    title={row.orphan_reason === ""
                      ? match?.title
                      : `${match?.title ?? ""}: ${row.orphan_reason}`}
                  >
                    {match?.word ?? row.match}
                  </span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
