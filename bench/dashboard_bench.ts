/**
 * Each query of each page of the dashboard, on the data of two days (bench/store_data.ts): the pages
 * are fetched one after another through the whole application, and the server's own log says what
 * their queries took. One line a page: the slowest of its queries and how many there are; with
 * JA4_BENCH_VERBOSE=1 one line a query. Then those panels that read the most of the counters, each by itself.
 *
 * `p95` is of the runs of that query, wall time; `cpu` the median of its CPU time.
 *
 *     deno run -A bench/dashboard_bench.ts
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { invariant } from "../lib/invariant.ts";
import { sql } from "../lib/sql.ts";
import { startWeb } from "../tests/support/web.ts";
import { quantile, timesOf } from "../tests/support/page_meter.ts";
import { loadMembers } from "../web/data/entity.ts";
import type { TimeRange } from "../web/data/range.ts";
import { loadTops } from "../web/data/top.ts";
import { loadTraffic } from "../web/data/traffic.ts";
import { commandOf, commonIn, filledStore, LIMITS } from "./store_data.ts";

const ROUNDS = 8;
/** Of a panel by itself. */
const PANEL_ROUNDS = 40;
/** What a query may take, milliseconds (docs/store.md). */
const TARGET_MS = 500;
/** What a panel may take that reads the counters alone. */
const COUNTERS_MS = 100;
const COMMAND = commandOf("dashboard");
const VERBOSE = Deno.env.get("JA4_BENCH_VERBOSE") === "1";

/** What the server's log says of one query of a page. */
interface Query {
  readonly tables: string;
  readonly text: string;
  readonly runs: number;
  readonly p50: number;
  readonly p95: number;
  readonly cpu: number;
  readonly rows: number;
}

/** The pages, of the last day of the data: those of the commonest JA4, host and person's address. */
async function pages(database: Database, end: Date): Promise<string[]> {
  const begin = new Date(end.getTime() - 86_400_000);
  const day = `from=${begin.toISOString()}&to=${end.toISOString()}`;
  const common = await commonIn(database, end);
  const search = (query: string): string =>
    `/explore?${day}&q=${encodeURIComponent(query)}`;
  return [
    `/?${day}`,
    `/explore?${day}`,
    search("path:*articles/12*"),
    search("status:404 ua.family:chrome"),
    `/detections?${day}`,
    `/ip/${common.ip.replace("::ffff:", "")}?${day}`,
    `/ja4/${common.ja4}?${day}`,
    `/hosts/${common.host}?${day}`,
    "/health",
  ];
}

/** The panels whose queries read the most of `entity_5m`, while nothing else is asked. */
async function benchPanels(
  database: Database,
  web: Database,
  end: Date,
): Promise<void> {
  const { host } = await commonIn(database, end);
  const range: TimeRange = {
    from: new Date(end.getTime() - 86_400_000),
    to: end,
    stepS: 900,
    label: "",
    explicit: true,
  };
  const orders = { fp: "requests", ip: "requests", host: "requests" } as const;
  const panels: Readonly<Record<string, () => Promise<unknown>>> = {
    "tops of the Overview": () =>
      loadTops(web, range, { orders, source: "ip" }),
    "traffic of the Overview": () => loadTraffic(web, range),
    "members of a host": () =>
      loadMembers(web, { field: "host", value: host }, range),
  };
  for (const [name, load] of Object.entries(panels)) {
    await load();
    const times = await timesOf(PANEL_ROUNDS, load);
    print({
      name: `${name}, by itself`,
      value: Math.round(quantile(times, 0.95)),
      unit: "ms",
      baseline: COUNTERS_MS,
      ratio: Number((quantile(times, 0.95) / COUNTERS_MS).toFixed(2)),
      p50: Math.round(quantile(times, 0.5)),
      command: COMMAND,
    });
  }
}

async function queriesSince(
  database: Database,
  since: string,
): Promise<Query[]> {
  await database.command(sql`SYSTEM FLUSH LOGS query_log`, LIMITS);
  return await database.query<Query>(
    sql`SELECT
      arrayStringConcat(arraySort(any(arrayFilter(name -> startsWith(name, 'ja4.'), log.tables))), ' ') AS tables,
      any(substring(replaceRegexpAll(log.query, '\\\\s+', ' '), 1, 160)) AS text, toFloat64(count()) AS runs,
      quantileExact(0.5)(query_duration_ms) AS p50, quantileExact(0.95)(query_duration_ms) AS p95,
      median(ProfileEvents['OSCPUVirtualTimeMicroseconds']) / 1000 AS cpu, toFloat64(max(read_rows)) AS rows
    FROM system.query_log AS log
    WHERE type = 'QueryFinish' AND user = 'web' AND event_time_microseconds >= ${since} AND length(log.tables) > 0
    GROUP BY normalized_query_hash ORDER BY p95 DESC`,
    {
      ...LIMITS,
      settings: { output_format_json_quote_64bit_integers: 0 },
    },
  );
}

async function main(): Promise<void> {
  await using filled = await filledStore();
  const { database } = filled;
  await using web = await startWeb(filled.store);
  const cookie = await web.signIn("analyst");
  const get = async (page: string): Promise<void> => {
    const answer = await web.fetch(page, { headers: { cookie } });
    const text = await answer.text();
    invariant(
      answer.status === 200,
      `${page} answered ${answer.status}: ${text.slice(0, 300)}`,
    );
  };
  for (const page of await pages(database, filled.end)) {
    await get(page);
    const [now] = await database.query<{ now: string }>(
      sql`SELECT toString(now64(6, 'UTC')) AS now`,
    );
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const started = performance.now();
      await get(page);
      times.push(performance.now() - started);
    }
    const found = await queriesSince(database, now?.now ?? "");
    const name = decodeURIComponent(page).replace(/(?:from|to)=[^&]*&?/g, "")
      .replace(/[?&]$/, "");
    const [slowest] = found;
    if (slowest === undefined) continue;
    const line = (query: Query): Record<string, unknown> => ({
      p95: query.p95,
      p50: query.p50,
      cpu: Math.round(query.cpu),
      rows_read: query.rows,
      tables: query.tables,
    });
    print({
      name: `slowest query of ${name}`,
      value: slowest.p95,
      unit: "ms",
      baseline: TARGET_MS,
      ratio: Number((slowest.p95 / TARGET_MS).toFixed(2)),
      ...line(slowest),
      queries: found.length,
      page_p50: Math.round(times.sort((a, b) => a - b)[ROUNDS >> 1] ?? NaN),
      command: COMMAND,
    });
    if (!VERBOSE) continue;
    for (const query of found) {
      print({ name, ...line(query), runs: query.runs, text: query.text });
    }
  }
  await benchPanels(database, web.db, filled.end);
}

function print(line: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

if (import.meta.main) await main();
