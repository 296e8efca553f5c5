/** A fingerprint decoded, small, for the page of a detection. @module */
import { Fragment, type VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import { codePointName, hexCode } from "../data/iana.ts";
import type { Ja4Facts, Ja4Lists, Ja4Neighbours } from "../data/ja4.ts";
import type { UserAgentRow } from "../data/address.ts";
import { decodeSectionA } from "../data/ja4_decode.ts";
import { withRange } from "../data/range.ts";
import { claimOf } from "../data/user_agents.ts";
import CopyButton from "../islands/CopyButton.tsx";
import { count, percent, plural } from "./format.ts";
import { Icon } from "./icon.tsx";
import { usePage } from "./page_view.ts";
import { Card, Empty, PanelError } from "./panel.tsx";
import { CodeName } from "./text.tsx";
import { ClientBadge } from "./top_panels.tsx";
import { Ja4Link } from "./values.tsx";

export interface Ja4CardData {
  readonly ja4: string;
  readonly ja4Facts: Loaded<Ja4Facts>;
  readonly ja4Lists: Loaded<Ja4Lists | undefined>;
  readonly ja4Neighbours: Loaded<Ja4Neighbours>;
  readonly userAgents: Loaded<{ rows: UserAgentRow[]; total: number }>;
}

export function Ja4Card(data: Ja4CardData): VNode {
  const { ja4, ja4Facts, ja4Lists, ja4Neighbours, userAgents } = data;
  const { url } = usePage();
  if (ja4 === "") {
    return (
      <Card title="JA4" note="fingerprint of the TLS handshake">
        <Empty title="No handshake was seen">
          The requests came without TLS, or over a connection whose ClientHello
          was not captured.
        </Empty>
      </Card>
    );
  }
  const failed = [ja4Facts, ja4Lists, ja4Neighbours, userAgents].find((part) =>
    !part.ok
  );
  return (
    <Card
      title="JA4"
      note="fingerprint of the TLS handshake"
      actions={
        <a href={withRange(`/ja4/${ja4}`, url)}>
          <Icon name="arrow-up-right" /> JA4 page
        </a>
      }
    >
      <p class="ja4-box">
        <Ja4Link ja4={ja4} />
        <CopyButton text={ja4} label="JA4" />
      </p>
      {failed !== undefined && !failed.ok
        ? <PanelError message={failed.message} />
        : null}
      <dl class="decode">
        {decodeSectionA(ja4.split("_")[0] ?? "").map(({ code, meaning }) => (
          <Fragment key={code}>
            <dt class="ja4-a">{code}</dt>
            <dd>{meaning}</dd>
          </Fragment>
        ))}
        <dt class="ja4-b">b</dt>
        <dd>
          {ja4Lists.ok && ja4Lists.value !== undefined
            ? (
              <FirstCodes
                kind="cipher_suite"
                codes={ja4Lists.value.cipher_suites}
                noun="ciphers"
              />
            )
            : "ciphers not captured yet"}
        </dd>
        <dt class="ja4-c">c</dt>
        <dd>
          {ja4Lists.ok && ja4Lists.value !== undefined
            ? (
              <>
                <FirstCodes
                  kind="extension"
                  codes={ja4Lists.value.extensions}
                  noun="extensions"
                />, {plural(
                  ja4Lists.value.signature_algorithms.length,
                  "signature algorithm",
                )}
              </>
            )
            : "extensions not captured yet"}
        </dd>
        {ja4Facts.ok
          ? (
            <>
              <dt>is</dt>
              <dd>
                <ClientBadge
                  label={ja4Facts.value.label}
                  kind={ja4Facts.value.kind}
                />
              </dd>
            </>
          )
          : null}
      </dl>
      {userAgents.ok && userAgents.value.total > 1
        ? <UserAgentNotice {...userAgents.value} />
        : null}
      <footer class="card-foot">
        {ja4Neighbours.ok
          ? (
            <span>
              Same b: {count(ja4Neighbours.value.b.total)} JA4 · Same c:{" "}
              {count(ja4Neighbours.value.c.total)} JA4
            </span>
          )
          : null}
        {ja4Facts.ok
          ? <span>{percent(ja4Facts.value.trafficShare)} of traffic</span>
          : null}
      </footer>
    </Card>
  );
}

/** The first two names and how many more. */
function FirstCodes(
  { kind, codes, noun }: {
    kind: "cipher_suite" | "extension";
    codes: readonly number[];
    noun: string;
  },
): VNode {
  if (codes.length === 0) return <>no {noun}</>;
  return (
    <>
      {codes.slice(0, 2).map((code, index) => (
        <Fragment key={code}>
          {index === 0 ? null : ", "}
          <CodeName
            name={codePointName(kind, code) ?? `0x${hexCode(code)}`}
          />
        </Fragment>
      ))}
      {codes.length > 2 ? `, +${codes.length - 2} ${noun}` : null}
    </>
  );
}

/** That one handshake goes under several names is worth a word. */
function UserAgentNotice(
  { rows, total }: { rows: readonly UserAgentRow[]; total: number },
): VNode {
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  const claims = new Map<string, number>();
  for (const row of rows) {
    const { product } = claimOf(row.user_agent);
    claims.set(product, (claims.get(product) ?? 0) + row.requests);
  }
  const top = [...claims].sort((a, b) => b[1] - a[1]).slice(0, 2);
  return (
    <p class="notice warn">
      <Icon name="triangle-alert" />
      <span>
        Seen with {plural(total, "user agent")} in a day.{" "}
        {top.map(([product, n], index) => (
          <>
            {index === 0 ? "" : ", "}
            {percent(requests === 0 ? 0 : n / requests)}{" "}
            {index === 0 ? "say " : ""}
            <bdi>{printable(product).slice(0, 60)}</bdi>
          </>
        ))}
        .
      </span>
    </p>
  );
}
