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
import { compact, count, percent } from "./format.ts";
import { usePage } from "./page_view.ts";
import { Empty, Panel, Switch } from "./panel.tsx";
import { ShareBar } from "./small_charts.tsx";
import { HostLink, IpLink, Ja4Link, networkText } from "./values.tsx";

const ORDER_WORDS: Readonly<Record<TopOrder, string>> = {
  requests: "Requests",
  anomalous: "Anomalous",
  new: "New",
};

/** Share from which a line is marked. */
const MARKED = 0.5;

function OrderSwitch(
  { name, order, label }: { name: string; order: TopOrder; label: string },
): VNode {
  const { url } = usePage();
  return (
    <Switch
      label={label}
      options={TOP_ORDERS.map((one) => ({
        text: ORDER_WORDS[one],
        href: withParams(url, { [name]: one === "requests" ? "" : one }),
        current: one === order,
      }))}
    />
  );
}

/** Anomalous share of a line; nothing where none of it is scored. */
function Anomalous({ row }: { row: TopRow }): VNode {
  const share = row.anomalousShare;
  if (share === undefined) return <td class="num muted">–</td>;
  return (
    <td class={share >= MARKED ? "num bad strong" : "num"}>{percent(share)}</td>
  );
}

function Requests({ row }: { row: TopRow }): VNode {
  return (
    <td class="num" title={count(row.requests)}>{compact(row.requests)}</td>
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

function NothingSeen(): VNode {
  return <Empty title="Nothing seen in this time range" />;
}

export function TopFingerprints(
  { rows, order }: { rows: Loaded<TopFingerprint[]>; order: TopOrder },
): VNode {
  return (
    <Panel
      title="Fingerprints"
      class="span-11 flush"
      loaded={rows}
      actions={
        <OrderSwitch name="fp" order={order} label="Order of fingerprints" />
      }
    >
      {(list) =>
        list.length === 0 ? <NothingSeen /> : (
          <div
            class="table-scroll"
            tabIndex={0}
            role="region"
            aria-label="Fingerprints"
          >
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">JA4</th>
                  <th scope="col">Likely client</th>
                  <th scope="col" class="num">Requests</th>
                  <th scope="col" class="num">Anom.</th>
                </tr>
              </thead>
              <tbody>
                {list.map((row) => (
                  <tr key={row.value}>
                    <td>
                      <Ja4Link ja4={row.value} />
                    </td>
                    <td class="clip wide">
                      {row.value === ""
                        ? null
                        : <ClientBadge label={row.client} kind={row.kind} />}
                    </td>
                    <Requests row={row} />
                    <Anomalous row={row} />
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
    </Panel>
  );
}

export function TopAddresses(
  { rows, order }: { rows: Loaded<TopAddress[]>; order: TopOrder },
): VNode {
  return (
    <Panel
      title="Addresses"
      class="span-7 flush"
      loaded={rows}
      actions={
        <OrderSwitch name="ip" order={order} label="Order of addresses" />
      }
    >
      {(list) =>
        list.length === 0 ? <NothingSeen /> : (
          <div
            class="table-scroll"
            tabIndex={0}
            role="region"
            aria-label="Addresses"
          >
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">Address</th>
                  <th scope="col" class="num">Requests</th>
                  <th scope="col" class="num">Anom.</th>
                </tr>
              </thead>
              <tbody>
                {list.map((row) => (
                  <tr key={row.value}>
                    <td class="address">
                      <IpLink ip={row.value} />
                      <span class="second">{networkText(row)}</span>
                    </td>
                    <Requests row={row} />
                    <Anomalous row={row} />
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
    </Panel>
  );
}

export function TopHosts(
  { rows, order }: { rows: Loaded<TopRow[]>; order: TopOrder },
): VNode {
  return (
    <Panel
      title="Hosts"
      class="span-6 flush"
      loaded={rows}
      actions={<OrderSwitch name="host" order={order} label="Order of hosts" />}
    >
      {(list) => {
        if (list.length === 0) return <NothingSeen />;
        const most = Math.max(...list.map((row) => row.requests));
        return (
          <div
            class="table-scroll"
            tabIndex={0}
            role="region"
            aria-label="Hosts"
          >
            <table class="data">
              <thead>
                <tr>
                  <th scope="col">Host</th>
                  <th scope="col">Requests</th>
                  <th scope="col" class="num">Anom.</th>
                </tr>
              </thead>
              <tbody>
                {list.map((row) => (
                  <tr key={row.value}>
                    <td class="clip wide">
                      <HostLink host={row.value} max={28} />
                    </td>
                    <td title={count(row.requests)}>
                      <ShareBar
                        share={row.requests / most}
                        part={row.anomalousShare ?? 0}
                        label={`${count(row.requests)} requests`}
                      />
                    </td>
                    <Anomalous row={row} />
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        );
      }}
    </Panel>
  );
}
