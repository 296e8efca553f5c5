/** One User-Agent: which handshakes come with it, who sends it and where, and whether its claim holds. @module */
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { ask, askEvents, askOne, ipText } from "./ask.ts";
import { UA_HASH_LENGTH } from "./paths.ts";
import type { TimeRange } from "./range.ts";

/** The User-Agent whose hash (paths.ts) is `hash`; undefined if none that is kept has it. */
export async function findUserAgent(
  db: Database,
  hash: string,
): Promise<string | undefined> {
  const row = await askOne<{ user_agent: string }>(
    db,
    // The text has few different values: the hash is taken of each once.
    sql`SELECT toString(user_agent) AS user_agent FROM clients_1h
      WHERE lower(substring(hex(SHA256(user_agent)), 1, ${UA_HASH_LENGTH})) = ${hash}
        AND user_agent != '' ORDER BY hour DESC LIMIT 1`,
  );
  return row?.user_agent;
}

/** A User-Agent in a range. */
export interface UserAgentFacts {
  readonly requests: number;
  readonly addresses: number;
  readonly hosts: number;
  readonly status4xx: number;
  readonly firstSeenMs?: number;
  readonly lastSeenMs?: number;
}

/** {@linkcode UserAgentFacts} of `userAgent`. */
export async function loadUserAgentFacts(
  db: Database,
  userAgent: string,
  range: TimeRange,
): Promise<UserAgentFacts> {
  const [row, seen] = await Promise.all([
    askOne<
      Pick<
        UserAgentFacts,
        "requests" | "addresses" | "hosts" | "status4xx"
      >
    >(
      db,
      sql`SELECT toFloat64(count()) AS requests, toFloat64(uniq(src_ip)) AS addresses,
          toFloat64(uniq(http_host)) AS hosts,
          toFloat64(countIf(status_code BETWEEN 400 AND 499)) AS status4xx
        FROM http_events WHERE ts >= ${range.from} AND ts < ${range.to}
          AND user_agent = ${userAgent} AND match != 'tls_only'`,
    ),
    askOne<{ first: number; last: number; n: number }>(
      db,
      sql`SELECT toFloat64(toUnixTimestamp64Milli(min(first_seen))) AS first,
          toFloat64(toUnixTimestamp64Milli(max(last_seen))) AS last, toUInt32(count()) AS n
        FROM clients_1h WHERE user_agent = ${userAgent}`,
    ),
  ]);
  return {
    requests: row?.requests ?? 0,
    addresses: row?.addresses ?? 0,
    hosts: row?.hosts ?? 0,
    status4xx: row?.status4xx ?? 0,
    ...(seen !== undefined && seen.n > 0
      ? { firstSeenMs: seen.first, lastSeenMs: seen.last }
      : {}),
  };
}

/** A fingerprint that came with a User-Agent. */
export interface ClaimingRow {
  readonly ja4: string;
  /** Client known for it: its label and family; "" if none. */
  readonly label: string;
  readonly family: string;
  readonly requests: number;
  readonly addresses: number;
}

/** The fingerprints that came with `userAgent` in the hours of `range`. */
export function loadClaiming(
  db: Database,
  userAgent: string,
  range: TimeRange,
): Promise<ClaimingRow[]> {
  const hour = new Date(
    Math.floor(range.from.getTime() / 3_600_000) * 3_600_000,
  );
  return ask<ClaimingRow>(
    db,
    sql`SELECT toString(ja4) AS ja4, dictGet('dict_ja4', 'label', tuple(ja4)) AS label,
        dictGet('dict_ja4', 'client', tuple(ja4)) AS family,
        toFloat64(sum(clients_1h.events)) AS requests,
        toFloat64(uniqCombinedMerge(12)(clients_1h.addresses)) AS addresses
      FROM clients_1h
      WHERE user_agent = ${userAgent} AND hour >= ${hour} AND hour < ${range.to}
      GROUP BY ja4 ORDER BY requests DESC, ja4 LIMIT 20`,
  );
}

/** An address or host of a User-Agent. */
export interface UseRow {
  readonly value: string;
  readonly requests: number;
}

/** The addresses that sent `userAgent`, and the hosts that it was sent to. */
export async function loadUserAgentUses(
  db: Database,
  userAgent: string,
  range: TimeRange,
): Promise<{ ips: UseRow[]; hosts: UseRow[] }> {
  const rows = await askEvents<UseRow & { kind: "ip" | "host" }>(
    db,
    sql`SELECT if(grouping(src_ip, http_host) = 1, 'ip', 'host') AS kind,
        if(kind = 'ip', toString(src_ip), toString(http_host)) AS value, toFloat64(count()) AS requests
      FROM http_events WHERE ts >= ${range.from} AND ts < ${range.to}
        AND user_agent = ${userAgent} AND match != 'tls_only'
      GROUP BY GROUPING SETS ((src_ip), (http_host))
      ORDER BY kind, requests DESC, value LIMIT 12 BY kind`,
  );
  return {
    ips: rows.filter((row) => row.kind === "ip").map((row) => ({
      value: ipText(row.value),
      requests: row.requests,
    })),
    hosts: rows.filter((row) => row.kind === "host"),
  };
}
