/**
 * Detections that act as one: union-find over what clients cannot easily vary all at once (TLS
 * family, header order, language, encodings, TCP signature, claimed browser), then split by what
 * they do. Pure.
 *
 * @module
 */
import type { Severity } from "../lib/events.ts";
import { printable, shorten } from "../lib/text.ts";
import { splitByBehaviour } from "./behaviour.ts";
import { groupOf, ja4Family } from "./features.ts";
import type { Learned } from "./learned.ts";
import { networkOf } from "./networks.ts";
import { browserName } from "./rules.ts";
import type { WindowVerdict } from "./verdict.ts";
import { worst } from "./verdict.ts";

/** Addresses from which likeness is a campaign and no chance. */
export const CAMPAIGN_ADDRESSES_MIN = 5;
/** Addresses from which a campaign that fails to sign in is critical. */
const CRITICAL_ADDRESSES = 20;

/** What the members of a campaign share. */
export interface Shared {
  readonly ja4_family: string;
  readonly client: string;
  readonly http_host: string;
  readonly accept_language: string;
  readonly accept_encoding: string;
  readonly header_order: string;
  readonly tcp_signature: string;
}

/** What tells a campaign from chance. */
export interface CampaignStats {
  /** A /24 or /48 each. */
  readonly networks: number;
  /** Its addresses as a share of all that have its fingerprint; 1 = nobody else has it. */
  readonly excess: number;
  /** Share of its windows of two requests and more that fetch no asset. */
  readonly homogeneity: number;
  /** Share of its addresses that were first seen within the same hour. */
  readonly first_hour_share: number;
  readonly requests_an_hour: number;
}

/** A campaign among the verdicts of one cycle. */
export interface FoundCampaign {
  readonly shared: Shared;
  /** Text of `shared` by which the campaign is found again. */
  readonly key: string;
  readonly title: string;
  readonly severity: Severity;
  readonly addresses: number;
  readonly stats: CampaignStats;
  readonly members: readonly WindowVerdict[];
}

/** Groups the verdicts that have a severity. `learned`: for how common a fingerprint is anyway. */
export function findCampaigns(
  verdicts: readonly WindowVerdict[],
  learned?: Learned,
): FoundCampaign[] {
  const shown = verdicts.filter(({ severity, facts }) =>
    severity !== undefined && facts.requests > 0
  );
  const sets = new UnionFind(shown.length);
  const firstWith = new Map<string, number>();
  for (const [i, verdict] of shown.entries()) {
    for (const trait of traitsOf(verdict)) {
      const first = firstWith.get(trait);
      if (first === undefined) firstWith.set(trait, i);
      else sets.join(first, i);
    }
  }
  const groups = Map.groupBy(shown.keys(), (i) => sets.find(i));
  return [...groups.values()].flatMap((group) => {
    const windows = group.map((i) => shown[i] as WindowVerdict);
    return splitByBehaviour(windows).flatMap((part) => {
      const members = part.map((i) => windows[i] as WindowVerdict);
      const addresses = new Set(members.map(({ facts }) => facts.src_ip)).size;
      return addresses >= CAMPAIGN_ADDRESSES_MIN
        ? [describe(members, addresses, learned)]
        : [];
    });
  });
}

/** What the client's pages and forms share with those of others, as texts of {@linkcode Shared}. */
function traitsOf({ facts }: WindowVerdict): string[] {
  const named = facts.ua_family !== "" && facts.ua_family !== "other" &&
    facts.ua_family !== "bot";
  return facts.signatures
    .filter(([{ kind }]) => kind !== "no-cors")
    .map(([signature]) => {
      const shared: Shared = {
        ja4_family: ja4Family(facts.ja4),
        client: named ? browserName(signature) : "client",
        http_host: facts.http_host,
        accept_language: signature.accept_language,
        accept_encoding: signature.accept_encoding,
        header_order: signature.stable_order,
        tcp_signature: signature.tcp_signature,
      };
      return JSON.stringify(shared);
    });
}

function describe(
  members: readonly WindowVerdict[],
  addresses: number,
  learned: Learned | undefined,
): FoundCampaign {
  const shared = JSON.parse(commonest(members.flatMap(traitsOf))) as Shared;
  const failing = members.filter(({ facts }) => facts.sign_in_failures > 0);
  const attacked = failing.length * 2 > members.length;
  const host = shorten(printable(shared.http_host), 60) || "an unnamed host";
  const highest = worst(...members.map(({ severity }) => severity)) ?? "low";
  const raised = attacked || addresses >= 10
    ? worst(highest, "medium") ?? highest
    : highest;
  return {
    shared,
    key: JSON.stringify(shared),
    title: attacked
      ? `Sign-in attempts on ${host} from ${addresses} addresses as ${shared.client}`
      : `${addresses} addresses acting as one ${shared.client} on ${host}`,
    severity: attacked && addresses >= CRITICAL_ADDRESSES ? "critical" : raised,
    addresses,
    stats: statsOf(members, addresses, learned),
    members,
  };
}

function statsOf(
  members: readonly WindowVerdict[],
  addresses: number,
  learned: Learned | undefined,
): CampaignStats {
  const firstSeen = new Map<string, number>();
  let busy = 0;
  let bare = 0;
  let requests = 0;
  for (const { facts } of members) {
    requests += facts.requests;
    firstSeen.set(
      facts.src_ip,
      Math.min(firstSeen.get(facts.src_ip) ?? Infinity, facts.first_ts),
    );
    if (facts.requests < 2) continue;
    busy++;
    if (facts.assets <= 0.1 * facts.requests) bare++;
  }
  const hours = Map.groupBy(
    firstSeen.values(),
    (ts) => Math.floor(ts / 3600e6),
  );
  const usual = Math.max(
    0,
    ...members.slice(0, 100).flatMap(({ facts }) =>
      facts.signatures.slice(0, 3).map(([signature]) =>
        learned?.group(groupOf(facts.ja4, signature))?.addresses ?? 0
      )
    ),
  );
  const span = Math.max(
    3600e6,
    Math.max(...members.map(({ facts }) => facts.last_ts)) -
      Math.min(...members.map(({ facts }) => facts.first_ts)),
  );
  return {
    networks: new Set([...firstSeen.keys()].map(networkOf)).size,
    excess: usual === 0 ? 1 : Number((addresses / usual).toFixed(3)),
    homogeneity: busy === 0 ? 0 : Number((bare / busy).toFixed(3)),
    first_hour_share: Number(
      (Math.max(...[...hours.values()].map(({ length }) => length)) /
        addresses).toFixed(3),
    ),
    requests_an_hour: Math.round(requests / (span / 3600e6)),
  };
}

/** The text that occurs most often; of several the first in order: the same in each cycle. */
function commonest(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const [first] = [...counts].sort(([a, n], [b, m]) =>
    m - n || (a < b ? -1 : 1)
  );
  return first?.[0] ?? "{}";
}

/** Disjoint sets of 0..n-1, with path halving. */
class UnionFind {
  readonly #parent: Int32Array;
  constructor(n: number) {
    this.#parent = Int32Array.from({ length: n }, (_, i) => i);
  }
  find(i: number): number {
    let at = i;
    while (this.#parent[at] !== at) {
      const above = this.#parent[at] as number;
      this.#parent[at] = this.#parent[above] as number;
      at = this.#parent[at] as number;
    }
    return at;
  }
  join(i: number, j: number): void {
    this.#parent[this.find(j)] = this.find(i);
  }
}
