/**
 * The store under the data of two days (bench/store_data.ts): kinds of question that the dashboard asks,
 * what the hourly pass of the detector costs, and what rows take on disk in this order and in that of
 * time alone. bench/dashboard_bench.ts has the
 * queries of the pages themselves.
 *
 * CPU time is the server's own count of each statement (system.query_log), so that another load on
 * the machine shows in wall times alone.
 *
 *     deno run -A bench/store_bench.ts
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { type Sql, sql, typed } from "../lib/sql.ts";
import { eventually } from "../lib/testing.ts";
import { storeTraffic } from "./pipeline_traffic.ts";
import {
  commandOf,
  type Common,
  commonIn,
  filledStore,
  LIMITS,
  ROWS,
} from "./store_data.ts";
import { median, report } from "./store_meter.ts";

const COMMAND = commandOf("store");
const ROUNDS = 20;
const HOUR_MS = 3_600_000;

/** What the server counted of one statement. */
interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly memoryMb: number;
  readonly rows: number;
}

/** Runs a statement and returns what the server counted of it. */
async function measured(
  database: Database,
  run: (queryId: string) => Promise<unknown>,
): Promise<Cost> {
  const id = crypto.randomUUID();
  const started = performance.now();
  await run(id);
  const wallMs = performance.now() - started;
  // The server writes its log after its answer.
  const counted = await eventually("the query in the log", async () => {
    await database.command(sql`SYSTEM FLUSH LOGS query_log`, LIMITS);
    const [row] = await database.query<Omit<Cost, "wallMs">>(
      sql`
      SELECT ProfileEvents['OSCPUVirtualTimeMicroseconds'] / 1000 AS cpuMs, memory_usage / 1e6 AS memoryMb,
        toFloat64(read_rows) AS rows
      FROM system.query_log WHERE query_id = ${id} AND type = 'QueryFinish' ORDER BY event_time DESC LIMIT 1`,
      LIMITS,
    );
    return row;
  });
  return { wallMs, ...counted };
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ??
    NaN;
}

/** Traffic whose bytes on disk are measured: a small site's day, and a busy hour. */
const DISK = {
  day: { hours: 24, events: 250_000 },
  hour: { hours: 1, events: 250_000 },
} as const;
const ORDERS = {
  by_time: "ts",
  by_key: "(toStartOfHour(ts), http_host, src_ip, toUnixTimestamp64Micro(ts))",
} as const;

/**
 * Bytes a row on disk of what the pipeline stores, beside the same rows in the order of time: each
 * in one part a day.
 */
async function benchDisk(
  database: Database,
  name: keyof typeof DISK,
): Promise<void> {
  // From midnight, so that no part is small.
  const end = 1_800_057_600_000_000 as UnixMicros;
  for (const [table, key] of Object.entries(ORDERS)) {
    await database.command(sql.trusted(
      `CREATE TABLE ${table} AS http_events ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY ${key}`,
    ));
  }
  await storeTraffic(database, "by_time", { seed: 1, end, ...DISK[name] });
  await database.command(
    sql`INSERT INTO by_key SELECT * FROM by_time
      SETTINGS max_partitions_per_insert_block = 10, max_threads = 1, max_insert_block_size = 20000`,
    LIMITS,
  );
  for (const table of Object.keys(ORDERS)) {
    await database.command(
      sql`OPTIMIZE TABLE ${sql.trusted(table)} FINAL`,
      LIMITS,
    );
  }
  const columns = await database.query<
    { column: string; by_key: number; by_time: number }
  >(sql`
    SELECT column,
      toFloat64(sumIf(column_data_compressed_bytes, table = 'by_key')) / toFloat64(sumIf(rows, table = 'by_key')) AS by_key,
      toFloat64(sumIf(column_data_compressed_bytes, table = 'by_time')) / toFloat64(sumIf(rows, table = 'by_time')) AS by_time
    FROM system.parts_columns WHERE database = 'ja4' AND table IN ('by_time', 'by_key') AND active
    GROUP BY column ORDER BY by_key DESC`);
  const [whole] = await database.query<Record<keyof typeof ORDERS, number>>(sql`
    SELECT toFloat64(sumIf(bytes_on_disk, table = 'by_key')) / toFloat64(sumIf(rows, table = 'by_key')) AS by_key,
      toFloat64(sumIf(bytes_on_disk, table = 'by_time')) / toFloat64(sumIf(rows, table = 'by_time')) AS by_time
    FROM system.parts WHERE database = 'ja4' AND table IN ('by_time', 'by_key') AND active`);
  const line = (figure: string, bytes: typeof whole): void =>
    report({
      name: figure,
      value: bytes?.by_key ?? NaN,
      unit: "bytes",
      baseline: bytes?.by_time ?? NaN,
    }, COMMAND);
  line(`disk_bytes_a_row_${name}`, whole);
  // Where they go, and where the two orders differ.
  for (const { column, ...bytes } of columns) {
    const { by_key, by_time } = bytes;
    if (by_key > 1 || Math.abs(by_key - by_time) > 0.5) {
      line(`disk_bytes_a_row_${name}_${column}`, bytes);
    }
  }
  for (const table of Object.keys(ORDERS)) {
    await database.command(sql`DROP TABLE ${sql.trusted(table)} SYNC`, LIMITS);
  }
}

/** The rows that each order reads for one address, in a table of a million at most. */
async function benchOneAddress(
  database: Database,
  end: Date,
  address: string,
): Promise<void> {
  const share = Math.max(1, Math.floor(ROWS / 1_000_000));
  const rows: Record<string, number> = {};
  for (const [table, key] of Object.entries(ORDERS)) {
    const name = sql.trusted(table);
    await database.command(sql.trusted(
      `CREATE TABLE ${table} AS http_events ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY ${key}`,
    ));
    // All of some clients, as the table of a smaller site would have.
    await database.command(
      sql`INSERT INTO ${name} SELECT * FROM http_events WHERE cityHash64(src_ip) % ${share} = 0 OR src_ip = ${
        typed(address, "IPv6")
      } SETTINGS max_partitions_per_insert_block = 10, max_threads = 1, max_insert_block_size = 100000`,
      LIMITS,
    );
    await database.command(sql`OPTIMIZE TABLE ${name} FINAL`, LIMITS);
    const cost = await measured(
      database,
      (queryId) =>
        database.query(oneAddressIn(name, end, address), {
          ...LIMITS,
          queryId,
        }),
    );
    rows[table] = cost.rows;
    await database.command(sql`DROP TABLE ${name} SYNC`, LIMITS);
  }
  report({
    name: "rows_read_for_one_address",
    value: rows["by_key"] ?? NaN,
    unit: "rows",
    baseline: rows["by_time"] ?? NaN,
  }, COMMAND);
}

/** `ts` within the day that ends at `end`. */
function within(column: string, end: Date): Sql {
  const name = sql.trusted(column);
  return sql`${name} >= ${new Date(
    end.getTime() - 24 * HOUR_MS,
  )} AND ${name} < ${end}`;
}

function oneAddressIn(table: Sql, end: Date, address: string): Sql {
  return sql`SELECT ts, url_path, status_code FROM ${table}
    WHERE ${within("ts", end)} AND src_ip = ${
    typed(address, "IPv6")
  } ORDER BY ts DESC LIMIT 200`;
}

/** The kinds of question that the pages ask, of a day unless they say otherwise. */
function questions(
  end: Date,
  { ip, ja4 }: Common,
): Readonly<Record<string, Sql>> {
  const DAY = within("ts", end);
  return {
    count: sql`SELECT count() AS n FROM http_events WHERE ${DAY}`,
    top_addresses_raw:
      sql`SELECT src_ip, count() AS n FROM http_events WHERE ${DAY} GROUP BY src_ip ORDER BY n DESC LIMIT 20`,
    top_ja4_raw:
      sql`SELECT ja4, count() AS n, uniq(src_ip) AS ips FROM http_events WHERE ${DAY} GROUP BY ja4 ORDER BY n DESC LIMIT 20`,
    one_address: oneAddressIn(sql.trusted("http_events"), end, ip),
    one_ja4: sql`SELECT src_ip, count() AS n FROM http_events
      WHERE ${DAY} AND ja4 = ${ja4} GROUP BY src_ip ORDER BY n DESC LIMIT 20`,
    latest:
      sql`SELECT ts, src_ip, url_path FROM http_events WHERE ts >= ${new Date(
        end.getTime() - 600_000,
      )} AND ts < ${end} ORDER BY ts DESC LIMIT 100`,
    path_contains:
      sql`SELECT count() AS n FROM http_events WHERE ${DAY} AND url_path LIKE '%/articles/12%'`,
    user_agent_matches:
      sql`SELECT count() AS n FROM http_events WHERE ${DAY} AND match(user_agent, 'Chrome/1[34]\\\\d')`,
    quantiles:
      sql`SELECT http_host, quantiles(0.5, 0.95)(duration_us) AS q FROM http_events WHERE ${DAY} GROUP BY http_host`,
    series_rollup:
      sql`SELECT toStartOfFiveMinutes(minute) AS t, status_class, sum(events) AS n FROM requests_1m
      WHERE ${within("minute", end)} GROUP BY t, status_class ORDER BY t`,
    addresses_rollup: sql`SELECT uniqExact(src_ip) AS n FROM entity_5m WHERE ${
      within("bucket", end)
    }`,
    top_addresses_rollup: sql`SELECT src_ip, sum(requests) AS n FROM entity_5m
      WHERE ${within("bucket", end)} GROUP BY src_ip ORDER BY n DESC LIMIT 20`,
    clients_rollup: sql`SELECT ja4, user_agent, sum(events) AS n FROM clients_1h
      WHERE ${
      within("hour", end)
    } GROUP BY ja4, user_agent ORDER BY n DESC LIMIT 20`,
  };
}

async function benchQuestions(
  database: Database,
  end: Date,
  common: Common,
): Promise<void> {
  let scan = NaN;
  for (const [name, question] of Object.entries(questions(end, common))) {
    const runs: Cost[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      runs.push(
        await measured(
          database,
          (queryId) => database.query(question, { ...LIMITS, queryId }),
        ),
      );
    }
    // The first one reads from the disk.
    runs.shift();
    const value = median(runs.map(({ cpuMs }) => cpuMs));
    if (name === "count") scan = value;
    const wall = runs.map(({ wallMs }) => wallMs);
    report({
      name: `query_${name}`,
      value,
      unit: "cpu_ms",
      baseline: scan,
      detail: {
        wall_ms_p50: Math.round(median(wall)),
        wall_ms_p95: Math.round(p95(wall)),
        rows_read: median(runs.map(({ rows }) => rows)),
      },
    }, COMMAND);
  }
}

async function benchFeatures(database: Database, end: Date): Promise<void> {
  const to = new Date(end.getTime() - 11 * HOUR_MS);
  const from = new Date(to.getTime() - HOUR_MS);
  const [hour] = await database.query<{ n: number }>(sql`
    SELECT toUInt32(count()) AS n FROM http_events WHERE ts >= ${from} AND ts < ${to}`);
  const events = hour?.n ?? NaN;
  const pass =
    sql`SELECT * FROM window_facts(win = 3600, from = ${from}, to = ${to}, cold = 20, every = 1)`;
  const runs: Cost[] = [];
  for (let round = 0; round < 5; round++) {
    runs.push(
      await measured(database, (queryId) =>
        database.query(
          sql`SELECT count() AS n, sum(requests) AS r, sum(ignore(*)) AS i FROM (${pass})`,
          { ...LIMITS, queryId },
        )),
    );
  }
  report({
    name: "feature_pass",
    value: median(runs.map(({ cpuMs }) => cpuMs)) / events * 1000,
    unit: "us/event",
    baseline: 4,
    detail: {
      events,
      memory_mb: Math.round(median(runs.map(({ memoryMb }) => memoryMb))),
    },
  }, COMMAND);
}

async function main(): Promise<void> {
  await using filled = await filledStore();
  const { database, end } = filled;
  const common = await commonIn(database, end);
  await benchQuestions(database, end, common);
  await benchFeatures(database, end);
  await benchOneAddress(database, end, common.ip);
  await benchDisk(database, "day");
  await benchDisk(database, "hour");
}

if (import.meta.main) await main();
