/** The tops of a range: fingerprints, addresses and hosts, by requests, anomalous requests or novelty. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { ask, ipText, scoredIn } from "./ask.ts";
import { FOLDED_JA4 } from "./folds.ts";
import { ASN_OF, COUNTRY_OF } from "./networks.ts";
import type { TimeRange } from "./range.ts";

/** What a top is ordered by. */
export const TOP_ORDERS = ["requests", "anomalous", "new"] as const;
export type TopOrder = typeof TOP_ORDERS[number];

/** One line of a top. */
export interface TopRow {
  /** The fingerprint, address or host; "" where the traffic has none. */
  readonly value: string;
  readonly requests: number;
  /** Share of its scored requests that are anomalous, 0..1; undefined if none is scored. */
  readonly anomalousShare?: number;
}

/** A fingerprint with the client that it is known for. */
export interface TopFingerprint extends TopRow {
  /** Label of the reference data; "" if not known. */
  readonly client: string;
  /** browser, library, bot, malware, or "". */
  readonly kind: string;
}

/** What the second top counts. */
export const SOURCES = ["ip", "asn", "country"] as const;
export type Source = typeof SOURCES[number];

/** An address, network or country, with what is known of it. */
export interface TopSource extends TopRow {
  /** 0 if not known, and for a country. */
  readonly asn: number;
  readonly as_org: string;
  readonly country: string;
}

/** The tops of the Overview. */
export interface Tops {
  readonly fingerprints: readonly TopFingerprint[];
  readonly sources: readonly TopSource[];
  readonly hosts: readonly TopRow[];
}

/** What {@linkcode loadTops} is asked for. */
export interface TopChoice {
  readonly orders: Readonly<Record<"fp" | "ip" | "host", TopOrder>>;
  readonly source: Source;
}

/** Lines of a top; sources take two lines each on the page. */
const LINES = 8;
const SOURCE_LINES = 6;

interface Columns {
  /** Which columns the line is not about, as bits: grouping() of ClickHouse. */
  readonly dimension: number;
  readonly value: string;
  readonly requests: number;
  readonly scored: number;
  readonly anomalous: number;
  readonly asn: number;
  readonly country: string;
  readonly as_org: string;
  readonly client: string;
  readonly kind: string;
}

/** Bits of (ja4, source, http_host), the first being the highest, where only one of them is grouped by. */
const BY_JA4 = 0b011;
const BY_SOURCE = 0b101;
const BY_HOST = 0b110;

function topRow(row: Columns): TopRow {
  return {
    value: row.value,
    requests: row.requests,
    ...(row.scored > 0 ? { anomalousShare: row.anomalous / row.scored } : {}),
  };
}

/** The number that an order ranks by, descending; ties by requests. */
function rank(order: TopOrder): Sql {
  return order === "requests"
    ? sql`requests`
    : order === "anomalous"
    ? sql`anomalous`
    : sql`toFloat64(toUnixTimestamp(first_seen))`;
}

/** Of a row of entity_5m, and of one of scores, which do not say the network. */
const SOURCE_OF: Readonly<Record<Source, { seen: Sql; scored: Sql }>> = {
  ip: { seen: sql`src_ip`, scored: sql`src_ip` },
  asn: {
    seen: sql`entity_5m.asn`,
    scored: ASN_OF,
  },
  country: {
    seen: sql`toString(entity_5m.country)`,
    scored: COUNTRY_OF,
  },
};

/** {@linkcode Tops} of a range by one pass over the counters and one over the scores. */
export async function loadTops(
  db: Database,
  range: TimeRange,
  { orders, source }: TopChoice,
): Promise<Tops> {
  const start = new Date(Math.floor(range.from.getTime() / 300_000) * 300_000);
  const { seen, scored } = SOURCE_OF[source];
  const place = sql`multiIf(dimension = ${BY_JA4}, ${
    rank(orders.fp)
  }, dimension = ${BY_SOURCE}, ${rank(orders.ip)}, ${rank(orders.host)})`;
  // Where the scores decide no place, lines are chosen before they meet them: 24, not one for each address.
  const chosen = Object.values(orders).includes("anomalous")
    ? sql``
    : sql`ORDER BY dimension, ${place} DESC, requests DESC, ja4, source, http_host
        LIMIT ${LINES} BY dimension`;
  const rows = await ask<Columns>(
    db,
    sql`WITH
        ${place} AS rank,
        multiIf(dimension = ${BY_JA4}, toString(ja4), dimension = ${BY_SOURCE}, toString(source),
          toString(http_host)) AS name
      SELECT dimension, name AS value, requests, scored, anomalous, asn, country,
        multiIf(dimension != ${BY_SOURCE}, '', ${
      source === "ip"
        ? sql`dictGet('dict_networks', 'as_org', source)`
        : sql`toString(org)`
    }) AS as_org,
        if(dimension = ${BY_JA4}, dictGet('dict_ja4', 'label', tuple(name)), '') AS client,
        if(dimension = ${BY_JA4}, dictGet('dict_ja4', 'kind', tuple(name)), '') AS kind
      FROM (SELECT *, ${FOLDED_JA4} AS client_ja4 FROM (
        SELECT grouping(ja4, source, http_host) AS dimension, ja4, source, http_host,
          toFloat64(sum(entity_5m.requests)) AS requests, min(bucket) AS first_seen,
          anyLast(entity_5m.asn) AS asn, toString(anyLast(entity_5m.country)) AS country,
          ${
      source === "asn"
        ? sql`dictGet('dict_networks', 'as_org', any(src_ip))`
        : sql`''`
    } AS org
        FROM entity_5m WHERE bucket >= ${start} AND bucket < ${range.to}
        GROUP BY GROUPING SETS ((ja4), (${seen} AS source), (http_host)) HAVING requests > 0
        ${chosen}
      )) AS seen
      LEFT JOIN (
        SELECT grouping(ja4, source, http_host) AS dimension, ja4 AS client_ja4, source, http_host,
          toFloat64(sum(scores.requests)) AS scored,
          toFloat64(sumIf(scores.requests, traffic_class = 'anomalous')) AS anomalous
        FROM scores FINAL WHERE ${scoredIn(start, range.to)}
        GROUP BY GROUPING SETS ((ja4), (${scored} AS source), (http_host))
      ) AS judged USING (dimension, client_ja4, source, http_host)
      ORDER BY dimension, rank DESC, requests DESC, value LIMIT ${LINES} BY dimension`,
  );
  const of = (dimension: number): Columns[] =>
    rows.filter((row) => Number(row.dimension) === dimension);
  return {
    fingerprints: of(BY_JA4).map((row) => ({
      ...topRow(row),
      client: row.client,
      kind: row.kind,
    })),
    sources: of(BY_SOURCE).slice(0, SOURCE_LINES).map((row) => ({
      ...topRow(row),
      value: source === "ip" ? ipText(row.value) : row.value,
      asn: source === "country" ? 0 : row.asn,
      as_org: row.as_org,
      country: row.country,
    })),
    hosts: of(BY_HOST).map(topRow),
  };
}
