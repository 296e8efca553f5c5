/** One User-Agent: what it claims, and which handshakes come with it. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import { type Loaded, part } from "../data/ask.ts";
import type { DetectionLine } from "../data/detections_of.ts";
import type { TimeRange } from "../data/range.ts";
import type { Traffic } from "../data/traffic.ts";
import type {
  ClaimingRow,
  UserAgentFacts,
  UseRow,
} from "../data/user_agent.ts";
import { claimOf } from "../data/user_agents.ts";
import { termOf } from "../data/value_actions.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { figure, TablePanel } from "./data_table.tsx";
import { Fact, FactsStrip, SeenFacts } from "./facts_strip.tsx";
import { compact, count, percent } from "./format.ts";
import { DetectionLines } from "./lists.tsx";
import { Empty, ErrorCard } from "./panel.tsx";
import { Hostile } from "./text.tsx";
import { TrafficPanel } from "./traffic_panel.tsx";
import { HostLink, IpLink, Ja4Link } from "./values.tsx";

export interface UserAgentPageData {
  readonly userAgent: string;
  readonly range: TimeRange;
  readonly facts: Loaded<UserAgentFacts>;
  readonly traffic: Loaded<Traffic>;
  readonly claiming: Loaded<ClaimingRow[]>;
  readonly uses: Loaded<{ ips: UseRow[]; hosts: UseRow[] }>;
  readonly detections: Loaded<DetectionLine[]>;
}

export function UserAgentPage(data: UserAgentPageData): VNode {
  const { userAgent, range, facts, claiming, uses } = data;
  const { product, system } = claimOf(userAgent);
  return (
    <>
      <div class="page-head">
        <h1>
          <Hostile
            text={system === "" ? product : `${product} / ${system}`}
            max={80}
          />
        </h1>
        <span class="page-note">user agent · {range.label}</span>
      </div>
      <p class="card user-agent">
        <Hostile text={userAgent} max={1200} class="mono wrap" />
        <CopyButton text={printable(userAgent)} label="user agent" />
      </p>
      {facts.ok
        ? (
          <Facts
            facts={facts.value}
            claiming={claiming}
            userAgent={userAgent}
          />
        )
        : <ErrorCard message={facts.message} />}
      <div class="grid">
        <TrafficPanel
          title="Requests over time"
          traffic={data.traffic}
          range={range}
          empty={<Empty title="No request in this time range" />}
        />
        <DetectionLines
          lines={data.detections}
          class="span-8"
          of={termOf("ua", userAgent)}
          address
        />
        <ClaimingPanel rows={claiming} userAgent={userAgent} />
        <TablePanel<UseRow>
          title="Addresses"
          class="span-6"
          loaded={part(uses, ({ ips }) => ips)}
          empty={<Empty title="Nothing in this time range" />}
          columns={[
            {
              head: "Address",
              class: "address",
              cell: (row) => <IpLink ip={row.value} />,
            },
            figure<UseRow>("Requests", (row) => row.requests),
          ]}
        />
        <TablePanel<UseRow>
          title="Hosts"
          class="span-6"
          loaded={part(uses, ({ hosts }) => hosts)}
          empty={<Empty title="Nothing in this time range" />}
          columns={[
            {
              head: "Host",
              class: "clip wide",
              cell: (row) => <HostLink host={row.value} max={36} />,
            },
            figure<UseRow>("Requests", (row) => row.requests),
          ]}
        />
      </div>
    </>
  );
}

function Facts(
  { facts, claiming, userAgent }: {
    facts: UserAgentFacts;
    claiming: Loaded<ClaimingRow[]>;
    userAgent: string;
  },
): VNode {
  const match = claiming.ok ? matchRate(claiming.value, userAgent) : undefined;
  return (
    <FactsStrip label="Facts">
      <Fact name="Requests">
        <span title={count(facts.requests)}>{compact(facts.requests)}</span>
      </Fact>
      <Fact name="Handshake fits the claim">
        {match === undefined
          ? <span class="muted">cannot be told</span>
          : (
            <span class={match < 0.5 ? "bad" : ""}>
              {percent(match)}
            </span>
          )}
      </Fact>
      <Fact name="Addresses">{compact(facts.addresses)}</Fact>
      <Fact name="Hosts">{compact(facts.hosts)}</Fact>
      <Fact name="Client errors">
        {percent(
          facts.requests === 0 ? 0 : facts.status4xx / facts.requests,
        )}
      </Fact>
      <SeenFacts {...facts} />
    </FactsStrip>
  );
}

/**
 * Share of the requests, of those whose handshake is known to belong to some client, that came with a
 * handshake of the client that is claimed; undefined where the claim or no handshake is known.
 */
export function matchRate(
  rows: readonly ClaimingRow[],
  userAgent: string,
): number | undefined {
  const { fits } = claimOf(userAgent);
  const known = rows.filter((row) => row.family !== "");
  const total = known.reduce((sum, row) => sum + row.requests, 0);
  if (fits.length === 0 || total === 0) return undefined;
  return known.filter((row) => fits.includes(row.family))
    .reduce((sum, row) => sum + row.requests, 0) / total;
}

function ClaimingPanel(
  { rows, userAgent }: { rows: Loaded<ClaimingRow[]>; userAgent: string },
): VNode {
  const { fits } = claimOf(userAgent);
  return (
    <TablePanel<ClaimingRow>
      title="Fingerprints that say so"
      note="does the handshake fit?"
      class="span-12"
      loaded={rows}
      empty={<Empty title="No handshake in this time range" />}
      columns={[
        {
          head: "JA4",
          class: "address",
          cell: (row) => (
            <>
              <Ja4Link ja4={row.ja4} />
              <span class="second">
                {row.ja4 === ""
                  ? ""
                  : printable(row.label) || "client not known"}
              </span>
            </>
          ),
        },
        {
          head: "Claim",
          cell: (row) =>
            row.family === "" || fits.length === 0
              ? <span class="muted">cannot be told</span>
              : fits.includes(row.family)
              ? <span class="badge ok">fits</span>
              : <span class="badge warn">does not fit</span>,
        },
        figure<ClaimingRow>("Addr.", (row) => row.addresses),
        figure<ClaimingRow>("Requests", (row) => row.requests),
      ]}
    />
  );
}
