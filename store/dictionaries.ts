/**
 * The dictionaries of the schema, made anew: a dictionary keeps the user and password that it reads
 * its table with, so a new password needs new dictionaries, and so does a restored backup.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { sql } from "../lib/sql.ts";
import { readMigrations, statementsOf } from "./migration_files.ts";
import type { Placeholders } from "./migration_files.ts";

/** What of {@linkcode Placeholders} their definitions depend on. */
export type DictionaryPlaceholders = Pick<
  Placeholders,
  "database" | "cluster" | "replicated" | "username" | "password"
>;

const CREATE = /^CREATE DICTIONARY IF NOT EXISTS (\w+)\.(\w+)/;

/**
 * Replaces each dictionary that exists by one of the present definition and password; inserts and
 * queries find the old or the new one. Returns their names. The connection need not be to their database.
 *
 * @throws {DatabaseError} as the database does.
 */
export async function renewDictionaries(
  database: Database,
  placeholders: DictionaryPlaceholders,
  { missing = false }: { missing?: boolean } = {},
): Promise<string[]> {
  const schema = placeholders.database;
  const rows = await database.query<{ name: string }>(
    sql`SELECT name FROM system.tables WHERE database = ${schema} AND engine = 'Dictionary'`,
  );
  const there = new Set(rows.map(({ name }) => name));
  const renewed: string[] = [];
  for (const { name, statement } of await definitions(placeholders)) {
    if (!missing && !there.has(name)) continue;
    await database.command(sql.trusted(statement));
    renewed.push(name);
  }
  return renewed;
}

/** Name and defining statement of each dictionary that the migrations make, the last one of a name. */
async function definitions(
  placeholders: DictionaryPlaceholders,
): Promise<{ name: string; statement: string }[]> {
  const unused = { rawDays: 1, aggregateDays: 1, auditDays: 1 };
  const found = new Map<string, string>();
  for (const { up } of await readMigrations()) {
    for (const statement of statementsOf(up, { ...unused, ...placeholders })) {
      const name = CREATE.exec(statement)?.[2];
      if (name === undefined) continue;
      found.set(
        name,
        statement.replace(
          "CREATE DICTIONARY IF NOT EXISTS",
          "CREATE OR REPLACE DICTIONARY",
        ),
      );
    }
  }
  return [...found].map(([name, statement]) => ({ name, statement }));
}
