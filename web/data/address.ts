/** One address: with which fingerprints and user agents it came, where it went, what was found. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql, typed } from "../../lib/sql.ts";
import { ask, askEvents, askOne } from "./ask.ts";
import type { TimeRange } from "./range.ts";

/** An address in a range. */
export interface AddressFacts {
  readonly requests: number;
  readonly handshakes: number;
  readonly status4xx: number;
  readonly status5xx: number;
  readonly responseBytes: number;
  readonly asn: number;
  readonly as_org: string;
  readonly country: string;
  readonly networkKind: string;
  readonly bot_name: string;
  readonly firstSeenMs?: number;
  readonly lastSeenMs?: number;
}

/** {@linkcode AddressFacts} of `ip`; without dates if nothing of it is kept. */
export async function loadAddressFacts(
  db: Database,
  ip: string,
  range: TimeRange,
): Promise<AddressFacts> {
  const address = typed(ip, "IPv6");
  const row = await askOne<
    Omit<AddressFacts, "firstSeenMs" | "lastSeenMs"> & {
      first: number;
      last: number;
      n: number;
    }
  >(
    db,
    sql`WITH bucket >= ${bucketStart(range)} AND bucket < ${range.to} AS inside
      SELECT toFloat64(sumIf(requests, inside)) AS requests,
        toFloat64(sumIf(entity_5m.handshakes, inside)) AS handshakes,
        toFloat64(sumIf(status_4xx, inside)) AS status4xx,
        toFloat64(sumIf(status_5xx, inside)) AS status5xx,
        toFloat64(sumIf(response_bytes, inside)) AS responseBytes,
        dictGet('dict_networks', 'asn', toIPv6(${address})) AS asn,
        dictGet('dict_networks', 'as_org', toIPv6(${address})) AS as_org,
        dictGet('dict_countries', 'country', toIPv6(${address})) AS country,
        dictGet('dict_network_kinds', 'kind', toIPv6(${address})) AS networkKind,
        max(entity_5m.bot_name) AS bot_name,
        toUnixTimestamp(min(bucket)) AS first, toUnixTimestamp(max(bucket)) AS last,
        toUInt32(count()) AS n
      FROM entity_5m WHERE src_ip = ${address}`,
  );
  if (row === undefined) throw new Error("an aggregate without a row");
  const { first, last, n, ...facts } = row;
  return n === 0
    ? facts
    : { ...facts, firstSeenMs: first * 1000, lastSeenMs: last * 1000 };
}

function bucketStart(range: TimeRange): Date {
  return new Date(Math.floor(range.from.getTime() / 300_000) * 300_000);
}

/** One fingerprint or host of an address. */
export interface UsedRow {
  readonly value: string;
  readonly requests: number;
  readonly handshakes: number;
  /** Client known for the fingerprint, "" if none; absent for a host. */
  readonly client?: string;
}

/** The fingerprints that `ip` used in `range`. */
export async function loadUsedFingerprints(
  db: Database,
  ip: string,
  range: TimeRange,
): Promise<UsedRow[]> {
  return await ask<UsedRow>(
    db,
    sql`SELECT ja4 AS value, toFloat64(sum(entity_5m.requests)) AS requests,
        toFloat64(sum(entity_5m.handshakes)) AS handshakes,
        dictGet('dict_ja4', 'label', tuple(toString(ja4))) AS client
      FROM entity_5m
      WHERE src_ip = ${typed(ip, "IPv6")} AND bucket >= ${
      bucketStart(range)
    } AND bucket < ${range.to}
      GROUP BY ja4 ORDER BY requests DESC, handshakes DESC LIMIT 20`,
  );
}

/** The hosts that `ip` asked in `range`. */
export async function loadUsedHosts(
  db: Database,
  ip: string,
  range: TimeRange,
): Promise<UsedRow[]> {
  return await ask<UsedRow>(
    db,
    sql`SELECT http_host AS value, toFloat64(sum(entity_5m.requests)) AS requests,
        toFloat64(sum(entity_5m.handshakes)) AS handshakes
      FROM entity_5m
      WHERE src_ip = ${typed(ip, "IPv6")} AND bucket >= ${
      bucketStart(range)
    } AND bucket < ${range.to}
      GROUP BY http_host ORDER BY requests DESC, handshakes DESC LIMIT 20`,
  );
}

/** A user agent with how often it came. */
export interface UserAgentRow {
  readonly user_agent: string;
  readonly requests: number;
  /** Addresses that sent it. */
  readonly addresses: number;
}

/** The user agents that `ip` sent in `range`. */
export async function loadUsedUserAgents(
  db: Database,
  ip: string,
  range: TimeRange,
): Promise<UserAgentRow[]> {
  return await askEvents<UserAgentRow>(
    db,
    sql`SELECT user_agent, toFloat64(count()) AS requests, 1 AS addresses FROM http_events
      WHERE src_ip = ${
      typed(ip, "IPv6")
    } AND ts >= ${range.from} AND ts < ${range.to}
        AND match != 'tls_only'
      GROUP BY user_agent ORDER BY requests DESC LIMIT 20`,
  );
}
