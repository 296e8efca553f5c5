/**
 * Detections that act as one: union-find over what clients cannot easily vary all at once (TLS
 * family, header order, language, encodings, claimed browser). Pure.
 *
 * @module
 */
import { SEVERITIES, type Severity } from "../lib/events.ts";
import { printable, shorten } from "../lib/text.ts";
import { ja4Family } from "./features.ts";
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
  readonly header_order: string;
}

/** A campaign among the verdicts of one cycle. */
export interface FoundCampaign {
  readonly shared: Shared;
  /** Text of `shared` by which the campaign is found again. */
  readonly key: string;
  readonly title: string;
  readonly severity: Severity;
  readonly addresses: number;
  readonly members: readonly WindowVerdict[];
}

/** Groups the verdicts that have a severity. */
export function findCampaigns(
  verdicts: readonly WindowVerdict[],
): FoundCampaign[] {
  const shown = verdicts.filter(({ severity }) => severity !== undefined);
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
    const members = group.map((i) => shown[i] as WindowVerdict);
    const addresses = new Set(members.map(({ facts }) => facts.src_ip)).size;
    return addresses >= CAMPAIGN_ADDRESSES_MIN
      ? [describe(members, addresses)]
      : [];
  });
}

/** Strings of which two members of a campaign share at least one. */
function traitsOf({ facts }: WindowVerdict): string[] {
  return facts.signatures
    .filter(([{ kind }]) => kind !== "no-cors")
    .map(([signature]) =>
      JSON.stringify([
        facts.http_host,
        ja4Family(facts.ja4),
        signature.ua_family,
        signature.ua_version,
        signature.stable_order,
        signature.accept_language,
        signature.accept_encoding,
      ])
    );
}

function describe(
  members: readonly WindowVerdict[],
  addresses: number,
): FoundCampaign {
  const { facts } = members[0] as WindowVerdict;
  const [signature] =
    facts.signatures.find(([{ kind }]) => kind !== "no-cors") ??
      facts.signatures[0] ?? [];
  const shared = {
    ja4_family: ja4Family(facts.ja4),
    client: browserName(facts),
    http_host: facts.http_host,
    accept_language: signature?.accept_language ?? "",
    header_order: signature?.stable_order ?? "",
  };
  const failing = members.filter(({ facts }) => facts.sign_in_failures > 0);
  const attacked = failing.length * 2 > members.length;
  const host = shorten(printable(facts.http_host), 60) || "an unnamed host";
  const client = facts.ua_family === "" || facts.ua_family === "other"
    ? "like clients"
    : browserName(facts);
  const highest = worst(...members.map(({ severity }) => severity)) ?? "low";
  const raised = SEVERITIES.indexOf(highest) < 1 && addresses >= 10
    ? "medium"
    : highest;
  return {
    shared,
    key: JSON.stringify(shared),
    title: attacked
      ? `Sign-in attempts on ${host} from ${addresses} addresses as ${client}`
      : `${addresses} addresses acting as one ${client} on ${host}`,
    severity: attacked && addresses >= CRITICAL_ADDRESSES ? "critical" : raised,
    addresses,
    members,
  };
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
