/** Values of the traffic as links to what the dashboard knows of them. Never cut: IP and JA4. @module */
import type { ComponentChildren, VNode } from "preact";
import { ja4Parts } from "../data/ja4_decode.ts";
import { pathOf } from "../data/paths.ts";
import { isJa4 } from "../data/search.ts";
import { withRange } from "../data/range.ts";
import { valueMenuPath } from "../data/value_actions.ts";
import { printable } from "../../lib/text.ts";
import { usePage } from "./page_view.ts";
import { Hostile, hostileText } from "./text.tsx";

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

/**
 * A value of the traffic: a link to its page where it has one, and a link to what can be done with it
 * (routes/value.tsx). With a script the second opens as a menu in place (islands/ValueMenu.tsx).
 */
export function Value(
  { field, value, max = 60, class: own = "", children }: {
    /** As the query language calls it: ip, net, asn, country, ja4, host, ua, path, method, status. */
    field: string;
    value: string;
    /** Longest that is shown of a text. */
    max?: number;
    class?: string;
    /** The value as it is shown, if not as text. */
    children?: ComponentChildren;
  },
): VNode {
  const { url } = usePage();
  const path = pathOf(field, value);
  const shown = children ?? <Hostile text={value} max={max} />;
  const classes = `value ${own}`.trim();
  return (
    <span class="v">
      {path === undefined
        ? <span class={classes}>{shown}</span>
        : <a class={classes} href={withRange(path, url)}>{shown}</a>}
      <a
        class="pick"
        href={valueMenuPath(field, value)}
        aria-label={`More for ${hostileText(value, 32)}`}
      >
        ⋯
      </a>
    </span>
  );
}

/** A JA4 that leads to its page; without one, the words. */
export function Ja4Link({ ja4 }: { ja4: string }): VNode {
  if (!isJa4(ja4)) {
    return (
      <span class="muted">{ja4 === "" ? "no handshake" : printable(ja4)}</span>
    );
  }
  return (
    <Value field="ja4" value={ja4}>
      <Ja4Text ja4={ja4} />
    </Value>
  );
}

/** An address that leads to its page. */
export function IpLink({ ip }: { ip: string }): VNode {
  return <Value field="ip" value={ip} class="mono">{ip}</Value>;
}

/** A host that leads to its page. */
export function HostLink(
  { host, max = 60 }: { host: string; max?: number },
): VNode {
  if (host === "") return <span class="muted">(no host)</span>;
  return <Value field="host" value={host} max={max} />;
}

/** A User-Agent that leads to its page. */
export function UserAgentLink(
  { userAgent, max = 90 }: { userAgent: string; max?: number },
): VNode {
  if (userAgent === "") return <span class="muted">(none)</span>;
  return <Value field="ua" value={userAgent} max={max} />;
}

/** A network that leads to its page; 0 is one that is not known. */
export function AsnLink({ asn }: { asn: number }): VNode {
  if (asn === 0) return <span class="muted">not known</span>;
  return <Value field="asn" value={String(asn)}>AS{asn}</Value>;
}

const COUNTRIES = new Intl.DisplayNames("en", { type: "region" });

/** Name of a country in English, its code where it is none. */
export function countryName(code: string): string {
  if (!/^[A-Z]{2}$/.test(code)) return printable(code);
  return COUNTRIES.of(code) ?? code;
}

/** A country that leads to its page. */
export function CountryLink({ country }: { country: string }): VNode {
  if (country === "") return <span class="muted">not known</span>;
  return (
    <Value field="country" value={country}>
      {countryName(country)} <span class="muted">{printable(country)}</span>
    </Value>
  );
}

/** The network of an address as links: AS number, organisation, country. */
export function NetworkLinks(
  { asn, as_org = "", country }: {
    asn: number;
    as_org?: string;
    country: string;
  },
): VNode {
  return (
    <>
      {asn === 0 ? null : <AsnLink asn={asn} />} {printable(as_org)}{" "}
      {country === ""
        ? null
        : <Value field="country" value={country}>{printable(country)}</Value>}
      {asn === 0 && as_org === "" && country === ""
        ? <span class="muted">not known</span>
        : null}
    </>
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
