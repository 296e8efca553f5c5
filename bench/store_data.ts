/**
 * A store with the traffic of two days that end now, for benchmarks. Its first part is traffic that the
 * pipeline would have stored (bench/pipeline_traffic.ts), at most a quarter of a million rows; the
 * rest are the same clients again on other lines, at other times, over other web servers: the server copies
 * them, so that ten million rows take minutes. Seeded.
 *
 * A million rows of 47 hours; JA4_BENCH_ROWS and JA4_BENCH_HOURS say otherwise. With JA4_BENCH_DIR they
 * are kept there, so that they can be made once and asked on a machine that does nothing else.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { invariant } from "../lib/invariant.ts";
import { type Sql, sql } from "../lib/sql.ts";
import { exists } from "../lib/testing.ts";
import { seedNetworks } from "../tests/support/seed.ts";
import { startStore, type Store } from "../tests/support/store.ts";
import { storeTraffic } from "./pipeline_traffic.ts";

/** About how many rows. */
export const ROWS = Number(Deno.env.get("JA4_BENCH_ROWS") ?? 1_000_000);
const HOURS = Number(Deno.env.get("JA4_BENCH_HOURS") ?? 47);
const DIR = Deno.env.get("JA4_BENCH_DIR");
const FIRST_ROWS_MAX = 250_000;
const COPIES = Math.ceil(ROWS / FIRST_ROWS_MAX);
const HOUR_MS = 3_600_000;
/** For statements that take long by intention. */
export const LIMITS = { timeoutMs: HOUR_MS } as const;

/** The command that runs benchmark `name` on as much data. */
export function commandOf(name: string): string {
  const changed = ["JA4_BENCH_ROWS", "JA4_BENCH_HOURS"].flatMap((variable) => {
    const value = Deno.env.get(variable);
    return value === undefined ? [] : [`${variable}=${value} `];
  });
  return `${changed.join("")}deno run -A bench/${name}_bench.ts`;
}

/** A store and when its data ends, a whole hour. */
export interface FilledStore extends AsyncDisposable {
  readonly store: Store;
  readonly database: Database;
  readonly end: Date;
}

/** Starts a store with {@linkcode ROWS} rows; they are made unless the folder has them. */
export async function filledStore(): Promise<FilledStore> {
  // What is kept has the schema that it was made with.
  const kept = DIR !== undefined && exists(`${DIR}/data/metadata/ja4.sql`);
  const store = await startStore(
    DIR === undefined ? {} : { dir: DIR, migrate: !kept },
  );
  const database = await store.database("ja4");
  if (!kept) await fill(database);
  const [data] = await database.query<{ end_s: number }>(
    sql`SELECT toUnixTimestamp(toStartOfHour(max(ts)) + INTERVAL 1 HOUR) AS end_s FROM http_events`,
  );
  return {
    store,
    database,
    end: new Date((data?.end_s ?? NaN) * 1000),
    async [Symbol.asyncDispose](): Promise<void> {
      await database[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** The commonest values of the day that ends at `end`: of people's addresses, JA4 and hosts. */
export type Common = Readonly<Record<"ip" | "ja4" | "host", string>>;

/** {@linkcode Common} values of the data. */
export async function commonIn(
  database: Database,
  end: Date,
): Promise<Common> {
  const [common] = await database.query<Common>(
    sql`SELECT topKIf(1)(toString(src_ip), network_kind = 'isp')[1] AS ip, topKIf(1)(ja4, ja4 != '')[1] AS ja4,
        topK(1)(http_host)[1] AS host
      FROM http_events WHERE ts >= ${new Date(
      end.getTime() - 24 * HOUR_MS,
    )} AND ts < ${end}`,
    LIMITS,
  );
  invariant(common !== undefined, "an aggregate has a row");
  return common;
}

async function fill(database: Database): Promise<void> {
  const endMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const beginMs = endMs - HOURS * HOUR_MS;
  await seedNetworks(database);
  await seedLines(database);
  await database.command(
    sql`CREATE TABLE first_rows AS http_events ENGINE = MergeTree ORDER BY event_id`,
  );
  await storeTraffic(database, "first_rows", {
    seed: 1,
    hours: HOURS,
    events: ROWS / COPIES,
    end: endMs * 1000 as UnixMicros,
  });
  const [first] = await database.query<{ rows: number }>(
    sql`SELECT toFloat64(count()) AS rows FROM first_rows`,
  );
  const slices = Math.max(1, Math.round((first?.rows ?? 0) * COPIES / SLICE));
  for (let slice = 0; slice < slices; slice++) {
    await copy(database, { beginMs, slice, slices });
  }
  await database.command(sql`DROP TABLE first_rows SYNC`);
}

/** Rows of one INSERT. */
const SLICE = 500_000;
/** What the server finds out itself when it stores a row. */
const FOUND =
  "ingest_ts, asn, as_org, country, network_kind, ip_reputation, ja4_client, bot_name";

/** Whose the lines of the copies are. Numbers for private use (RFC 6996). */
async function seedLines(database: Database): Promise<void> {
  const countries = ["DE", "FR", "NL", "BE", "ES", "IT", "PL", "US"];
  await database.insertRows(
    "ref_networks",
    Array.from({ length: COPIES }, (_, n) => n).slice(1).flatMap((n) => [
      {
        prefix: `${240 + (n >> 7)}.${(n & 127) * 2}.0.0/15`,
        asn: 64512 + n % 500,
        as_org: `Example Telecom ${n}`,
        country: countries[n % countries.length],
        kind: "isp",
      },
      {
        prefix: `100.${64 + (n >> 8)}.${n & 255}.0/24`,
        asn: 65012 + n % 500,
        as_org: `Example Hosting ${n}`,
        country: countries[n * 3 % countries.length],
        kind: "hosting",
      },
    ]),
  );
  await database.command(sql`SYSTEM RELOAD DICTIONARIES`);
}

/**
 * Stores one of `slices` of the first rows, as often as there are copies. A client of a copy has an address
 * and a line of its own and comes up to half an hour earlier or later; what follows from its system and
 * from what it asks for is the same. There are five hosts on four web servers, each with a sensor and a
 * correlator, which numbers requests in the order in which they end.
 */
async function copy(
  database: Database,
  { beginMs, slice, slices }: {
    beginMs: number;
    slice: number;
    slices: number;
  },
): Promise<void> {
  const begin = beginMs * 1000;
  const span = HOURS * HOUR_MS * 1000;
  const sliceUs = Math.ceil(span / slices);
  const from = new Date((begin + slice * sliceUs) / 1000);
  const to = new Date((begin + (slice + 1) * sliceUs) / 1000);
  const found = sql.trusted(FOUND);
  const moved = (column: string): Sql =>
    sql.trusted(
      `if(toUnixTimestamp64Micro(${column}) = 0, ${column}, ${column} + toIntervalMicrosecond(later)) AS ${column}`,
    );
  const named = (column: string): Sql =>
    sql.trusted(
      `if(host = 0, ${column}, replaceOne(${column}, 'www.', concat('www', toString(host), '.'))) AS ${column}`,
    );
  const scaled = (column: string, dice: string): Sql =>
    sql.trusted(
      `toUInt64(${column} * (70 + ${dice} % 60) / 100) AS ${column}`,
    );
  await database.command(
    sql`INSERT INTO http_events (* EXCEPT (${found}))
      SELECT * EXCEPT (copy, host, server, client_dice, dice, v4, address, later, place)
        REPLACE (
          toUUID(concat('0000000', toString(server), '-0000-0001-', substring(place, 1, 4), '-', substring(place, 5))) AS event_id,
          if(sensor = '', '', concat('sensor-', toString(server))) AS sensor,
          address AS src_ip, address AS client_ip, conn * ${COPIES} + copy AS conn,
          if(copy = 0 OR community_id = '', community_id,
            concat('1:', base64Encode(SHA1(concat(community_id, toString(copy)))))) AS community_id,
          ${moved("ts")}, ${moved("conn_ts")}, ${moved("hello_ts")},
          ${named("http_host")}, ${named("sni")}, ${named("referrer")},
          ${scaled("duration_us", "dice")}, ${
      scaled("tcp_rtt_us", "client_dice")
    }, ${scaled("syn_to_hello_us", "client_dice")})
      FROM (
        SELECT *,
          -- No request of a copy leaves the two days: who would comes at their other end.
          if(copy = 0, 0, positiveModulo(toUnixTimestamp64Micro(ts) - ${begin}
            + toInt64(client_dice % 3600000000) - 1800000000, ${span}) + ${begin} - toUnixTimestamp64Micro(ts)) AS later,
          multiIf(copy = 0, src_ip,
            bitAnd(v4, 0xFFFE0000) = 0xC6120000, toIPv6(toIPv4(toUInt32(0xF0000000 + copy * 0x20000 + bitAnd(v4, 0x1FFFF)))),
            bitAnd(v4, 0xFFFFFF00) = 0xCB007100, toIPv6(toIPv4(toUInt32(0x64400000 + copy * 256 + bitAnd(v4, 255)))),
            v4 = 0, toIPv6(replaceRegexpOne(toString(src_ip), '^2001:db8:[0-9a-f]+', concat('2001:db8:', hex(toUInt16(copy))))),
            src_ip) AS address,
          leftPad(hex(toUInt64(${slice * 10 * SLICE}) + row_number() OVER (
            PARTITION BY server ORDER BY toUnixTimestamp64Micro(ts) + later + toInt64(duration_us))), 16, '0') AS place
        FROM (
          SELECT * EXCEPT (${found}), toUInt32(arrayJoin(range(${COPIES}))) AS copy, copy % 5 AS host,
            cityHash64(src_ip, copy) AS client_dice, cityHash64(event_id, copy) AS dice,
            1 + cityHash64(conn, src_port, copy) % 4 AS server,
            -- 0 for an IPv6 address.
            toUInt32(toIPv4OrDefault(substring(toString(src_ip), 8))) AS v4
          FROM first_rows
          WHERE ts >= ${from} AND ts < ${to}
        )
      )`,
    {
      ...LIMITS,
      settings: {
        max_insert_block_size: 100_000,
        max_partitions_per_insert_block: 10,
      },
    },
  );
}
