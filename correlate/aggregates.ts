/**
 * The aggregate tables behind `http_events`, made right where an insert was in doubt.
 *
 * A server that is killed in the middle of an insert can have stored the rows for one table and not
 * for another, and rows stored by a repair reach the views a second time. So the windows of such a
 * batch are counted on both sides and, where they differ, written anew from the rows.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { identifier, type Sql, sql, typed } from "../lib/sql.ts";

/** A view of `http_events` that feeds a table of sums over windows of time. */
interface Aggregate {
  readonly view: string;
  readonly target: string;
  /** Column that holds the start of the window. */
  readonly window: string;
  readonly seconds: number;
  /** Columns whose sums tell whether a window is complete. */
  readonly counters: readonly string[];
}

/** All of them: tests/correlate_repair_test.ts looks for others. */
export const AGGREGATES: readonly Aggregate[] = [
  {
    view: "mv_entity_5m",
    target: "entity_5m",
    window: "bucket",
    seconds: 300,
    counters: ["requests", "handshakes"],
  },
  {
    view: "mv_requests_1m",
    target: "requests_1m",
    window: "minute",
    seconds: 60,
    counters: ["events"],
  },
  {
    view: "mv_clients_1h",
    target: "clients_1h",
    window: "hour",
    seconds: 3600,
    counters: ["events"],
  },
];

/**
 * Older windows are left alone: their rows may have expired, which a day of `raw_days` allows, and
 * what is gone cannot be counted again.
 */
const AGE_S_MAX = 20 * 3600;
/** A rebuilt hour may hold millions of rows. */
const REBUILD_MS_MAX = 120_000;

/** What the repair needs of a database. */
export type RepairDatabase = Pick<Database, "query" | "command">;

/**
 * Compares the windows that `rows` fall into and rebuilds those that differ twice, `settle` apart:
 * another process may be between the two writes of its insert. Safe to repeat after any failure.
 * Returns how many windows were rebuilt.
 *
 * @throws {DatabaseError} as the database does; the windows may be incomplete then.
 */
export async function reconcileAggregates(
  database: RepairDatabase,
  rows: readonly CorrelatedEvent[],
  { nowS, settle, signal }: {
    nowS: number;
    settle: () => Promise<void>;
    signal: AbortSignal;
  },
): Promise<number> {
  let rebuilt = 0;
  for (const aggregate of AGGREGATES) {
    const { seconds } = aggregate;
    const windows = new Set<number>();
    for (const { ts } of rows) {
      windows.add(Math.floor(ts / 1_000_000 / seconds) * seconds);
    }
    const recent = [...windows].filter((start) => start > nowS - AGE_S_MAX);
    if (recent.length === 0) continue;
    const definition = await definitionOf(database, aggregate, signal);
    if (definition === undefined) continue;
    let wrong = await differing(database, definition, recent, signal);
    if (wrong.length === 0) continue;
    await settle();
    wrong = await differing(database, definition, wrong, signal);
    if (wrong.length === 0) continue;
    await rebuild(database, definition, wrong, signal);
    rebuilt += wrong.length;
  }
  return rebuilt;
}

/** An {@linkcode Aggregate} as fragments of SQL. */
interface Definition {
  readonly target: Sql;
  readonly columns: Sql;
  readonly window: Sql;
  /** Sum of the counters. */
  readonly count: Sql;
  /** The view's SELECT. */
  readonly select: Sql;
}

/**
 * Undefined where the database has no such view, or where the target stands for the tables of
 * several shards: each of these follows its rows by the token of the insert.
 */
async function definitionOf(
  database: RepairDatabase,
  { view, target, window, counters }: Aggregate,
  signal: AbortSignal,
): Promise<Definition | undefined> {
  const [found] = await database.query<{ select: string; columns: string }>(
    sql`SELECT as_select AS select,
        (SELECT arrayStringConcat(groupArray(name), ', ') FROM system.columns
          WHERE database = currentDatabase() AND table = ${target}) AS columns
      FROM system.tables WHERE database = currentDatabase() AND name = ${view}
        AND (SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = ${target}) != 'Distributed'`,
    { signal },
  );
  if (found === undefined) return undefined;
  return {
    target: identifier(target, [target]),
    window: identifier(window, [window]),
    count: sql.join(
      counters.map((counter) =>
        sql`toInt64(sum(${identifier(counter, [counter])}))`
      ),
      " + ",
    ),
    // Both texts are those of our migrations, as the server keeps them.
    columns: sql.trusted(found.columns),
    select: sql.trusted(found.select),
  };
}

/** The windows, of `windows`, in which rows and aggregate disagree. */
async function differing(
  database: RepairDatabase,
  { target, window, count, select }: Definition,
  windows: readonly number[],
  signal: AbortSignal,
): Promise<number[]> {
  const within = inWindows(window, windows);
  const found = await database.query<{ start: number }>(
    sql`SELECT toFloat64(toUnixTimestamp(start)) AS start FROM (
        SELECT ${window} AS start, ${count} AS n FROM (${select}) WHERE ${within} GROUP BY start
        UNION ALL
        SELECT ${window} AS start, -(${count}) AS n FROM ${target} WHERE ${within} GROUP BY start
      ) GROUP BY start HAVING sum(n) != 0`,
    { signal, timeoutMs: REBUILD_MS_MAX },
  );
  return found.map(({ start }) => start);
}

async function rebuild(
  database: RepairDatabase,
  { target, columns, window, select }: Definition,
  windows: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const within = inWindows(window, windows);
  await database.command(
    sql`ALTER TABLE ${target} DELETE WHERE ${within}`,
    { signal, timeoutMs: REBUILD_MS_MAX, settings: { mutations_sync: "2" } },
  );
  await database.command(
    sql`INSERT INTO ${target} (${columns}) SELECT ${columns} FROM (${select}) WHERE ${within}`,
    {
      signal,
      timeoutMs: REBUILD_MS_MAX,
      // The same rows as before are meant.
      settings: { insert_deduplicate: 0 },
    },
  );
}

function inWindows(window: Sql, windows: readonly number[]): Sql {
  return sql`${window} IN (SELECT toDateTime(arrayJoin(${
    typed(windows, "Array(Int64)")
  }), 'UTC'))`;
}
