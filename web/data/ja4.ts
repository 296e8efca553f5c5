/** One fingerprint: its lists, who sends it, under which names, and what is like it. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askOne, ipText } from "./ask.ts";
import type { UserAgentRow } from "./address.ts";
import { ja4Parts } from "./ja4_decode.ts";
import type { TimeRange } from "./range.ts";

/** The lists behind a fingerprint, as one client sent them first. Code points in wire order. */
export interface Ja4Lists {
  readonly cipher_suites: readonly number[];
  readonly extensions: readonly number[];
  readonly supported_groups: readonly number[];
  readonly signature_algorithms: readonly number[];
  readonly key_share_groups: readonly number[];
  readonly client_alpns: readonly string[];
  readonly grease: boolean;
  readonly ja4_r: string;
  readonly ja4_stable: string;
  readonly ja3: string;
}

/** The lists of `ja4`; undefined while none is captured. */
export function loadJa4Lists(
  db: Database,
  ja4: string,
): Promise<Ja4Lists | undefined> {
  return askOne<Ja4Lists>(
    db,
    sql`SELECT cipher_suites, extensions, supported_groups, signature_algorithms, key_share_groups,
        client_alpns, grease, ja4_r, ja4_stable, ja3
      FROM ja4_catalog FINAL WHERE ja4 = ${ja4} AND notEmpty(cipher_suites)`,
  );
}

/** What is known of a fingerprint's traffic. */
export interface Ja4Facts {
  readonly requests: number;
  readonly handshakes: number;
  readonly addresses: number;
  readonly hosts: number;
  readonly status4xx: number;
  readonly status5xx: number;
  /** Share of all requests of the range, 0..1. */
  readonly trafficShare: number;
  /** Reference data: label, family, kind and where they are from; "" if it is not known there. */
  readonly label: string;
  readonly client: string;
  readonly kind: string;
  readonly source: string;
  readonly firstSeenMs?: number;
  readonly lastSeenMs?: number;
}

/** {@linkcode Ja4Facts} of `ja4` in `range`; without dates if it was never seen. */
export async function loadJa4Facts(
  db: Database,
  ja4: string,
  range: TimeRange,
): Promise<Ja4Facts> {
  const start = bucketStart(range);
  const [counts, all, seen, reference] = await Promise.all([
    askOne<
      Pick<
        Ja4Facts,
        | "requests"
        | "handshakes"
        | "addresses"
        | "hosts"
        | "status4xx"
        | "status5xx"
      >
    >(
      db,
      sql`SELECT toFloat64(sum(entity_5m.requests)) AS requests,
          toFloat64(sum(entity_5m.handshakes)) AS handshakes,
          toFloat64(uniqExact(src_ip)) AS addresses, toFloat64(uniqExact(http_host)) AS hosts,
          toFloat64(sum(status_4xx)) AS status4xx, toFloat64(sum(status_5xx)) AS status5xx
        FROM entity_5m WHERE ja4 = ${ja4} AND bucket >= ${start} AND bucket < ${range.to}`,
    ),
    askOne<{ requests: number }>(
      db,
      sql`SELECT toFloat64(sum(entity_5m.requests)) AS requests FROM entity_5m
        WHERE bucket >= ${start} AND bucket < ${range.to}`,
    ),
    askOne<{ first: number; last: number; n: number }>(
      db,
      sql`SELECT toFloat64(toUnixTimestamp64Milli(min(first_seen))) AS first,
          toFloat64(toUnixTimestamp64Milli(max(last_seen))) AS last, toUInt32(count()) AS n
        FROM clients_1h WHERE ja4 = ${ja4}`,
    ),
    askOne<Pick<Ja4Facts, "label" | "client" | "kind" | "source">>(
      db,
      sql`SELECT label, client, kind, origin AS source FROM ref_ja4 FINAL WHERE ja4 = ${ja4}
        ORDER BY ref_ja4.source = 'shipped', loaded_at DESC LIMIT 1`,
    ),
  ]);
  const requests = counts?.requests ?? 0;
  const total = all?.requests ?? 0;
  return {
    requests,
    handshakes: counts?.handshakes ?? 0,
    addresses: counts?.addresses ?? 0,
    hosts: counts?.hosts ?? 0,
    status4xx: counts?.status4xx ?? 0,
    status5xx: counts?.status5xx ?? 0,
    trafficShare: total === 0 ? 0 : requests / total,
    label: reference?.label ?? "",
    client: reference?.client ?? "",
    kind: reference?.kind ?? "",
    source: reference?.source ?? "",
    ...(seen !== undefined && seen.n > 0
      ? { firstSeenMs: seen.first, lastSeenMs: seen.last }
      : {}),
  };
}

function bucketStart(range: TimeRange): Date {
  return new Date(Math.floor(range.from.getTime() / 300_000) * 300_000);
}

/** User agents that came with `ja4` in the hours of `range`, and how many there are. */
export async function loadJa4UserAgents(
  db: Database,
  ja4: string,
  range: TimeRange,
): Promise<{ rows: UserAgentRow[]; total: number }> {
  const hour = new Date(
    Math.floor(range.from.getTime() / 3_600_000) * 3_600_000,
  );
  const where =
    sql`ja4 = ${ja4} AND hour >= ${hour} AND hour < ${range.to} AND user_agent != ''`;
  const [rows, total] = await Promise.all([
    ask<UserAgentRow>(
      db,
      sql`SELECT user_agent, toFloat64(sum(events)) AS requests,
          toFloat64(uniqCombinedMerge(12)(clients_1h.addresses)) AS addresses
        FROM clients_1h WHERE ${where}
        GROUP BY user_agent ORDER BY requests DESC LIMIT 12`,
    ),
    askOne<{ n: number }>(
      db,
      sql`SELECT toUInt32(uniqExact(user_agent)) AS n FROM clients_1h WHERE ${where}`,
    ),
  ]);
  return { rows, total: total?.n ?? 0 };
}

/** An address or host that sent or received a fingerprint. */
export interface Ja4UseRow {
  readonly value: string;
  readonly requests: number;
  readonly handshakes: number;
}

/** Addresses that sent `ja4` in `range`. */
export async function loadJa4Addresses(
  db: Database,
  ja4: string,
  range: TimeRange,
): Promise<Ja4UseRow[]> {
  const rows = await ask<Ja4UseRow>(
    db,
    sql`SELECT toString(src_ip) AS value, toFloat64(sum(entity_5m.requests)) AS requests,
        toFloat64(sum(entity_5m.handshakes)) AS handshakes
      FROM entity_5m
      WHERE ja4 = ${ja4} AND bucket >= ${
      bucketStart(range)
    } AND bucket < ${range.to}
      GROUP BY value ORDER BY requests DESC, handshakes DESC, value LIMIT 12`,
  );
  return rows.map((row) => ({ ...row, value: ipText(row.value) }));
}

/** Hosts that `ja4` was sent to in `range`. */
export async function loadJa4Hosts(
  db: Database,
  ja4: string,
  range: TimeRange,
): Promise<Ja4UseRow[]> {
  return await ask<Ja4UseRow>(
    db,
    sql`SELECT http_host AS value, toFloat64(sum(entity_5m.requests)) AS requests,
        toFloat64(sum(entity_5m.handshakes)) AS handshakes
      FROM entity_5m
      WHERE ja4 = ${ja4} AND bucket >= ${
      bucketStart(range)
    } AND bucket < ${range.to}
      GROUP BY value ORDER BY requests DESC, handshakes DESC, value LIMIT 12`,
  );
}

/** A fingerprint that shares a section with another. */
export interface Ja4Neighbour {
  readonly ja4: string;
  readonly client: string;
  readonly lastSeenMs: number;
}

/** Fingerprints that share section b (the same ciphers) or c (the same extensions and algorithms). */
export interface Ja4Neighbours {
  readonly sameB: readonly Ja4Neighbour[];
  readonly sameBTotal: number;
  readonly sameC: readonly Ja4Neighbour[];
  readonly sameCTotal: number;
}

/** Neighbours shown a section. */
const NEIGHBOURS = 8;

/** {@linkcode Ja4Neighbours} of `ja4` within all that is kept. */
export async function loadJa4Neighbours(
  db: Database,
  ja4: string,
): Promise<Ja4Neighbours> {
  const { b, c } = ja4Parts(ja4);
  const rows = await ask<Ja4Neighbour & { same_b: 0 | 1; same_c: 0 | 1 }>(
    db,
    sql`SELECT ja4, dictGet('dict_ja4', 'label', tuple(toString(ja4))) AS client,
        toFloat64(toUnixTimestamp64Milli(max(last_seen))) AS lastSeenMs,
        splitByChar('_', ja4)[2] = ${b} AS same_b, splitByChar('_', ja4)[3] = ${c} AS same_c
      FROM clients_1h WHERE ja4 != '' AND ja4 != ${ja4} AND (same_b OR same_c)
      GROUP BY ja4 ORDER BY lastSeenMs DESC LIMIT 1000`,
  );
  const sameB = rows.filter((row) => row.same_b === 1);
  const sameC = rows.filter((row) => row.same_c === 1);
  return {
    sameB: sameB.slice(0, NEIGHBOURS),
    sameBTotal: sameB.length,
    sameC: sameC.slice(0, NEIGHBOURS),
    sameCTotal: sameC.length,
  };
}
