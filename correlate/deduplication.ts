/** Whether the database recognises an insert that comes twice: what "exactly once" rests on. @module */
import type { Database } from "../lib/clickhouse.ts";
import { sql, typed } from "../lib/sql.ts";
import { AGGREGATES } from "./aggregates.ts";

/** Inserts that must be remembered: far more than can be under way or come again after a restart. */
const WINDOW_MIN = 100;
/** Settings that every insert of rows sends, and their values. */
const SETTINGS = {
  insert_deduplicate: "1",
  deduplicate_blocks_in_dependent_materialized_views: "1",
} as const;

/**
 * What is wrong with the tables or settings, in words; undefined if nothing is. Tables that a
 * migration has yet to make are not judged.
 *
 * @throws {DatabaseError} as the database does.
 */
export async function deduplicationFault(
  database: Pick<Database, "query">,
  signal: AbortSignal,
): Promise<string | undefined> {
  const tables = ["http_events", ...AGGREGATES.map(({ target }) => target)];
  const found = await database.query<
    { name: string; engine: string; definition: string }
  >(
    sql`SELECT name, engine, create_table_query AS definition FROM system.tables
      WHERE database = currentDatabase() AND name IN ${
      typed(tables, "Array(String)")
    } ORDER BY name`,
    { signal },
  );
  for (const { name, engine, definition } of found) {
    if (engine === "Distributed") continue;
    const window = engine.startsWith("Replicated")
      ? /\breplicated_deduplication_window = (\d+)/.exec(definition)?.[1] ??
        WINDOW_MIN
      : /non_replicated_deduplication_window = (\d+)/.exec(definition)?.[1] ??
        0;
    if (Number(window) < WINDOW_MIN) {
      return `the table ${name} remembers ${window} inserts, expected at least ${WINDOW_MIN}`;
    }
  }
  const fixed = await database.query<{ name: string; value: string }>(
    sql`SELECT name, value FROM system.settings WHERE readonly AND name IN ${
      typed(Object.keys(SETTINGS), "Array(String)")
    }`,
    { signal },
  );
  for (const { name, value } of fixed) {
    if (value !== SETTINGS[name as keyof typeof SETTINGS]) {
      return `the server fixes ${name} to ${value}`;
    }
  }
  return undefined;
}
