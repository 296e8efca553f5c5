/**
 * What is usual, learned from traffic: how often one property of a client comes with another. All
 * counts are of distinct networks (a /24 or /48 with one TCP window), never of requests, so that
 * one loud client teaches nothing. A network counts half when it was seen last seven days ago.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";

/** Pairs of properties whose agreement is learned: value given key. */
export const RELATIONS = [
  "ua_given_ja4",
  "ja4_given_ua",
  "order_given_ua",
  "tcp_given_os",
  "mss_given_os",
  "encoding_given_ua",
  "language_given_ua",
  "ja4",
] as const;
export type Relation = typeof RELATIONS[number];

/** Networks that were seen with a key and a value; an absent key or value means any. */
export interface LearnedCount {
  readonly relation: Relation;
  readonly key?: string;
  readonly value?: string;
  readonly networks: number;
}

/** Clients that share ja4, header order and family. */
export interface LearnedGroup {
  readonly group: string;
  readonly addresses: number;
  readonly networks: number;
  /** Share of its requests that were answered without an error of the client's making. */
  readonly success: number;
  /** Share of its windows of two or more requests that fetch no asset. */
  readonly homogeneity: number;
}

/** Everything that was learned, as it is stored in a model. */
export interface LearnedTables {
  readonly counts: readonly LearnedCount[];
  readonly groups: readonly LearnedGroup[];
  /** Bits of a path that nobody else fetched; 0 where no paths were learned. */
  readonly coldBits: number;
  /** New JA4s that are releases of browsers: `ja4|ua_family`. */
  readonly releases?: readonly string[];
}

/** Weight of what is usual in general against what was seen with the key, in networks. */
const PRIOR_WEIGHT = 4;

/** Makers of browsers by the families that they make. */
const ENGINES: ReadonlyMap<string, string> = new Map([
  ["chrome", "chromium"],
  ["edge", "chromium"],
  ["opera", "chromium"],
  ["firefox", "gecko"],
  ["safari", "webkit"],
]);
/** Networks, and share of all with the JA4, from which an engine is no chance or fraud. */
const ENGINE_NETWORKS_MIN = 5;
const ENGINE_SHARE_MIN = 0.1;

/** Answers from {@linkcode LearnedTables}. */
export class Learned {
  readonly tables: LearnedTables;
  readonly #networks = new Map<string, number>();
  readonly #groups: ReadonlyMap<string, LearnedGroup>;
  /** By their keys without the JA4. */
  readonly #widest = new Map<string, LearnedGroup>();
  /** Networks by JA4 and by the engine of the browser claimed. */
  readonly #engines = new Map<string, Map<string, number>>();
  readonly #releases: ReadonlySet<string>;

  constructor(tables: LearnedTables) {
    this.tables = tables;
    for (const { relation, key, value, networks } of tables.counts) {
      this.#networks.set(address(relation, key, value), networks);
      if (relation !== "ua_given_ja4" || key === undefined) continue;
      const engine = ENGINES.get(value?.replace(/\d+$/, "") ?? "");
      if (engine === undefined) continue;
      const own = this.#engines.getOrInsertComputed(key, () => new Map());
      own.set(engine, (own.get(engine) ?? 0) + networks);
    }
    this.#groups = new Map(tables.groups.map((group) => [group.group, group]));
    for (const group of tables.groups) {
      const key = group.group.slice(group.group.indexOf("|"));
      const before = this.#widest.get(key);
      if (before === undefined || before.networks < group.networks) {
        this.#widest.set(key, group);
      }
    }
    this.#releases = new Set(tables.releases);
  }

  /** -log2 P(value | key), smoothed towards P(value). */
  bits(relation: Relation, key: string, value: string): number {
    const all = this.#count(relation, undefined, undefined);
    const general = (this.#count(relation, undefined, value) + 0.5) / (all + 1);
    const together = this.#count(relation, key, value);
    const seen = this.#count(relation, key, undefined);
    return -Math.log2(
      (together + PRIOR_WEIGHT * general) / (seen + PRIOR_WEIGHT),
    );
  }

  /** -log2 of the share of networks that have this JA4. */
  rarity(ja4: string): number {
    const all = this.#count("ja4", undefined, undefined);
    return -Math.log2((this.#count("ja4", "", ja4) + 0.5) / (all + 1));
  }

  /** Whether browsers of several makers send this JA4, as behind a proxy that inspects TLS. */
  ofSeveralEngines(ja4: string): boolean {
    const found = this.#engines.get(ja4);
    if (found === undefined) return false;
    const all = [...found.values()].reduce((sum, one) => sum + one, 0);
    const enough = [...found.values()].filter((networks) =>
      networks >= ENGINE_NETWORKS_MIN && networks >= ENGINE_SHARE_MIN * all
    );
    return enough.length >= 2;
  }

  /** Networks that were seen with a key, decayed. */
  networksWith(relation: Relation, key: string): number {
    return this.#count(relation, key, undefined);
  }

  /** Networks that were seen with a value, decayed. */
  networksHaving(relation: Relation, value: string): number {
    return this.#count(relation, undefined, value);
  }

  /** Whether a new JA4 is known to be a release of this browser. */
  released(ja4: string, uaFamily: string): boolean {
    return this.#releases.has(`${ja4}|${uaFamily}`);
  }

  group(group: string): LearnedGroup | undefined {
    return this.#groups.get(group);
  }

  /** Of the groups with these requests, whatever their JA4, that of most networks; `group` is without a JA4. */
  widestGroup(group: string): LearnedGroup | undefined {
    return this.#widest.get(group);
  }

  #count(
    relation: Relation,
    key: string | undefined,
    value: string | undefined,
  ): number {
    return this.#networks.get(address(relation, key, value)) ?? 0;
  }
}

/** The counts of both, added up. */
export function addTables(
  one: LearnedTables,
  other: LearnedTables,
): LearnedTables {
  const counts = new Map<string, LearnedCount>();
  for (const count of [...one.counts, ...other.counts]) {
    const at = address(count.relation, count.key, count.value);
    const before = counts.get(at)?.networks ?? 0;
    counts.set(at, { ...count, networks: before + count.networks });
  }
  const groups = new Map(one.groups.map((group) => [group.group, group]));
  for (const group of other.groups) groups.set(group.group, group);
  return {
    counts: [...counts.values()],
    groups: [...groups.values()],
    coldBits: other.coldBits,
  };
}

function address(
  relation: Relation,
  key: string | undefined,
  value: string | undefined,
): string {
  return `${relation}\u0000${key ?? "\u0001"}\u0000${value ?? "\u0001"}`;
}

/** A span of event time, end excluded. */
export interface Span {
  readonly from: UnixMicros;
  readonly to: UnixMicros;
}

/** The condition that a time lies in `span`. */
export function within(span: Span): Sql {
  return sql`ts >= ${micros(span.from)} AND ts < ${micros(span.to)}`;
}

/** A time as a DateTime64(6), exactly. */
export function micros(time: UnixMicros): Sql {
  return sql`fromUnixTimestamp64Micro(${typed(time, "Int64")})`;
}

/** Pairs of which at most this many are kept, those of most networks first. */
const COUNTS_MAX = 200_000;
const GROUPS_MAX = 20_000;
const PATHS_MAX = 100_000;
/** Networks whose forms were refused before a path counts as one of sign-in, whatever its name. */
const SIGN_IN_NETWORKS_MIN = 3;
/** Days after which a network counts half. */
const HALF_LIFE_DAYS = 7;
/** Seconds before the newest pair that are read again: events come late. */
const LATE_S = 3600;

/** Clients that teach nothing: SQL over the columns of `client_facts`. */
export type Untaught = Sql;

/** Options of {@linkcode learn}. */
export interface LearnOptions {
  /** Clients that teach nothing, as a condition on `client_facts`. @default nobody */
  readonly untaught?: Untaught | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Learns from the events of `span` and from what earlier ones left. Renews the table
 * `learned_paths` and adds to `learned_pairs`.
 */
export async function learn(
  db: Database,
  span: Span,
  { untaught = sql`0`, signal }: LearnOptions = {},
): Promise<LearnedTables> {
  const settings = { output_format_json_quote_64bit_integers: 0 };
  const query = { signal, settings, timeoutMs: 120_000 };
  const [newest] = await db.query<{ at: number }>(
    sql`SELECT toUnixTimestamp(max(last_seen)) AS at FROM learned_pairs`,
    query,
  );
  const from = Math.max(span.from, ((newest?.at ?? 0) - LATE_S) * 1e6);
  await db.command(
    pairsStatement({ from: from as UnixMicros, to: span.to }, untaught),
    { signal, timeoutMs: 120_000 },
  );
  const counts = await db.query<CountRow>(countsQuery(span), query);
  const day = {
    from: Math.max(span.from, span.to - GROUPS_US) as UnixMicros,
    to: span.to,
  };
  const groups = await db.query<LearnedGroup>(groupsQuery(day), query);
  const [visitors] = await db.query<{ addresses: number }>(
    sql`SELECT uniq(src_ip) AS addresses FROM client_facts WHERE ${
      within(day)
    }`,
    query,
  );
  const releases = await db.query<{ release: string }>(
    sql`SELECT concat(ja4, '|', ua_family) AS release FROM browser_releases FINAL ORDER BY release`,
    query,
  );
  const addresses = visitors?.addresses ?? 0;
  if (addresses > 0) {
    await db.command(pathsStatement(day, addresses), { signal });
  }
  const coldBits = addresses > 0 ? Math.log2(addresses / 0.5) : 0;
  return {
    counts: counts.map(({ relation, known_key, known_value, networks }) => ({
      relation,
      ...(known_key === null ? {} : { key: known_key }),
      ...(known_value === null ? {} : { value: known_value }),
      networks,
    })),
    groups,
    coldBits,
    releases: releases.map(({ release }) => release),
  };
}

/** Groups and paths are of the last day. */
const GROUPS_US = 24 * 3600e6;

interface CountRow {
  readonly relation: Relation;
  readonly known_key: string | null;
  readonly known_value: string | null;
  readonly networks: number;
}

/** Repeated for the same events it changes nothing. */
function pairsStatement(span: Span, untaught: Untaught): Sql {
  return sql`
INSERT INTO learned_pairs (relation, key, value, network, last_seen)
SELECT pair.1, pair.2, pair.3, cityHash64(network), toDateTime(max(seen)) FROM (
  SELECT network, seen, arrayJoin(arrayConcat([
      ('order_given_ua', concat(ua_family, toString(intDiv(ua_version, 20)), '|', kind), stable_order),
      ('encoding_given_ua', concat(ua_family, '|', kind), toString(accept_encoding)),
      ('language_given_ua', toString(ua_family), toString(accept_language))
    ], if(country = '', [], [
      ('language_given_ua', concat(ua_family, '|', country), toString(accept_language))
    ]), if(ja4 = '', [], [
      ('ua_given_ja4', ja4, concat(ua_family, toString(ua_version))),
      ('ja4_given_ua', concat(ua_family, toString(ua_version)), ja4_family),
      ('ja4', '', ja4)
    ]), if(tcp_signature = '', [], [
      ('tcp_given_os', os, tcp_signature),
      ('mss_given_os', os, toString(tcp_mss))
    ]), if(tcp_signature = '' OR network_kind = '', [], [
      ('mss_given_os', concat(os, '|', network_kind), toString(tcp_mss))
    ]))) AS pair
  FROM (
    SELECT network, ja4, ja4_family, ua_family, ua_version, if(ua_family = 'bot', 'bot', toString(ua_os)) AS os, kind, stable_order,
      tcp_signature, tcp_mss, accept_encoding, accept_language, country, network_kind, max(ts) AS seen
    FROM client_facts WHERE ${within(span)} AND NOT (${untaught})
    GROUP BY ALL
  )
)
GROUP BY ALL`;
}

function countsQuery(span: Span): Sql {
  return sql`
WITH pairs AS (
  SELECT relation, key, value, network,
    exp2(-greatest(0, ${
    span.to / 1e6
  } - toUnixTimestamp(max(last_seen))) / 86400 / ${HALF_LIFE_DAYS}) AS weight
  FROM learned_pairs
  WHERE last_seen < toDateTime(${
    typed(Math.ceil(span.to / 1e6), "UInt32")
  }, 'UTC')
  GROUP BY relation, key, value, network
)
SELECT relation, known_key, known_value, round(sum(weight), 2) AS networks FROM (
  SELECT relation, key::Nullable(String) AS known_key, value::Nullable(String) AS known_value, network, weight FROM pairs
  UNION ALL
  SELECT relation, key, NULL, network, max(weight) FROM pairs GROUP BY relation, key, network
  UNION ALL
  SELECT relation, NULL, value, network, max(weight) FROM pairs GROUP BY relation, value, network
  UNION ALL
  SELECT relation, NULL, NULL, network, max(weight) FROM pairs GROUP BY relation, network
)
GROUP BY relation, known_key, known_value
ORDER BY networks DESC, relation, known_key, known_value
LIMIT ${COUNTS_MAX}`;
}

function groupsQuery(span: Span): Sql {
  return sql`
SELECT concat(ja4, '|', ua_family, '|', stable_order) AS "group",
  uniq(src_ip) AS addresses, uniqArray(networks) AS networks, sum(answered) / sum(requests) AS success,
  avg(requests >= 2 AND assets <= 0.1 * requests) AS homogeneity
FROM (
  SELECT src_ip, ja4, toString(ua_family) AS ua_family,
    count() AS requests, sum(is_asset) AS assets, countIf(status_code < 400) AS answered,
    groupUniqArray(16)(network) AS networks,
    groupUniqArrayIf(32)(stable_order, kind IN ('navigate', 'get', 'post')) AS orders
  FROM client_facts WHERE ${within(span)}
  GROUP BY toStartOfHour(ts), src_ip, ja4, ua_family
)
ARRAY JOIN orders AS stable_order
GROUP BY "group"
ORDER BY addresses DESC, "group"
LIMIT ${GROUPS_MAX}`;
}

function pathsStatement(span: Span, addresses: number): Sql {
  return sql`
INSERT INTO learned_paths (http_host, url_path, bits, is_sign_in)
SELECT http_host, url_path, -log2((uniqIf(src_ip, is_document) + 0.5) / ${addresses}) AS bits,
  uniqIf(network, http_method = 'POST' AND status_code IN (401, 403)) >= ${SIGN_IN_NETWORKS_MIN} AS is_sign_in
FROM client_facts
WHERE (is_document OR http_method = 'POST') AND ${within(span)}
GROUP BY http_host, url_path
HAVING uniq(src_ip) >= 2
ORDER BY uniq(src_ip) DESC
LIMIT ${PATHS_MAX}`;
}
