/** One JA4: what it says, who sends it, under which names, what is like it. @module */
import { Fragment, type VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { UserAgentRow } from "../data/address.ts";
import { type Loaded, part } from "../data/ask.ts";
import type { DetectionLine } from "../data/detections_of.ts";
import type { WeekHours } from "../data/entity.ts";
import {
  type CodePointKind,
  codePointName,
  hexCode,
  isPostQuantum,
  isWeak,
} from "../data/iana.ts";
import type {
  Ja4Facts,
  Ja4Lists,
  Ja4Neighbours,
  Ja4Signals,
  Ja4UseRow,
} from "../data/ja4.ts";
import { decodeSectionA, ja4Parts } from "../data/ja4_decode.ts";
import type { TimeRange } from "../data/range.ts";
import type { Traffic } from "../data/traffic.ts";
import { termOf } from "../data/value_actions.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { Fact, FactsStrip, SeenFacts } from "./facts_strip.tsx";
import { compact, count, percent, plural } from "./format.ts";
import { DetectionLines, UsePanel, UserAgentTable } from "./lists.tsx";
import { ListLink } from "./list_link.tsx";
import { Card, Empty, ErrorCard, Panel } from "./panel.tsx";
import { NeighboursPanel, SignalsPanel } from "./ja4_relations.tsx";
import { ClientBadge } from "./top_panels.tsx";
import { TrafficPanel } from "./traffic_panel.tsx";
import { WeekHoursPanel } from "./week_hours.tsx";
import { CodeName } from "./text.tsx";
import { HostLink, IpLink, Ja4Link, Ja4Text } from "./values.tsx";

export interface FingerprintPageData {
  readonly ja4: string;
  readonly range: TimeRange;
  readonly facts: Loaded<Ja4Facts>;
  readonly lists: Loaded<Ja4Lists | undefined>;
  readonly traffic: Loaded<Traffic>;
  readonly userAgents: Loaded<{ rows: UserAgentRow[]; total: number }>;
  readonly uses: Loaded<{ addresses: Ja4UseRow[]; hosts: Ja4UseRow[] }>;
  readonly neighbours: Loaded<Ja4Neighbours>;
  readonly signals: Loaded<Ja4Signals>;
  readonly detections: Loaded<DetectionLine[]>;
  readonly week: Loaded<WeekHours>;
}

export function FingerprintPage(data: FingerprintPageData): VNode {
  const { ja4, range, facts, lists, traffic } = data;
  return (
    <>
      <div class="page-head">
        <h1 class="ja4-title">
          <Ja4Text ja4={ja4} />
        </h1>
        <CopyButton text={ja4} label="JA4" />
        {facts.ok && facts.value.label !== ""
          ? <ClientBadge label={facts.value.label} kind={facts.value.kind} />
          : null}
        <span class="page-note">{range.label}</span>
        <ListLink field="ja4" value={ja4} />
      </div>
      {facts.ok
        ? <Facts facts={facts.value} />
        : <ErrorCard message={facts.message} />}
      <div class="grid">
        <DecodeCard ja4={ja4} facts={facts} lists={lists} />
        <TrafficPanel
          title="Requests over time"
          traffic={traffic}
          range={range}
          empty={<Empty title="No request in this time range" />}
        />
        <Panel
          title="What the ClientHello offers"
          note="in the order it was sent; GREASE left out"
          class="span-24"
          loaded={lists}
        >
          {(value) =>
            value === undefined
              ? (
                <Empty title="Lists not captured yet">
                  Sections b and c are hashes; they can be read once the sensor
                  has captured a ClientHello with this JA4.
                </Empty>
              )
              : <Lists lists={value} />}
        </Panel>
        <Panel
          title="User agents"
          class="span-16 flush"
          loaded={data.userAgents}
          {...(data.userAgents.ok && data.userAgents.value.total > 0
            ? { note: `${count(data.userAgents.value.total)} different` }
            : {})}
        >
          {({ rows }) => <UserAgentTable rows={rows} addresses />}
        </Panel>
        <WeekHoursPanel week={data.week} class="span-8" />
        <NeighboursPanel ja4={ja4} neighbours={data.neighbours} />
        <SignalsPanel signals={data.signals} />
        <UsePanel
          title="Addresses"
          head="Address"
          class="span-8"
          rows={part(data.uses, ({ addresses }) => addresses)}
          show={(row) => <IpLink ip={row.value} />}
        />
        <UsePanel
          title="Hosts"
          head="Host"
          class="span-8"
          rows={part(data.uses, ({ hosts }) => hosts)}
          show={(row) => <HostLink host={row.value} max={36} />}
        />
        <DetectionLines
          lines={data.detections}
          class="span-8"
          of={termOf("ja4", ja4)}
          address
        />
      </div>
    </>
  );
}

function Facts({ facts }: { facts: Ja4Facts }): VNode {
  const { requests } = facts;
  return (
    <FactsStrip label="Facts">
      <Fact name="Requests">
        <span title={count(requests)}>{compact(requests)}</span>
      </Fact>
      <Fact name="Of all traffic">{percent(facts.trafficShare)}</Fact>
      <Fact name="Handshakes">{compact(facts.handshakes)}</Fact>
      <Fact name="Addresses">{compact(facts.addresses)}</Fact>
      <Fact name="Hosts">{compact(facts.hosts)}</Fact>
      <Fact name="Client errors">
        {percent(requests === 0 ? 0 : facts.status4xx / requests)}
      </Fact>
      <SeenFacts {...facts} />
    </FactsStrip>
  );
}

function DecodeCard(
  { ja4, facts, lists }: {
    ja4: string;
    facts: Loaded<Ja4Facts>;
    lists: Loaded<Ja4Lists | undefined>;
  },
): VNode {
  const { a, b, c } = ja4Parts(ja4);
  const known = lists.ok ? lists.value : undefined;
  return (
    <Card title="Decoded" class="span-8">
      <dl class="decode">
        {decodeSectionA(a).map(({ code, meaning }) => (
          <Fragment key={code}>
            <dt class="ja4-a">{code}</dt>
            <dd>{meaning}</dd>
          </Fragment>
        ))}
        <dt class="ja4-b">{b}</dt>
        <dd>
          {known === undefined
            ? "hash of the cipher suites"
            : `hash of ${
              plural(known.cipher_suites.length, "cipher suite")
            }, sorted`}
        </dd>
        <dt class="ja4-c">{c}</dt>
        <dd>
          {known === undefined
            ? "hash of extensions and signature algorithms"
            : `hash of the extensions, sorted, and ${
              plural(known.signature_algorithms.length, "signature algorithm")
            }`}
        </dd>
        <dt>client</dt>
        <dd>
          {!facts.ok || facts.value.label === ""
            ? <span class="muted">not in the reference data</span>
            : (
              <>
                <ClientBadge
                  label={facts.value.label}
                  kind={facts.value.kind}
                />
                <span class="muted small">
                  {" "}
                  {printable(facts.value.kind)}, source:{" "}
                  {printable(facts.value.source)}
                </span>
              </>
            )}
        </dd>
        {known === undefined ? null : (
          <>
            <dt>ALPN</dt>
            <dd>
              {known.client_alpns.length === 0
                ? "none offered"
                : <bdi>{printable(known.client_alpns.join(", "))}</bdi>}
            </dd>
            <dt>GREASE</dt>
            <dd>{known.grease ? "sent, as browsers do" : "not sent"}</dd>
            {known.ja4_stable === "" || known.ja4_stable === ja4 ? null : (
              <>
                <dt>stable</dt>
                <dd class="wrap">
                  <Ja4Link ja4={known.ja4_stable} />
                </dd>
              </>
            )}
            {known.ja3 === "" ? null : (
              <>
                <dt>JA3</dt>
                <dd class="mono small wrap">{printable(known.ja3)}</dd>
              </>
            )}
          </>
        )}
      </dl>
    </Card>
  );
}

function Lists({ lists }: { lists: Ja4Lists }): VNode {
  return (
    <div class="code-lists">
      <CodeList
        title="Cipher suites"
        kind="cipher_suite"
        codes={lists.cipher_suites}
      />
      <CodeList
        title="Extensions"
        kind="extension"
        codes={lists.extensions}
      />
      <CodeList
        title="Groups"
        kind="supported_group"
        codes={lists.supported_groups}
        marked={lists.key_share_groups}
      />
      <CodeList
        title="Signature algorithms"
        kind="signature_algorithm"
        codes={lists.signature_algorithms}
      />
    </div>
  );
}

function CodeList(
  { title, kind, codes, marked = [] }: {
    title: string;
    kind: CodePointKind;
    codes: readonly number[];
    /** Of the codes, those with a key share. */
    marked?: readonly number[];
  },
): VNode {
  return (
    <section>
      <h3>
        {title} <span class="muted">{codes.length}</span>
      </h3>
      {codes.length === 0 ? <p class="muted">none</p> : (
        <ol>
          {codes.map((code, index) => {
            const name = codePointName(kind, code);
            return (
              <li key={index}>
                <code>{hexCode(code)}</code>
                <span class="code-name">
                  {name === undefined
                    ? <span class="muted">not registered</span>
                    : <CodeName name={name} />}
                  {name !== undefined && isWeak(kind, name)
                    ? <span class="badge warn">weak</span>
                    : null}
                  {name !== undefined && isPostQuantum(kind, name)
                    ? <span class="badge ok">post-quantum</span>
                    : null}
                  {marked.includes(code)
                    ? <span class="badge">key share</span>
                    : null}
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </section>
  );
}
