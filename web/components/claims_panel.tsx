import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import type { ClaimRow } from "../data/user_agents.ts";
import { figure, TablePanel } from "./data_table.tsx";
import { percent } from "./format.ts";
import { Empty } from "./panel.tsx";
import { Hostile } from "./text.tsx";

/** Claimed client against handshake. */
export function ClaimsPanel({ rows }: { rows: Loaded<ClaimRow[]> }): VNode {
  return (
    <TablePanel
      title="User agents against TLS"
      note="does the handshake match the claim?"
      class="span-9"
      loaded={rows}
      empty={
        <Empty title="No user agent came with a handshake">
          Both are needed: the request from the web server and the ClientHello
          of its connection.
        </Empty>
      }
      columns={[
        {
          head: "Claimed client",
          class: "wrap",
          cell: (row) => <Hostile text={row.claim} max={48} />,
        },
        figure<ClaimRow>("Requests", (row) => row.requests),
        { head: "Handshake says", cell: (row) => <Handshake row={row} /> },
      ]}
    />
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
