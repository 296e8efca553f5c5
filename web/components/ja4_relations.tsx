/** A fingerprint among the others: its neighbours and what tells them apart, and where it stands. @module */
import type { VNode } from "preact";
import { printable } from "../../lib/text.ts";
import type { Loaded } from "../data/ask.ts";
import { type CodePointKind, codePointName, hexCode } from "../data/iana.ts";
import type {
  Ja4Difference,
  Ja4Neighbour,
  Ja4Neighbours,
  Ja4Signals,
} from "../data/ja4.ts";
import { ja4Parts } from "../data/ja4_decode.ts";
import { count, percent, plural } from "./format.ts";
import { Panel } from "./panel.tsx";
import { Ago } from "./text.tsx";
import { Ja4Link } from "./values.tsx";

const SECTION_WORDS = {
  b: "Same ciphers",
  c: "Same extensions",
  a: "Same version, counts and ALPN",
} as const;

export function NeighboursPanel(
  { ja4, neighbours }: { ja4: string; neighbours: Loaded<Ja4Neighbours> },
): VNode {
  const parts = ja4Parts(ja4);
  return (
    <Panel title="Neighbours" class="span-16 flush" loaded={neighbours}>
      {(value) => (
        <div class="neighbours">
          {(["b", "c", "a"] as const).map((section) => (
            <section key={section}>
              <h3>
                {SECTION_WORDS[section]}{" "}
                <span class={`ja4-${section} mono`}>{parts[section]}</span>{" "}
                <span class="muted">{count(value[section].total)}</span>
              </h3>
              <NeighbourList rows={value[section].rows} />
            </section>
          ))}
        </div>
      )}
    </Panel>
  );
}

function NeighbourList({ rows }: { rows: readonly Ja4Neighbour[] }): VNode {
  if (rows.length === 0) return <p class="muted">None that is kept.</p>;
  return (
    <ul>
      {rows.map((row) => (
        <li key={row.ja4}>
          <Ja4Link ja4={row.ja4} />
          <span class="muted">
            {row.client === "" ? "" : `${printable(row.client)} · `}
            <Ago ms={row.lastSeenMs} />
          </span>
          {row.difference === undefined
            ? null
            : <Difference difference={row.difference} />}
        </li>
      ))}
    </ul>
  );
}

const LISTS:
  readonly (readonly [keyof Ja4Difference, CodePointKind, string])[] = [
    ["cipher_suites", "cipher_suite", "cipher suite"],
    ["extensions", "extension", "extension"],
    ["signature_algorithms", "signature_algorithm", "signature algorithm"],
  ];
/** Names that are written out. */
const NAMES = 3;

/** `+ 1 extension: padding; − 2 cipher suites: ...`. */
function Difference({ difference }: { difference: Ja4Difference }): VNode {
  const parts = LISTS.flatMap(([list, kind, word]) => {
    const name = (code: number): string =>
      codePointName(kind, code) ?? hexCode(code);
    const { more, less } = difference[list];
    const words = (codes: readonly number[]): string =>
      `${plural(codes.length, word)}: ${
        codes.slice(0, NAMES).map(name).join(", ")
      }${codes.length > NAMES ? ", …" : ""}`;
    return [
      ...(more.length > 0 ? [`+ ${words(more)}`] : []),
      ...(less.length > 0 ? [`− ${words(less)}`] : []),
    ];
  });
  return (
    <span class="difference">
      {parts.length === 0
        ? "the same lists in another order"
        : parts.join("; ")}
    </span>
  );
}

export function SignalsPanel(
  { signals }: { signals: Loaded<Ja4Signals> },
): VNode {
  return (
    <Panel
      title="Signals"
      note="in this time range"
      class="span-8"
      loaded={signals}
    >
      {(value) => (
        <dl class="facts-list">
          <Share name="Over HTTP/2 or 3" share={value.http2} />
          <Share name="Claims to be a browser" share={value.claimsBrowser} />
          <Share
            name="Answered from its cache (304)"
            share={value.notModified}
          />
          <Share name="Sends no cookie" share={value.withoutCookie} />
          <Share name="Anomalous" share={value.anomalous} />
          <Rank name="Requests" rank={value.ranks.requests} of={value.of} />
          <Rank name="Addresses" rank={value.ranks.addresses} of={value.of} />
          <Rank name="Hosts" rank={value.ranks.hosts} of={value.of} />
        </dl>
      )}
    </Panel>
  );
}

function Share(
  { name, share }: { name: string; share: number | undefined },
): VNode {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {share === undefined
          ? <span class="muted">no requests</span>
          : percent(share)}
      </dd>
    </>
  );
}

function Rank(
  { name, rank, of }: { name: string; rank: number; of: number },
): VNode {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {of === 0 ? <span class="muted">none</span> : (
          <>
            rank {count(rank)} of {count(of)}{" "}
            <span class="muted">
              top {percent(rank / of)}
            </span>
          </>
        )}
      </dd>
    </>
  );
}
