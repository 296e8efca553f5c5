/** One fingerprint: its lists, who sends it, under which names, and what is like it. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askEvents, askOne, ipText } from "./ask.ts";
import type { UserAgentRow } from "./address.ts";
import { ja4Parts } from "./ja4_decode.ts";
import type { TimeRange } from "./range.ts";
import type { Traffic } from "./traffic.ts";

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
  /** Places among the fingerprints of the range, 1 the most. */
  readonly ranks: Readonly<Record<"requests" | "addresses" | "hosts", number>>;
  /** Fingerprints of the range. */
  readonly of: number;
}

/** {@linkcode Ja4Facts} of `ja4` in `range`; without dates if it was never seen. */
export async function loadJa4Facts(
  db: Database,
  ja4: string,
  range: TimeRange,
): Promise<Ja4Facts> {
  const [counts, seen, reference] = await Promise.all([
    askOne<
      & Pick<
        Ja4Facts,
        | "requests"
        | "handshakes"
        | "addresses"
        | "hosts"
        | "status4xx"
        | "status5xx"
        | "of"
      >
      & Record<"total" | "by_requests" | "by_addresses" | "by_hosts", number>
    >(
      db,
      // One pass for the fingerprint, all that it is compared with, and all traffic.
      sql`SELECT toFloat64(sumIf(n, own)) AS requests, toFloat64(sumIf(hellos, own)) AS handshakes,
          toFloat64(sumIf(ips, own)) AS addresses, toFloat64(sumIf(names, own)) AS hosts,
          toFloat64(sumIf(refused, own)) AS status4xx, toFloat64(sumIf(failed, own)) AS status5xx,
          toFloat64(sum(n)) AS total, toFloat64(countIf(named)) AS of,
          toFloat64(1 + arrayCount(one -> one > requests, groupArrayIf(n, named))) AS by_requests,
          toFloat64(1 + arrayCount(one -> one > addresses, groupArrayIf(ips, named))) AS by_addresses,
          toFloat64(1 + arrayCount(one -> one > hosts, groupArrayIf(names, named))) AS by_hosts
        FROM (
          SELECT ja4 = ${ja4} AS own, ja4 != '' AS named, sum(entity_5m.requests) AS n,
            sum(entity_5m.handshakes) AS hellos, uniqExact(src_ip) AS ips, uniqExact(http_host) AS names,
            sum(status_4xx) AS refused, sum(status_5xx) AS failed
          FROM entity_5m WHERE bucket >= ${
        bucketStart(range)
      } AND bucket < ${range.to} GROUP BY ja4
        )`,
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
  const total = counts?.total ?? 0;
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
    of: counts?.of ?? 0,
    ranks: {
      requests: counts?.by_requests ?? 0,
      addresses: counts?.by_addresses ?? 0,
      hosts: counts?.by_hosts ?? 0,
    },
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
  const rows = await ask<UserAgentRow & { total: number }>(
    db,
    sql`SELECT user_agent, toFloat64(sum(events)) AS requests,
        toFloat64(uniqCombinedMerge(12)(clients_1h.addresses)) AS addresses, toUInt32(count() OVER ()) AS total
      FROM clients_1h
      WHERE ja4 = ${ja4} AND hour >= ${hour} AND hour < ${range.to} AND user_agent != ''
      GROUP BY user_agent ORDER BY requests DESC LIMIT 12`,
  );
  return {
    rows: rows.map(({ total: _, ...row }) => row),
    total: rows[0]?.total ?? 0,
  };
}

/** An address or host that sent or received a fingerprint. */
export interface Ja4UseRow {
  readonly value: string;
  readonly requests: number;
  readonly handshakes: number;
}

/** Addresses that sent `ja4` in `range`, and hosts that it was sent to. */
export async function loadJa4Uses(
  db: Database,
  ja4: string,
  range: TimeRange,
): Promise<{ addresses: Ja4UseRow[]; hosts: Ja4UseRow[] }> {
  const rows = await ask<Ja4UseRow & { kind: "ip" | "host" }>(
    db,
    sql`SELECT if(grouping(src_ip, http_host) = 1, 'ip', 'host') AS kind,
        if(kind = 'ip', toString(src_ip), toString(http_host)) AS value,
        toFloat64(sum(entity_5m.requests)) AS requests, toFloat64(sum(entity_5m.handshakes)) AS handshakes
      FROM entity_5m
      WHERE ja4 = ${ja4} AND bucket >= ${
      bucketStart(range)
    } AND bucket < ${range.to}
      GROUP BY GROUPING SETS ((src_ip), (http_host))
      ORDER BY kind, requests DESC, handshakes DESC, value LIMIT 12 BY kind`,
  );
  const of = (wanted: "ip" | "host"): Ja4UseRow[] =>
    rows.filter((row) => row.kind === wanted).map(({ kind: _, ...row }) => row);
  return {
    addresses: of("ip").map((row) => ({ ...row, value: ipText(row.value) })),
    hosts: of("host"),
  };
}

/** A fingerprint that shares a section with another. */
export interface Ja4Neighbour {
  readonly ja4: string;
  readonly client: string;
  readonly lastSeenMs: number;
  /** What its ClientHello has more and less; undefined while the lists of either are not captured. */
  readonly difference?: Ja4Difference;
}

/** Code points that one ClientHello offers and another does not. */
export type Ja4Difference = Readonly<
  Record<
    "cipher_suites" | "extensions" | "signature_algorithms",
    { readonly more: readonly number[]; readonly less: readonly number[] }
  >
>;

/** Fingerprints that share section a (version, counts, ALPN), b (ciphers) or c (extensions and algorithms). */
export type Ja4Neighbours = Readonly<
  Record<
    "a" | "b" | "c",
    { readonly rows: readonly Ja4Neighbour[]; readonly total: number }
  >
>;

/** Neighbours shown a section. */
const NEIGHBOURS = 6;

type Lists = Pick<
  Ja4Lists,
  "cipher_suites" | "extensions" | "signature_algorithms"
>;

/** {@linkcode Ja4Neighbours} of `ja4`, whose lists are `lists`, within all that is kept. */
export async function loadJa4Neighbours(
  db: Database,
  ja4: string,
  lists: Promise<Ja4Lists | undefined>,
): Promise<Ja4Neighbours> {
  const { a, b, c } = ja4Parts(ja4);
  const [rows, own] = await Promise.all([
    ask<
      & Omit<Ja4Neighbour, "difference">
      & Lists
      & Record<"same_a" | "same_b" | "same_c", 0 | 1>
    >(
      db,
      sql`SELECT ja4, client, last_ms AS lastSeenMs, same_a, same_b, same_c,
          cipher_suites, extensions, signature_algorithms
        FROM (
          SELECT toString(ja4) AS ja4, dictGet('dict_ja4', 'label', tuple(ja4)) AS client,
            toFloat64(toUnixTimestamp64Milli(max(last_seen))) AS last_ms,
            splitByChar('_', ja4)[1] = ${a} AS same_a, splitByChar('_', ja4)[2] = ${b} AS same_b,
            splitByChar('_', ja4)[3] = ${c} AS same_c
          FROM clients_1h WHERE ja4 != '' AND ja4 != ${ja4} AND (same_a OR same_b OR same_c)
          GROUP BY ja4 ORDER BY last_ms DESC LIMIT 1000
        ) AS seen
        LEFT JOIN (
          SELECT ja4, cipher_suites, extensions, signature_algorithms FROM ja4_catalog FINAL
        ) AS catalog USING (ja4)
        ORDER BY lastSeenMs DESC`,
    ),
    lists,
  ]);
  const of = (name: "same_a" | "same_b" | "same_c"): Ja4Neighbours["a"] => {
    const all = rows.filter((row) => row[name] === 1);
    return {
      total: all.length,
      rows: all.slice(0, NEIGHBOURS).map((row) => ({
        ja4: row.ja4,
        client: row.client,
        lastSeenMs: row.lastSeenMs,
        ...(own === undefined || row.cipher_suites.length === 0
          ? {}
          : { difference: differenceOf(row, own) }),
      })),
    };
  };
  return { a: of("same_a"), b: of("same_b"), c: of("same_c") };
}

/** What `other` offers more and less than `own`. */
export function differenceOf(other: Lists, own: Lists): Ja4Difference {
  const between = (name: keyof Lists): Ja4Difference["extensions"] => ({
    more: other[name].filter((code) => !own[name].includes(code)),
    less: own[name].filter((code) => !other[name].includes(code)),
  });
  return {
    cipher_suites: between("cipher_suites"),
    extensions: between("extensions"),
    signature_algorithms: between("signature_algorithms"),
  };
}

/** How a fingerprint compares with all others of a range. */
export interface Ja4Signals extends Pick<Ja4Facts, "ranks" | "of"> {
  /** Shares of its requests, 0..1; undefined without requests. */
  readonly http2?: number;
  readonly claimsBrowser?: number;
  readonly notModified?: number;
  readonly withoutCookie?: number;
  /** Share of its scored requests that are anomalous; undefined if none is scored. */
  readonly anomalous?: number;
}

/** {@linkcode Ja4Signals} of `ja4` in `range`, whose traffic is `traffic`. */
export async function loadJa4Signals(
  db: Database,
  { ja4, range, facts, traffic }: {
    readonly ja4: string;
    readonly range: TimeRange;
    readonly facts: Promise<Ja4Facts>;
    readonly traffic: Promise<Traffic>;
  },
): Promise<Ja4Signals> {
  const [[shares], { ranks, of }, { requests, totals, anomalousShare }] =
    await Promise.all([
      askEvents<
        Record<"n" | "http2" | "browser" | "cached" | "bare", number>
      >(
        db,
        sql`SELECT toFloat64(count()) AS n, toFloat64(countIf(http_version IN ('2', '3'))) AS http2,
          toFloat64(countIf(ua_family IN ('chrome', 'firefox', 'safari', 'edge', 'opera'))) AS browser,
          toFloat64(countIf(status_code = 304)) AS cached, toFloat64(countIf(cookie_count = 0)) AS bare
        FROM http_events
        WHERE ts >= ${range.from} AND ts < ${range.to} AND ja4 = ${ja4} AND match != 'tls_only'`,
      ),
      facts,
      traffic,
    ]);
  const n = shares?.n ?? 0;
  return {
    of,
    ranks,
    ...(shares === undefined || n === 0 ? {} : {
      http2: shares.http2 / n,
      claimsBrowser: shares.browser / n,
      notModified: shares.cached / n,
      withoutCookie: shares.bare / n,
    }),
    ...(requests > totals.unscored ? { anomalous: anomalousShare } : {}),
  };
}
