/** Values of the traffic as links to what the dashboard knows of them. Never cut: IP and JA4. @module */
import type { VNode } from "preact";
import { ja4Parts } from "../data/ja4_decode.ts";
import { isJa4 } from "../data/search.ts";
import { withRange } from "../data/range.ts";
import { printable } from "../../lib/text.ts";
import { usePage } from "./page_view.ts";
import { Hostile } from "./text.tsx";

/** A JA4 with its three sections told apart by colour and underscore. */
export function Ja4Text({ ja4 }: { ja4: string }): VNode {
  const { a, b, c } = ja4Parts(printable(ja4));
  return (
    <span class="ja4">
      <span class="ja4-a">{a}</span>_<span class="ja4-b">{b}</span>_
      <span class="ja4-c">{c}</span>
    </span>
  );
}

/** A JA4 that leads to its page; without one, the words. */
export function Ja4Link({ ja4 }: { ja4: string }): VNode {
  const { url } = usePage();
  if (!isJa4(ja4)) {
    return (
      <span class="muted">{ja4 === "" ? "no handshake" : printable(ja4)}</span>
    );
  }
  return (
    <a class="value" href={withRange(`/ja4/${ja4}`, url)}>
      <Ja4Text ja4={ja4} />
    </a>
  );
}

/** An address that leads to its page. */
export function IpLink({ ip }: { ip: string }): VNode {
  const { url } = usePage();
  return <a class="value mono" href={withRange(`/ip/${ip}`, url)}>{ip}</a>;
}

/** A host that leads to the detections on it. */
export function HostLink(
  { host, max = 60 }: { host: string; max?: number },
): VNode {
  const { url } = usePage();
  if (host === "") return <span class="muted">(no host)</span>;
  return (
    <a
      class="value"
      href={withRange("/detections", url, { host })}
      title="Detections on this host"
    >
      <Hostile text={host} max={max} />
    </a>
  );
}

/** A campaign that leads to its detections. */
export function CampaignLink({ id }: { id: string }): VNode {
  const { url } = usePage();
  return (
    <a
      class="badge campaign"
      href={withRange("/detections", url, { campaign: id })}
    >
      {printable(id)}
    </a>
  );
}

/** Network of an address: `AS64501 Example Hosting NL`, what is known of it. */
export function networkText(
  network: { asn: number; as_org?: string; country: string },
): string {
  return [
    network.asn === 0 ? "" : `AS${network.asn}`,
    printable(network.as_org ?? ""),
    printable(network.country),
  ].filter((part) => part !== "").join(" ");
}
