/** One network, country or host: its figures, its traffic, and what it is made of. @module */
import type { ComponentChildren, VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { UserAgentRow } from "../data/address.ts";
import type { Loaded } from "../data/ask.ts";
import { part } from "../data/ask.ts";
import type { DetectionLine } from "../data/detections_of.ts";
import type {
  AnomalousShares,
  Entity,
  EntityFacts,
  Member,
  MemberRow,
  PathRow,
} from "../data/entity.ts";
import type { TimeRange } from "../data/range.ts";
import { withRange } from "../data/range.ts";
import type { Traffic } from "../data/traffic.ts";
import { termOf } from "../data/value_actions.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { type Column, figure, TablePanel } from "./data_table.tsx";
import { Fact, FactsStrip, SeenFacts } from "./facts_strip.tsx";
import { bytes, compact, count, percent } from "./format.ts";
import { DetectionLines, UserAgentTable } from "./lists.tsx";
import { ListLink } from "./list_link.tsx";
import { usePage } from "./page_view.ts";
import { Empty, ErrorCard, Panel } from "./panel.tsx";
import { TrafficPanel } from "./traffic_panel.tsx";
import {
  AsnLink,
  countryName,
  HostLink,
  IpLink,
  Ja4Link,
  networkText,
  Value,
} from "./values.tsx";

export interface EntityPageData {
  readonly entity: Entity;
  readonly range: TimeRange;
  readonly facts: Loaded<EntityFacts>;
  readonly shares: Loaded<AnomalousShares>;
  readonly traffic: Loaded<Traffic>;
  readonly members: Loaded<Readonly<Record<Member, readonly MemberRow[]>>>;
  readonly detections: Loaded<DetectionLine[]>;
  readonly userAgents: Loaded<UserAgentRow[]>;
  /** Of a host alone. */
  readonly paths?: Loaded<PathRow[]>;
}

/** What an entity is called in a title and in a sentence. */
export function entityTitle({ field, value }: Entity): string {
  return field === "asn"
    ? `AS${value}`
    : field === "country"
    ? countryName(value)
    : printable(value);
}

export function EntityPage(data: EntityPageData): VNode {
  const { entity, range, facts, members, paths } = data;
  const of = (member: Member): Loaded<readonly MemberRow[]> =>
    part(members, (all) => all[member]);
  const mono = entity.field === "net" || entity.field === "host";
  return (
    <>
      <div class="page-head">
        <h1>
          <bdi class={mono ? "mono wrap" : "wrap"}>{entityTitle(entity)}</bdi>
        </h1>
        <CopyButton text={printable(entity.value)} label="value" />
        {facts.ok && facts.value.as_org !== ""
          ? <span class="badge">{printable(facts.value.as_org)}</span>
          : null}
        {entity.field === "country"
          ? <span class="badge mono">{printable(entity.value)}</span>
          : null}
        <span class="page-note">{range.label}</span>
        <ListLink field={entity.field} value={entity.value} />
      </div>
      {facts.ok
        ? (
          <Facts
            facts={facts.value}
            shares={data.shares}
            field={entity.field}
          />
        )
        : <ErrorCard message={facts.message} />}
      <div class="grid">
        <TrafficPanel
          title="Requests over time"
          traffic={data.traffic}
          range={range}
          empty={<NothingSeen />}
        />
        <DetectionLines
          lines={data.detections}
          class="span-8"
          of={termOf(entity.field, entity.value)}
          address
        />
        <MemberPanel
          title={entity.field === "host" ? "Who asks for it" : "Addresses"}
          head="Address"
          class="span-12"
          rows={of("ip")}
          show={(row) => (
            <>
              <IpLink ip={row.value} />
              <span class="second">{networkText(row)}</span>
            </>
          )}
        />
        <MemberPanel
          title="Fingerprints"
          head="JA4"
          class="span-12"
          rows={of("ja4")}
          show={(row) => (
            <>
              <Ja4Link ja4={row.value} />
              <span class="second">
                {printable(row.client) ||
                  (row.value === "" ? "" : "client not known")}
              </span>
            </>
          )}
        />
        {paths === undefined ? null : <PathsPanel rows={paths} />}
        {entity.field === "host" ? null : (
          <MemberPanel
            title="Hosts"
            head="Host"
            class="span-12"
            rows={of("host")}
            show={(row) => <HostLink host={row.value} max={48} />}
          />
        )}
        {entity.field === "asn" ? null : (
          <MemberPanel
            title="Networks"
            head="Network"
            class={entity.field === "host" ? "span-10" : "span-12"}
            rows={of("asn")}
            show={(row) => (
              <>
                <AsnLink asn={Number(row.value)} />
                <span class="second">{printable(row.country)}</span>
              </>
            )}
          />
        )}
        <Panel
          title="User agents"
          class={entity.field === "asn" ? "span-12 flush" : "span-24 flush"}
          loaded={data.userAgents}
        >
          {(rows) => <UserAgentTable rows={rows} addresses />}
        </Panel>
      </div>
    </>
  );
}

function Facts(
  { facts, shares, field }: {
    facts: EntityFacts;
    shares: Loaded<AnomalousShares>;
    field: Entity["field"];
  },
): VNode {
  const { requests } = facts;
  const of = (value: number): string =>
    percent(requests === 0 ? 0 : value / requests);
  return (
    <FactsStrip label="Facts">
      <Fact name="Requests">
        <span title={count(requests)}>{compact(requests)}</span>
      </Fact>
      <Fact name="Of all traffic">{percent(facts.trafficShare)}</Fact>
      <Fact name="Anomalous">
        {shares.ok ? <Shares shares={shares.value} /> : "–"}
      </Fact>
      {shares.ok && shares.value.threshold !== undefined
        ? (
          <Fact name="Alerts from a score of">
            {shares.value.threshold.toFixed(2)}
          </Fact>
        )
        : null}
      <Fact name="Addresses">{compact(facts.addresses)}</Fact>
      <Fact name="Fingerprints">{compact(facts.fingerprints)}</Fact>
      {field === "host"
        ? null
        : <Fact name="Hosts">{compact(facts.hosts)}</Fact>}
      <Fact name="3xx · 4xx · 5xx">
        {of(facts.status3xx)} · {of(facts.status4xx)} · {of(facts.status5xx)}
      </Fact>
      <Fact name="Sent to it">{bytes(facts.responseBytes)}</Fact>
      <SeenFacts {...facts} />
    </FactsStrip>
  );
}

/** The anomalous share, and what it is usually and elsewhere. */
function Shares({ shares }: { shares: AnomalousShares }): VNode {
  const { here, before, all } = shares;
  if (here === undefined) return <span class="muted">not scored yet</span>;
  const beside = [
    before === undefined ? "" : `${percent(before)} the week before`,
    all === undefined ? "" : `${percent(all)} of all traffic`,
  ].filter((text) => text !== "").join(", ");
  return (
    <>
      <span class={here >= 0.5 ? "bad" : ""}>{percent(here)}</span>
      {beside === "" ? null : <span class="second">{beside}</span>}
    </>
  );
}

/** The anomalous share of a member. */
export const ANOMALOUS: Column<{ readonly anomalousShare?: number }> = {
  head: "Anom.",
  num: true,
  class: ({ anomalousShare: share }) =>
    share === undefined ? "muted" : share >= 0.5 ? "bad strong" : "",
  cell: ({ anomalousShare: share }) =>
    share === undefined ? "–" : percent(share),
};

/** Values with their requests, handshakes and anomalous share. */
export function MemberPanel(
  { title, head, class: span, rows, show }: {
    title: string;
    head: string;
    class: string;
    rows: Loaded<readonly MemberRow[]>;
    show: (row: MemberRow) => ComponentChildren;
  },
): VNode {
  return (
    <TablePanel<MemberRow>
      title={title}
      class={span}
      loaded={rows}
      empty={<Empty title="Nothing in this time range" />}
      columns={[
        { head, class: "address", cell: show },
        figure<MemberRow>("Requests", (row) => row.requests),
        figure<MemberRow>("Handshakes", (row) => row.handshakes),
        ANOMALOUS,
      ]}
    />
  );
}

function PathsPanel({ rows }: { rows: Loaded<PathRow[]> }): VNode {
  return (
    <TablePanel<PathRow>
      title="Paths"
      class="span-14"
      loaded={rows}
      empty={<Empty title="No request in this time range" />}
      columns={[
        {
          head: "Path",
          class: "mono clip wide",
          cell: (row) => <Value field="path" value={row.path} max={64} />,
        },
        figure<PathRow>("Requests", (row) => row.requests),
        figure<PathRow>("Addr.", (row) => row.addresses),
        {
          head: "4xx",
          num: true,
          cell: (row) => percent(row.status4xx / row.requests),
        },
        {
          head: "5xx",
          num: true,
          cell: (row) => percent(row.status5xx / row.requests),
        },
        { head: "Sent", num: true, cell: (row) => bytes(row.responseBytes) },
      ]}
    />
  );
}

function NothingSeen(): VNode {
  const { url } = usePage();
  return (
    <Empty title="No request in this time range">
      <a href={withRange(url.pathname, url, { from: "-7d", to: "" })}>
        Show the last 7 days
      </a>
    </Empty>
  );
}
