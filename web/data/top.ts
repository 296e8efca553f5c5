/** The tops of a range: fingerprints, addresses and hosts, by requests, anomalous requests or novelty. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { ask, ipText, scoredIn } from "./ask.ts";
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

/** An address with its network. */
export interface TopAddress extends TopRow {
  readonly asn: number;
  readonly as_org: string;
  readonly country: string;
}

/** Lines of a top; addresses take two lines each on the page. */
const LINES = 8;
const ADDRESS_LINES = 6;

interface Columns {
  readonly value: string;
  readonly requests: number;
  readonly scored: number;
  readonly anomalous: number;
}

function topRow(row: Columns): TopRow {
  return {
    value: row.value,
    requests: row.requests,
    ...(row.scored > 0 ? { anomalousShare: row.anomalous / row.scored } : {}),
  };
}

/** The counts of `key` in `range`, joined with those of the scores. */
function topSql(
  key: Sql,
  range: TimeRange,
  order: TopOrder,
  { extra = sql``, lines = LINES }: { extra?: Sql; lines?: number } = {},
): Sql {
  const start = new Date(Math.floor(range.from.getTime() / 300_000) * 300_000);
  const orderBy = order === "requests"
    ? sql`requests DESC`
    : order === "anomalous"
    ? sql`anomalous DESC, requests DESC`
    : sql`first_seen DESC, requests DESC`;
  return sql`SELECT key AS value, requests, scored, anomalous${extra}
    FROM (
      SELECT ${key} AS key, toFloat64(sum(requests)) AS requests, min(bucket) AS first_seen,
        anyLast(asn) AS asn, anyLast(country) AS country
      FROM entity_5m WHERE bucket >= ${start} AND bucket < ${range.to}
      GROUP BY key HAVING requests > 0
    ) AS seen
    LEFT JOIN (
      SELECT ${key} AS key, toFloat64(sum(requests)) AS scored,
        toFloat64(sumIf(requests, traffic_class = 'anomalous')) AS anomalous
      FROM scores FINAL WHERE ${scoredIn(start, range.to)}
      GROUP BY key
    ) AS judged USING (key)
    ORDER BY ${orderBy}, value LIMIT ${lines}`;
}

/** Fingerprints of a range. With order `new`, the last to appear come first. */
export async function loadTopFingerprints(
  db: Database,
  range: TimeRange,
  order: TopOrder,
): Promise<TopFingerprint[]> {
  const rows = await ask<Columns & { client: string; kind: string }>(
    db,
    topSql(
      sql`ja4`,
      range,
      order,
      {
        extra:
          sql`, dictGet('dict_ja4', 'label', tuple(toString(key))) AS client,
        dictGet('dict_ja4', 'kind', tuple(toString(key))) AS kind`,
      },
    ),
  );
  return rows.map((row) => ({
    ...topRow(row),
    client: row.client,
    kind: row.kind,
  }));
}

/** Addresses of a range with their networks. */
export async function loadTopAddresses(
  db: Database,
  range: TimeRange,
  order: TopOrder,
): Promise<TopAddress[]> {
  const rows = await ask<
    Columns & { asn: number; country: string; as_org: string }
  >(
    db,
    topSql(
      sql`src_ip`,
      range,
      order,
      {
        extra:
          sql`, asn, toString(country) AS country, dictGet('dict_networks', 'as_org', key) AS as_org`,
        lines: ADDRESS_LINES,
      },
    ),
  );
  return rows.map((row) => ({
    ...topRow(row),
    value: ipText(row.value),
    asn: row.asn,
    as_org: row.as_org,
    country: row.country,
  }));
}

/** Hosts of a range. */
export async function loadTopHosts(
  db: Database,
  range: TimeRange,
  order: TopOrder,
): Promise<TopRow[]> {
  const rows = await ask<Columns>(
    db,
    topSql(sql`http_host`, range, order),
  );
  return rows.map(topRow);
}
