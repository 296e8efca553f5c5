/**
 * What is known of one network, country or host in a range: its figures, its traffic, and the
 * addresses, fingerprints, hosts and user agents in it.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql, typed } from "../../lib/sql.ts";
import { readNetwork } from "../query/fields.ts";
import { ask, askEvents, askOne, ipText, scoredIn } from "./ask.ts";
import type { UserAgentRow } from "./address.ts";
import { FOLDED_JA4, foldedFrom } from "./folds.ts";
import { ASN_OF, COUNTRY_OF } from "./networks.ts";
import type { TimeRange } from "./range.ts";

/** Something that traffic comes from, goes to or says of itself. */
export interface Entity {
  /** `ua` is known of requests and detections alone: the counters do not hold it. */
  readonly field: "net" | "asn" | "country" | "host" | "ip" | "ja4" | "ua";
  readonly value: string;
}

/** The condition of an entity on a table that says network and country itself. */
export function entitySql({ field, value }: Entity): Sql {
  switch (field) {
    case "net":
      return networkSql(value);
    case "asn":
      return sql`asn = ${Number(value)}`;
    case "country":
      return sql`country = ${value}`;
    case "host":
      return sql`http_host = ${value}`;
    case "ip":
      return sql`src_ip = ${typed(value, "IPv6")}`;
    case "ja4":
      return sql`ja4 = ${value}`;
    case "ua":
      return sql`user_agent = ${value}`;
  }
}

/** {@linkcode entitySql} on `scores`, where the reference data say network and country. */
export function scoredEntitySql(entity: Entity): Sql {
  switch (entity.field) {
    case "asn":
      return sql`${ASN_OF} = ${Number(entity.value)}`;
    case "country":
      return sql`${COUNTRY_OF} = ${entity.value}`;
    case "ja4":
      return foldedFrom(entity.value);
    case "ua":
      // A window is a client's, whatever it called itself in it.
      return sql`1`;
    default:
      return entitySql(entity);
  }
}

function networkSql(cidr: string): Sql {
  const network = readNetwork(cidr);
  if (network === undefined) return sql`0`;
  return sql`src_ip BETWEEN ${typed(network.first, "IPv6")} AND ${
    typed(network.last, "IPv6")
  }`;
}

/** The five-minute buckets of a range. */
export function bucketsIn(range: TimeRange): Sql {
  const start = Math.floor(range.from.getTime() / 300_000) * 300_000;
  return sql`bucket >= ${new Date(start)} AND bucket < ${range.to}`;
}

/** An entity in a range. */
export interface EntityFacts {
  readonly requests: number;
  /** Share of all requests of the range, 0..1. */
  readonly trafficShare: number;
  readonly handshakes: number;
  readonly addresses: number;
  readonly fingerprints: number;
  readonly hosts: number;
  readonly status3xx: number;
  readonly status4xx: number;
  readonly status5xx: number;
  readonly responseBytes: number;
  /** Name of the network's holder; "" for other entities, and where it is not known. */
  readonly as_org: string;
  /** First and last five minutes of the range with an event of it. */
  readonly firstSeenMs?: number;
  readonly lastSeenMs?: number;
}

/** {@linkcode EntityFacts} of `entity`. */
export async function loadEntityFacts(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<EntityFacts> {
  const row = await askOne<
    Omit<EntityFacts, "trafficShare" | "firstSeenMs" | "lastSeenMs"> & {
      total: number;
      n: number;
      first: number;
      last: number;
    }
  >(
    db,
    sql`WITH ${entitySql(entity)} AS mine
      SELECT toFloat64(sum(entity_5m.requests)) AS total,
        toFloat64(sumIf(entity_5m.requests, mine)) AS requests,
        toFloat64(sumIf(entity_5m.handshakes, mine)) AS handshakes,
        toFloat64(uniqExactIf(src_ip, mine)) AS addresses,
        toFloat64(uniqExactIf(ja4, mine AND ja4 != '')) AS fingerprints,
        toFloat64(uniqExactIf(http_host, mine)) AS hosts,
        toFloat64(sumIf(status_3xx, mine)) AS status3xx,
        toFloat64(sumIf(status_4xx, mine)) AS status4xx,
        toFloat64(sumIf(status_5xx, mine)) AS status5xx,
        toFloat64(sumIf(response_bytes, mine)) AS responseBytes,
        ${
      entity.field === "asn"
        ? sql`dictGet('dict_networks', 'as_org', anyIf(src_ip, mine))`
        : sql`''`
    } AS as_org,
        toFloat64(countIf(mine)) AS n,
        toUnixTimestamp(minIf(bucket, mine)) AS first, toUnixTimestamp(maxIf(bucket, mine)) AS last
      FROM entity_5m WHERE ${bucketsIn(range)}`,
  );
  if (row === undefined) throw new Error("an aggregate without a row");
  const { total, n, first, last, ...facts } = row;
  return {
    ...facts,
    trafficShare: total === 0 ? 0 : facts.requests / total,
    ...(n === 0 ? {} : { firstSeenMs: first * 1000, lastSeenMs: last * 1000 }),
  };
}

/** Anomalous share of an entity's scored requests, 0..1; undefined where nothing was scored. */
export interface AnomalousShares {
  readonly here?: number;
  /** Of the same entity in the seven days before the range. */
  readonly before?: number;
  /** Of all traffic in the range. */
  readonly all?: number;
  /** Lowest score that raised an alert on it in the range. */
  readonly threshold?: number;
}

/** {@linkcode AnomalousShares} of `entity`. */
export async function loadAnomalousShares(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<AnomalousShares> {
  const week = new Date(range.from.getTime() - 7 * 86_400_000);
  const row = await askOne<
    Record<
      "here" | "of_here" | "before" | "of_before" | "all" | "of_all" | "lowest",
      number
    >
  >(
    db,
    sql`WITH ${scoredEntitySql(entity)} AS mine,
        addSeconds(window_start, window_s) > ${range.from} AS inside,
        traffic_class = 'anomalous' AS bad
      SELECT toFloat64(sumIf(requests, mine AND inside AND bad)) AS here,
        toFloat64(sumIf(requests, mine AND inside)) AS of_here,
        toFloat64(sumIf(requests, mine AND NOT inside AND bad)) AS before,
        toFloat64(sumIf(requests, mine AND NOT inside)) AS of_before,
        toFloat64(sumIf(requests, inside AND bad)) AS all,
        toFloat64(sumIf(requests, inside)) AS of_all,
        toFloat64(minIf(score, mine AND inside AND alert)) AS lowest
      FROM scores FINAL WHERE window_start >= ${week} AND window_start < ${range.to}`,
  );
  const share = (bad: number, of: number): number | undefined =>
    of === 0 ? undefined : bad / of;
  if (row === undefined) return {};
  const here = share(row.here, row.of_here);
  const before = share(row.before, row.of_before);
  const all = share(row.all, row.of_all);
  return {
    ...(here === undefined ? {} : { here }),
    ...(before === undefined ? {} : { before }),
    ...(all === undefined ? {} : { all }),
    ...(row.lowest > 0 ? { threshold: row.lowest } : {}),
  };
}

/** A value within an entity. */
export interface MemberRow {
  readonly value: string;
  readonly requests: number;
  readonly handshakes: number;
  /** Share of its scored requests that are anomalous, 0..1; undefined if none is scored. */
  readonly anomalousShare?: number;
  /** Of an address: AS number, 0 if not known, and country. */
  readonly asn: number;
  readonly country: string;
  /** Client known for a fingerprint; "" if none, and for other values. */
  readonly client: string;
}

/** What an entity's traffic can be told apart by. */
export const MEMBERS = ["ip", "ja4", "host", "asn"] as const;
export type Member = typeof MEMBERS[number];

/** Lines of a table of members. */
const LINES = 12;

/** The members of each kind with the most requests, by one pass over the counters and one over the scores. */
export async function loadMembers(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<Readonly<Record<Member, readonly MemberRow[]>>> {
  const from = new Date(Math.floor(range.from.getTime() / 300_000) * 300_000);
  // grouping() tells the sets apart: a bit is 1 where the set is not about the column.
  const kind =
    sql`['', '', '', '', '', '', '', 'asn', '', '', '', 'host', '', 'ja4', 'ip'][1 + grouping(asn, http_host, ja4, src_ip)]`;
  const sets = sql`GROUPING SETS ((asn), (http_host), (ja4), (src_ip))`;
  const rows = await ask<
    & Omit<MemberRow, "anomalousShare">
    & { kind: string; scored: number; anomalous: number }
  >(
    db,
    sql`SELECT kind, multiIf(kind = 'ip', toString(src_ip), kind = 'ja4', toString(ja4),
          kind = 'host', toString(http_host), toString(asn)) AS value,
        requests, handshakes, scored, anomalous, any_asn AS asn, any_country AS country,
        if(kind = 'ja4', dictGet('dict_ja4', 'label', tuple(toString(ja4))), '') AS client
      FROM (SELECT *, ${FOLDED_JA4} AS client_ja4 FROM (
        SELECT ${kind} AS kind, asn, http_host, ja4, src_ip,
          toFloat64(sum(entity_5m.requests)) AS requests, toFloat64(sum(entity_5m.handshakes)) AS handshakes,
          anyLast(number_of) AS any_asn, toString(anyLast(entity_5m.country)) AS any_country
        FROM (SELECT *, asn AS number_of FROM entity_5m WHERE ${
      bucketsIn(range)
    } AND ${entitySql(entity)}) AS entity_5m
        GROUP BY ${sets}
      )) AS seen
      LEFT JOIN (
        SELECT ${kind} AS kind, asn, http_host, ja4 AS client_ja4, src_ip, toFloat64(sum(of)) AS scored,
          toFloat64(sum(bad)) AS anomalous
        FROM (
          SELECT ${ASN_OF} AS asn, http_host, ja4, src_ip, requests AS of,
            if(traffic_class = 'anomalous', requests, 0) AS bad
          FROM scores FINAL WHERE ${scoredIn(from, range.to)} AND ${
      scoredEntitySql(entity)
    }
        ) GROUP BY ${sets}
      ) AS judged USING (kind, asn, http_host, client_ja4, src_ip)
      WHERE requests > 0 OR handshakes > 0
      ORDER BY kind, requests DESC, handshakes DESC, value LIMIT ${LINES} BY kind`,
  );
  const of = (wanted: Member): MemberRow[] =>
    rows.filter((row) => row.kind === wanted).map((
      { kind: _, scored, anomalous, ...row },
    ) => ({
      ...row,
      value: wanted === "ip" ? ipText(row.value) : row.value,
      ...(scored > 0 ? { anomalousShare: anomalous / scored } : {}),
    }));
  return { ip: of("ip"), ja4: of("ja4"), host: of("host"), asn: of("asn") };
}

/** A path of a host. */
export interface PathRow {
  readonly path: string;
  readonly requests: number;
  readonly addresses: number;
  readonly status4xx: number;
  readonly status5xx: number;
  readonly responseBytes: number;
}

/** The paths of `host` that were asked for most. */
export function loadPaths(
  db: Database,
  host: string,
  range: TimeRange,
): Promise<PathRow[]> {
  return askEvents<PathRow>(
    db,
    sql`SELECT substring(url_path, 1, 2000) AS path, toFloat64(count()) AS requests,
        toFloat64(uniq(src_ip)) AS addresses,
        toFloat64(countIf(status_code BETWEEN 400 AND 499)) AS status4xx,
        toFloat64(countIf(status_code >= 500)) AS status5xx,
        toFloat64(sum(response_bytes)) AS responseBytes
      FROM http_events
      WHERE ts >= ${range.from} AND ts < ${range.to} AND http_host = ${host} AND match != 'tls_only'
      GROUP BY path ORDER BY requests DESC, path LIMIT 15`,
  );
}

/** User agents that an entity sent, or was sent, in `range`. */
export function loadEntityUserAgents(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<UserAgentRow[]> {
  return askEvents<UserAgentRow>(
    db,
    sql`SELECT user_agent, toFloat64(count()) AS requests, toFloat64(uniq(src_ip)) AS addresses
      FROM http_events
      WHERE ts >= ${range.from} AND ts < ${range.to} AND match != 'tls_only' AND ${
      entitySql(entity)
    }
      GROUP BY user_agent ORDER BY requests DESC, user_agent LIMIT 12`,
  );
}

/** Requests by hour of the day and day of the week, UTC. */
export interface WeekHours {
  /** 7 x 24, Monday 00:00 first. */
  readonly counts: readonly number[];
}

/** {@linkcode WeekHours} of an entity over the last four weeks before the end of `range`. */
export async function loadWeekHours(
  db: Database,
  entity: Entity,
  range: TimeRange,
): Promise<WeekHours> {
  const from = new Date(range.to.getTime() - 28 * 86_400_000);
  const rows = await ask<{ slot: number; requests: number }>(
    db,
    sql`SELECT toUInt8((toDayOfWeek(bucket) - 1) * 24 + toHour(bucket)) AS slot,
        toFloat64(sum(entity_5m.requests)) AS requests
      FROM entity_5m WHERE bucket >= ${from} AND bucket < ${range.to} AND ${
      entitySql(entity)
    }
      GROUP BY slot`,
  );
  const counts = new Array<number>(7 * 24).fill(0);
  for (const { slot, requests } of rows) counts[slot] = requests;
  return { counts };
}
