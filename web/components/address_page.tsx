/** One address. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { AddressFacts, UsedRow, UserAgentRow } from "../data/address.ts";
import type { Loaded } from "../data/ask.ts";
import type { DetectionLine } from "../data/detections_of.ts";
import type { WeekHours } from "../data/entity.ts";
import type { TimeRange } from "../data/range.ts";
import { withRange } from "../data/range.ts";
import type { RequestRow } from "../data/requests.ts";
import type { Traffic } from "../data/traffic.ts";
import { termOf } from "../data/value_actions.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { Fact, FactsStrip, SeenFacts } from "./facts_strip.tsx";
import { bytes, compact, count, percent } from "./format.ts";
import { DetectionLines, UsePanel, UserAgentTable } from "./lists.tsx";
import { ListLink } from "./list_link.tsx";
import { usePage } from "./page_view.ts";
import { Empty, ErrorCard, Panel } from "./panel.tsx";
import { RequestsCard } from "./requests_card.tsx";
import { TrafficPanel } from "./traffic_panel.tsx";
import { WeekHoursPanel } from "./week_hours.tsx";
import { HostLink, Ja4Link, NetworkLinks } from "./values.tsx";

export interface AddressPageData {
  readonly ip: string;
  readonly range: TimeRange;
  readonly facts: Loaded<AddressFacts>;
  readonly traffic: Loaded<Traffic>;
  readonly fingerprints: Loaded<UsedRow[]>;
  readonly hosts: Loaded<UsedRow[]>;
  readonly userAgents: Loaded<UserAgentRow[]>;
  readonly detections: Loaded<DetectionLine[]>;
  readonly week: Loaded<WeekHours>;
  readonly requests: Loaded<RequestRow[]>;
}

export function AddressPage(data: AddressPageData): VNode {
  const { ip, range, facts, traffic } = data;
  return (
    <>
      <div class="page-head">
        <h1>
          <span class="mono">{ip}</span>
        </h1>
        <CopyButton text={ip} label="address" />
        {facts.ok && facts.value.networkKind !== ""
          ? <span class="badge warn">{printable(facts.value.networkKind)}</span>
          : null}
        {facts.ok && facts.value.bot_name !== ""
          ? <span class="badge ok">{printable(facts.value.bot_name)}</span>
          : null}
        <span class="page-note">{range.label}</span>
        <ListLink field="ip" value={ip} />
      </div>
      {facts.ok
        ? <Facts facts={facts.value} />
        : <ErrorCard message={facts.message} />}
      <div class="grid">
        <TrafficPanel
          title="Requests over time"
          traffic={traffic}
          range={range}
          empty={<NoRequests facts={facts} />}
        />
        <DetectionLines
          lines={data.detections}
          class="span-8"
          of={termOf("ip", ip)}
        />
        <UsePanel
          title="Fingerprints"
          head="JA4"
          class="span-14"
          rows={data.fingerprints}
          show={(row) => <Ja4Link ja4={row.value} />}
        />
        <UsePanel
          title="Hosts"
          head="Host"
          class="span-10"
          rows={data.hosts}
          show={(row) => <HostLink host={row.value} />}
        />
        <WeekHoursPanel week={data.week} class="span-8" />
        <Panel
          title="User agents"
          class="span-16 flush"
          loaded={data.userAgents}
        >
          {(rows) => <UserAgentTable rows={rows} />}
        </Panel>
        <div class="span-24">
          <RequestsCard
            rows={data.requests}
            total={facts.ok ? facts.value.requests : 0}
            client={{ src_ip: ip, from: range.from, to: range.to }}
            explore={termOf("ip", ip)}
          />
        </div>
      </div>
    </>
  );
}

function Facts({ facts }: { facts: AddressFacts }): VNode {
  const { requests, status4xx, status5xx } = facts;
  return (
    <FactsStrip label="Facts">
      <Fact name="Network">
        <NetworkLinks {...facts} />
      </Fact>
      <Fact name="Requests">
        <span title={count(requests)}>{compact(requests)}</span>
      </Fact>
      <Fact name="Handshakes">{count(facts.handshakes)}</Fact>
      <Fact name="Client errors">
        {percent(requests === 0 ? 0 : status4xx / requests)}
      </Fact>
      <Fact name="Server errors">
        {percent(requests === 0 ? 0 : status5xx / requests)}
      </Fact>
      <Fact name="Sent to it">{bytes(facts.responseBytes)}</Fact>
      <SeenFacts {...facts} />
    </FactsStrip>
  );
}

function NoRequests({ facts }: { facts: Loaded<AddressFacts> }): VNode {
  const { url } = usePage();
  const last = facts.ok ? facts.value.lastSeenMs : undefined;
  if (last === undefined) {
    return (
      <Empty title="This address was never seen">
        Nothing that is kept came from it.
      </Empty>
    );
  }
  return (
    <Empty title="No request in this time range">
      <a
        href={withRange(url.pathname, url, {
          from: new Date(last - 12 * 3_600_000).toISOString(),
          to: new Date(last + 3_600_000).toISOString(),
        })}
      >
        Show the time when it was last seen
      </a>
    </Empty>
  );
}
