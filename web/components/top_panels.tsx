/** The three tops of the Overview. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import { withParams } from "../data/range.ts";
import {
  type Source,
  SOURCES,
  TOP_ORDERS,
  type TopFingerprint,
  type TopOrder,
  type TopRow,
  type TopSource,
} from "../data/top.ts";
import { type Column, figure, TablePanel } from "./data_table.tsx";
import { count, percent } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Switch } from "./panel.tsx";
import { ShareBar } from "./small_charts.tsx";
import {
  AsnLink,
  CountryLink,
  HostLink,
  IpLink,
  Ja4Link,
  networkText,
} from "./values.tsx";

const ORDER_WORDS: Readonly<Record<TopOrder, string>> = {
  requests: "Requests",
  anomalous: "Anomalous",
  new: "New",
};

/** Share from which a line is marked. */
const MARKED = 0.5;

const REQUESTS = figure<TopRow>("Requests", (row) => row.requests);
/** Anomalous share of a line; nothing where none of it is scored. */
const ANOMALOUS: Column<TopRow> = {
  head: "Anom.",
  num: true,
  class: ({ anomalousShare: share }) =>
    share === undefined ? "muted" : share >= MARKED ? "bad strong" : "",
  cell: ({ anomalousShare: share }) =>
    share === undefined ? "–" : percent(share),
};

/** A card with a top and the switch of its order, the parameter `name` of the URL. */
function TopPanel<Row extends TopRow>(
  { title, name, class: span, order, rows, columns }: {
    title: string;
    name: string;
    class: string;
    order: TopOrder;
    rows: Loaded<readonly Row[]>;
    columns: readonly Column<Row>[];
  },
): VNode {
  const { url } = usePage();
  return (
    <TablePanel
      title={title}
      class={span}
      loaded={rows}
      columns={columns}
      empty={<Empty title="Nothing seen in this time range" />}
      actions={
        <Switch
          label={`Order of ${title.toLowerCase()}`}
          options={TOP_ORDERS.map((one) => ({
            text: ORDER_WORDS[one],
            href: withParams(url, { [name]: one === "requests" ? "" : one }),
            current: one === order,
          }))}
        />
      }
    />
  );
}

/** Badge of a client by its kind. */
export function ClientBadge(
  { label, kind }: { label: string; kind: string },
): VNode {
  if (label === "") return <span class="muted">unknown</span>;
  const tone = kind === "browser" ? "" : kind === "malware" ? " bad" : " warn";
  return (
    <span class={`badge client${tone}`} title={printable(label)}>
      <span>{printable(label)}</span>
    </span>
  );
}

interface TopProps<Row> {
  readonly rows: Loaded<readonly Row[]>;
  readonly order: TopOrder;
}

export function TopFingerprints(top: TopProps<TopFingerprint>): VNode {
  return (
    <TopPanel
      {...top}
      title="Fingerprints"
      name="fp"
      class="span-9"
      columns={[
        {
          head: "JA4 and likely client",
          class: "address",
          cell: (row) => (
            <>
              <Ja4Link ja4={row.value} />
              {row.value === "" ? null : (
                <span class="second">
                  <ClientBadge label={row.client} kind={row.kind} />
                </span>
              )}
            </>
          ),
        },
        REQUESTS,
        ANOMALOUS,
      ]}
    />
  );
}

const SOURCE_WORDS: Readonly<Record<Source, string>> = {
  ip: "Address",
  asn: "Network",
  country: "Country",
};

export function TopSources(
  { source, ...top }: TopProps<TopSource> & { source: Source },
): VNode {
  const { url } = usePage();
  return (
    <TopPanel
      {...top}
      title="Sources"
      name="ip"
      class="span-9"
      columns={[
        {
          head: (
            <nav class="head-switch" aria-label="What sources are counted by">
              {SOURCES.map((one) => (
                <a
                  key={one}
                  href={withParams(url, { by: one === "ip" ? "" : one })}
                  {...(one === source
                    ? { "aria-current": "true" as const }
                    : {})}
                >
                  {SOURCE_WORDS[one]}
                </a>
              ))}
            </nav>
          ),
          class: "address",
          cell: (row) => <SourceCell row={row} source={source} />,
        },
        REQUESTS,
        ANOMALOUS,
      ]}
    />
  );
}

function SourceCell(
  { row, source }: { row: TopSource; source: Source },
): VNode {
  if (source === "country") return <CountryLink country={row.value} />;
  if (source === "asn") {
    return (
      <>
        <AsnLink asn={row.asn} />
        <span class="second">
          {networkText({ ...row, asn: 0 })}
        </span>
      </>
    );
  }
  return (
    <>
      <IpLink ip={row.value} />
      <span class="second">{networkText(row)}</span>
    </>
  );
}

export function TopHosts(top: TopProps<TopRow>): VNode {
  const list = top.rows.ok ? top.rows.value : [];
  const most = Math.max(1, ...list.map((row) => row.requests));
  return (
    <TopPanel
      {...top}
      title="Hosts"
      name="host"
      class="span-6"
      columns={[
        {
          head: "Host",
          class: "clip wide",
          cell: (row) => <HostLink host={row.value} max={28} />,
        },
        {
          head: "Requests",
          title: (row) => count(row.requests),
          cell: (row) => (
            <ShareBar
              share={row.requests / most}
              part={row.anomalousShare ?? 0}
              label={`${count(row.requests)} requests`}
            />
          ),
        },
        ANOMALOUS,
      ]}
    />
  );
}
