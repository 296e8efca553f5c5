/** What the API tells of an address, network, country, host, JA4 or user agent. @module */
import { parseIp } from "../../lib/ip.ts";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { loadDetectionsOf } from "../data/detections_of.ts";
import {
  type Entity,
  loadAnomalousShares,
  loadEntityFacts,
  loadMembers,
  MEMBERS,
  scoredEntitySql,
} from "../data/entity.ts";
import { canonicalNetwork } from "../data/paths.ts";
import type { TimeRange } from "../data/range.ts";
import { isJa4 } from "../data/search.ts";
import {
  findUserAgent,
  loadClaiming,
  loadUserAgentFacts,
  loadUserAgentUses,
} from "../data/user_agent.ts";

export const ENTITY_KINDS = [
  "ip",
  "net",
  "asn",
  "country",
  "host",
  "ja4",
  "ua",
] as const;
export type EntityKind = typeof ENTITY_KINDS[number];

/** The entity that a path names, in its one spelling; undefined if it is none or nothing of it is kept. */
export async function readEntity(
  db: Database,
  kind: EntityKind,
  value: string,
): Promise<Entity | undefined> {
  switch (kind) {
    case "ip": {
      const ip = parseIp(value);
      return ip === undefined ? undefined : { field: "ip", value: ip };
    }
    case "net": {
      const net = canonicalNetwork(value);
      return net === undefined ? undefined : { field: "net", value: net };
    }
    case "asn": {
      const number = Number(/^(?:AS)?([1-9]\d{0,9})$/i.exec(value)?.[1]);
      return number < 2 ** 32
        ? { field: "asn", value: String(number) }
        : undefined;
    }
    case "country":
      return /^[A-Z]{2}$/.test(value) ? { field: "country", value } : undefined;
    case "host":
      return value === "" ? undefined : { field: "host", value };
    case "ja4":
      return isJa4(value) ? { field: "ja4", value } : undefined;
    case "ua": {
      const userAgent = /^[0-9a-f]{16}$/.test(value)
        ? await findUserAgent(db, value)
        : undefined;
      return userAgent === undefined
        ? undefined
        : { field: "ua", value: userAgent };
    }
  }
}

interface Member {
  readonly value: string;
  readonly requests: number;
}

/** What is told of `entity` in `range`. */
export async function entityAnswer(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<Readonly<Record<string, unknown>>> {
  const ua = entity.field === "ua";
  const [known, found] = await Promise.all([
    ua ? userAgentFacts(db, entity.value, range) : facts(db, entity, range),
    loadDetectionsOf(
      db,
      ua ? sql`user_agent = ${entity.value}` : scoredDetections(entity),
    ),
  ]);
  return {
    kind: entity.field,
    value: entity.value,
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    ...known,
    detections: found.map(({ lastSeenMs, ...line }) => ({
      ...line,
      last_seen: new Date(lastSeenMs).toISOString(),
    })),
  };
}

/** Detections say network and country themselves, and a JA4 as the detector knows it. */
function scoredDetections(entity: Entity): ReturnType<typeof scoredEntitySql> {
  return entity.field === "asn"
    ? sql`asn = ${Number(entity.value)}`
    : entity.field === "country"
    ? sql`country = ${entity.value}`
    : scoredEntitySql(entity);
}

async function facts(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<Readonly<Record<string, unknown>>> {
  const [counts, shares, members] = await Promise.all([
    loadEntityFacts(db, entity, range),
    loadAnomalousShares(db, entity, range),
    loadMembers(db, entity, range),
  ]);
  return {
    requests: counts.requests,
    handshakes: counts.handshakes,
    addresses: counts.addresses,
    status_4xx: counts.status4xx,
    status_5xx: counts.status5xx,
    anomalous_share: shares.here ?? null,
    ...seen(counts),
    ...Object.fromEntries(
      MEMBERS.map((member) => [`${member}s`, members[member].map(memberOf)]),
    ),
  };
}

/** The counters do not hold User-Agents: what is known of one comes from the requests. */
async function userAgentFacts(
  db: Database,
  userAgent: string,
  range: TimeRange,
): Promise<Readonly<Record<string, unknown>>> {
  const [counts, uses, claiming] = await Promise.all([
    loadUserAgentFacts(db, userAgent, range),
    loadUserAgentUses(db, userAgent, range),
    loadClaiming(db, userAgent, range),
  ]);
  return {
    requests: counts.requests,
    handshakes: null,
    addresses: counts.addresses,
    status_4xx: counts.status4xx,
    status_5xx: null,
    anomalous_share: null,
    ...seen(counts),
    ips: uses.ips.map(memberOf),
    hosts: uses.hosts.map(memberOf),
    ja4s: claiming.map(({ ja4, requests }) => ({ value: ja4, requests })),
    asns: [],
  };
}

function memberOf({ value, requests }: Member): Member {
  return { value, requests };
}

function seen(
  { firstSeenMs, lastSeenMs }: {
    readonly firstSeenMs?: number;
    readonly lastSeenMs?: number;
  },
): Record<"first_seen" | "last_seen", string | null> {
  const text = (ms?: number): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return { first_seen: text(firstSeenMs), last_seen: text(lastSeenMs) };
}
