import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { ClaimRow } from "../data/user_agents.ts";
import { compact, count, percent } from "./format.ts";
import { Empty, Panel } from "./panel.tsx";
import { Hostile } from "./text.tsx";

/** Claimed client against handshake. */
export function ClaimsPanel({ rows }: { rows: Loaded<ClaimRow[]> }): VNode {
  return (
    <Panel
      title="User agents against TLS"
      note="does the handshake match the claim?"
      class="span-10 flush"
      loaded={rows}
    >
      {(list) =>
        list.length === 0
          ? (
            <Empty title="No user agent came with a handshake">
              Both are needed: the request from the web server and the
              ClientHello of its connection.
            </Empty>
          )
          : (
            <div
              class="table-scroll"
              tabIndex={0}
              role="region"
              aria-label="User agents against TLS"
            >
              <table class="data">
                <thead>
                  <tr>
                    <th scope="col">Claimed client</th>
                    <th scope="col" class="num">Requests</th>
                    <th scope="col">Handshake says</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map((row) => (
                    <tr key={`${row.claim} ${row.handshake}`}>
                      <td class="clip wide">
                        <Hostile text={row.claim} max={48} />
                      </td>
                      <td class="num" title={count(row.requests)}>
                        {compact(row.requests)}
                      </td>
                      <td>
                        <Handshake row={row} />
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

function Handshake({ row }: { row: ClaimRow }): VNode {
  if (row.handshake === "") {
    return <span class="muted">not known {percent(row.share)}</span>;
  }
  const tone = row.agrees === undefined ? "" : row.agrees ? " ok" : " warn";
  return (
    <span class={`badge${tone}`}>
      {printable(row.handshake)} {percent(row.share)}
      {row.agrees === false ? " · mismatch" : ""}
    </span>
  );
}
