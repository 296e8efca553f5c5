/**
 * A JA4 that nobody had yesterday and fifty networks have today is a new release of a browser, if
 * those who send it otherwise behave as that browser does. It is no attack: it is learned at once,
 * and a note is kept.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql } from "../lib/sql.ts";
import { FREE_BITS } from "./features.ts";
import { Learned, type LearnedTables, type Span, within } from "./learned.ts";
import { BROWSERS } from "./rules.ts";

/** Networks from which a new JA4 is a release. */
export const RELEASE_NETWORKS_MIN = 50;
/** Networks in the model's own tables up to which a JA4 counts as new. */
const KNOWN_NETWORKS_MAX = 5;
/** Bits of the header order, the first free, that its users have at most on average. */
const ORDER_BITS_MAX = 2;
/** Share of assets among its requests at least. */
const ASSETS_MIN = 0.2;

/** A release that was recognised. */
export interface BrowserRelease {
  readonly ja4: string;
  readonly ua_family: string;
  readonly ua_version: number;
  readonly first_seen: UnixMicros;
  readonly networks: number;
}

interface Candidate extends BrowserRelease {
  readonly asset_share: number;
  /** Header orders by kind of request, with the networks that sent them. */
  readonly orders: readonly (readonly [string, string, number])[];
}

/** JA4s of many networks in `now` that `before`, the tables of the model in force, hardly knows. */
export function newJa4s(before: LearnedTables, now: LearnedTables): string[] {
  const known = new Learned(before);
  return now.counts.flatMap(({ relation, key, value, networks }) =>
    relation === "ja4" && key === "" && value !== undefined &&
      networks >= RELEASE_NETWORKS_MIN &&
      known.networksHaving("ja4", value) <= KNOWN_NETWORKS_MAX
      ? [value]
      : []
  );
}

/** Those of the new JA4s whose users behave as the browser that they claim. */
export async function recogniseReleases(
  db: Database,
  tables: { before: LearnedTables; now: LearnedTables },
  context: { span: Span; signal?: AbortSignal | undefined },
): Promise<BrowserRelease[]> {
  const ja4s = newJa4s(tables.before, tables.now);
  if (ja4s.length === 0) return [];
  const candidates = await db.query<Candidate>(
    sql`
SELECT ja4, ua_family, argMax(version, senders) AS ua_version, min(first_ts) AS first_seen,
  toUInt32(uniqArray(all_networks)) AS networks, sum(assets) / sum(requests) AS asset_share,
  groupArray((kind_key, stable_order, senders)) AS orders
FROM (
  SELECT ja4, toString(ua_family) AS ua_family, ua_version AS version,
    concat(ua_family, toString(intDiv(ua_version, 20)), '|', kind) AS kind_key,
    stable_order, toUnixTimestamp64Micro(min(ts)) AS first_ts, uniq(network) AS senders,
    groupUniqArray(1000)(network) AS all_networks, sum(is_asset) AS assets, count() AS requests
  FROM client_facts
  WHERE ja4 IN ${ja4s} AND ${within(context.span)}
  GROUP BY ja4, ua_family, version, kind_key, stable_order
  ORDER BY senders DESC LIMIT 2000
)
GROUP BY ja4, ua_family`,
    {
      signal: context.signal,
      settings: { output_format_json_quote_64bit_integers: 0 },
    },
  );
  const known = new Learned(tables.before);
  return candidates.filter((candidate) => isRelease(candidate, known));
}

/** Whether the users of a new JA4 behave as the browser that they claim. */
export function isRelease(
  candidate: Omit<Candidate, "ja4" | "first_seen">,
  known: Learned,
): boolean {
  const { ua_family, networks, asset_share, orders } = candidate;
  if (!BROWSERS.has(ua_family) || ua_family === "headless_chrome") return false;
  if (networks < RELEASE_NETWORKS_MIN || asset_share < ASSETS_MIN) return false;
  let bits = 0;
  let weight = 0;
  for (const [key, order, networks] of orders) {
    bits += networks *
      Math.max(0, known.bits("order_given_ua", key, order) - FREE_BITS);
    weight += networks;
  }
  return bits / Math.max(1, weight) <= ORDER_BITS_MAX;
}

/** Keeps releases; the detector learns them with its tables. */
export async function writeReleases(
  db: Database,
  releases: readonly BrowserRelease[],
  now: UnixMicros,
): Promise<void> {
  await db.insertRows(
    "browser_releases",
    releases.map((release) => ({
      ...release,
      note:
        `${release.networks} networks send it as ${release.ua_family} ${release.ua_version}, with that browser's headers and assets`,
      rev: now,
    })),
  );
}
