/** The three tops of the Overview. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import { withParams } from "../data/range.ts";
import {
  TOP_ORDERS,
  type TopAddress,
  type TopFingerprint,
  type TopOrder,
  type TopRow,
} from "../data/top.ts";
import { type Column, figure, TablePanel } from "./data_table.tsx";
import { count, percent } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Switch } from "./panel.tsx";
import { ShareBar } from "./small_charts.tsx";
import { HostLink, IpLink, Ja4Link, networkText } from "./values.tsx";

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
    rows: Loaded<Row[]>;
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
  readonly rows: Loaded<Row[]>;
  readonly order: TopOrder;
}

export function TopFingerprints(top: TopProps<TopFingerprint>): VNode {
  return (
    <TopPanel
      {...top}
      title="Fingerprints"
      name="fp"
      class="span-11"
      columns={[
        { head: "JA4", cell: (row) => <Ja4Link ja4={row.value} /> },
        {
          head: "Likely client",
          class: "clip wide",
          cell: (row) =>
            row.value === ""
              ? null
              : <ClientBadge label={row.client} kind={row.kind} />,
        },
        REQUESTS,
        ANOMALOUS,
      ]}
    />
  );
}

export function TopAddresses(top: TopProps<TopAddress>): VNode {
  return (
    <TopPanel
      {...top}
      title="Addresses"
      name="ip"
      class="span-7"
      columns={[
        {
          head: "Address",
          class: "address",
          cell: (row) => (
            <>
              <IpLink ip={row.value} />
              <span class="second">{networkText(row)}</span>
            </>
          ),
        },
        REQUESTS,
        ANOMALOUS,
      ]}
    />
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
