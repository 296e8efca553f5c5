/**
 * Backups by the database's own BACKUP and RESTORE, with a manifest that says what is in them.
 *
 * A backup that nobody has read back is a hope. So each is restored at once into a database beside,
 * table by table, counted and hashed there; that is the manifest. A restore is held against it.
 * Dictionaries are left out: they hold a password, and are made anew from the migrations.
 *
 * @module
 */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { type Sql, sql } from "../lib/sql.ts";
import { renewDictionaries } from "./dictionaries.ts";
import type { DictionaryPlaceholders } from "./dictionaries.ts";

/** What a table holds, in any order of its rows. */
export interface TableDigest {
  readonly rows: number;
  /** Sum of the hashes of the rows, modulo 2^64; states of aggregate functions apart. */
  readonly hash: string;
}

/** What is in a backup. */
export interface Manifest {
  readonly name: string;
  readonly database: string;
  /** ISO 8601. */
  readonly at: string;
  /** Version of ClickHouse that wrote it. */
  readonly engine: string;
  readonly bytes: number;
  readonly tables: Readonly<Record<string, TableDigest>>;
}

/** Where backups are: an expression of ClickHouse in which `{name}` is the backup's. */
export const DESTINATION = "File('{name}')";

/** A large store takes its time. */
const BACKUP_MS_MAX = 6 * 3600_000;
const OPTIONS = { timeoutMs: BACKUP_MS_MAX } as const;

/** Options of {@linkcode backUp}. */
export interface BackupOptions {
  /** Letters, digits and `_ . -`. */
  readonly name: string;
  /** @default DESTINATION */
  readonly destination?: string | undefined;
}

/**
 * Writes a backup, reads it back and returns what is in it. `system` is a connection to another
 * database than `schema`.
 *
 * @throws {FatalError} `usage` for a name that cannot be one, `dataFormat` if it cannot be read back.
 */
export async function backUp(
  system: Database,
  schema: string,
  options: BackupOptions,
): Promise<Manifest> {
  const target = destinationOf(options);
  const tables = await tablesOf(system, schema);
  if (tables.length === 0) {
    throw new FatalError(
      "noInput",
      `Cannot back up "${schema}": it has no tables`,
    );
  }
  const except = (await system.query<{ name: string }>(sql`
    SELECT name FROM system.tables
    WHERE database = ${schema} AND (engine = 'Dictionary' OR name LIKE 'migration_lock_%')`))
    .map(({ name }) => `${schema}.${name}`);
  const apart = except.length === 0 ? "" : `EXCEPT TABLES ${except.join(", ")}`;
  await system.command(
    sql`BACKUP DATABASE ${sql.trusted(schema)} ${
      sql.trusted(apart)
    } TO ${target}`,
    OPTIONS,
  );
  const [facts] = await system.query<{ engine: string; bytes: number }>(sql`
    SELECT version() AS engine, ifNull((SELECT toFloat64(total_size) FROM system.backups
      WHERE status = 'BACKUP_CREATED' ORDER BY end_time DESC LIMIT 1), 0) AS bytes`);
  return {
    name: options.name,
    database: schema,
    at: new Date().toISOString(),
    engine: facts?.engine ?? "",
    bytes: facts?.bytes ?? 0,
    tables: await readBack(system, schema, tables, target),
  };
}

/** Restores each table into a database beside, digests it there, and drops it. */
async function readBack(
  system: Database,
  schema: string,
  tables: readonly Table[],
  target: Sql,
): Promise<Record<string, TableDigest>> {
  const check = `${schema}_check`;
  const digests: Record<string, TableDigest> = {};
  await system.command(
    sql.trusted(`CREATE DATABASE IF NOT EXISTS ${check}`),
    OPTIONS,
  );
  try {
    for (const table of tables) {
      const from = sql.trusted(
        `${schema}.${table.name} AS ${check}.${table.name}`,
      );
      await system.command(sql`RESTORE TABLE ${from} FROM ${target}`, OPTIONS);
      digests[table.name] = await digest(system, check, table);
      await system.command(
        sql.trusted(`DROP TABLE ${check}.${table.name} SYNC`),
        OPTIONS,
      );
    }
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError)) throw thrown;
    throw new FatalError(
      "dataFormat",
      `Cannot read the backup back: ${thrown.message}`,
      {
        cause: thrown,
      },
    );
  } finally {
    await system.command(
      sql.trusted(`DROP DATABASE IF EXISTS ${check} SYNC`),
      OPTIONS,
    );
  }
  return digests;
}

/** What a restored table has other than the backup. */
export interface Difference {
  readonly table: string;
  readonly wanted: TableDigest;
  readonly found: TableDigest;
}

/**
 * Restores a backup into a database that has no tables yet, and says where it differs from the
 * manifest. `placeholders` are for the dictionaries.
 *
 * @throws {FatalError} `config` if there are tables already, `noInput` if there is no such backup.
 */
export async function restore(
  system: Database,
  placeholders: DictionaryPlaceholders,
  options: BackupOptions & { readonly manifest?: Manifest | undefined },
): Promise<Difference[]> {
  const schema = placeholders.database;
  const target = destinationOf(options);
  const there = await system.query<{ name: string }>(
    sql`SELECT name FROM system.tables WHERE database = ${schema}`,
  );
  if (there.length > 0) {
    throw new FatalError(
      "config",
      `Cannot restore into "${schema}": it has ${there.length} tables; restore into an empty store, or run migrate down 0 first`,
    );
  }
  await system.command(sql.trusted(`CREATE DATABASE IF NOT EXISTS ${schema}`));
  // The columns of http_events ask them, so they are there before it.
  await renewDictionaries(system, placeholders, { missing: true });
  try {
    await system.command(
      sql`RESTORE DATABASE ${sql.trusted(schema)} FROM ${target}`,
      OPTIONS,
    );
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError) || thrown.retry !== "reject") {
      throw thrown;
    }
    await system.command(sql.trusted(`DROP DATABASE ${schema} SYNC`), OPTIONS);
    throw new FatalError(
      "noInput",
      `Cannot restore "${options.name}": ${thrown.message}`,
      {
        cause: thrown,
      },
    );
  }
  const tables = await tablesOf(system, schema);
  const differences: Difference[] = [];
  for (const [name, wanted] of Object.entries(options.manifest?.tables ?? {})) {
    const table = tables.find((table) => table.name === name);
    const found = table === undefined
      ? { rows: 0, hash: "" }
      : await digest(system, schema, table);
    if (found.rows !== wanted.rows || found.hash !== wanted.hash) {
      differences.push({ table: name, wanted, found });
    }
  }
  return differences;
}

interface Table {
  readonly name: string;
  /** What of it is hashed. */
  readonly columns: string;
  /** Rows that a merge may yet join are counted as if it had. */
  readonly merged: boolean;
}

function tablesOf(system: Database, schema: string): Promise<Table[]> {
  return system.query<Table>(sql`
    SELECT t.name AS name, any(t.engine) NOT IN ('MergeTree', 'ReplicatedMergeTree') AS merged,
      arrayStringConcat(arrayMap(pair -> concat('\`', pair.2, '\`'),
        arraySort(groupArrayIf((c.position, c.name), c.type NOT LIKE 'AggregateFunction%'))), ', ') AS columns
    FROM system.tables AS t
    INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
    WHERE t.database = ${schema} AND t.engine LIKE '%MergeTree' AND t.name NOT LIKE '%\\_loading\\_%'
    GROUP BY name ORDER BY name`);
}

async function digest(
  system: Database,
  schema: string,
  { name, columns, merged }: Table,
): Promise<TableDigest> {
  const from = sql.trusted(`${schema}.${name}${merged ? " FINAL" : ""}`);
  const [row] = await system.query<TableDigest>(
    sql`
    SELECT toFloat64(count()) AS rows, toString(sum(cityHash64(${
      sql.trusted(columns)
    }))) AS hash FROM ${from}`,
    // A table may have a column "rows", which is meant where it is hashed.
    { ...OPTIONS, settings: { prefer_column_name_to_alias: 1 } },
  );
  return row ?? { rows: 0, hash: "0" };
}

function destinationOf(
  { name, destination = DESTINATION }: BackupOptions,
): Sql {
  if (!/^[\w-][\w.-]{0,99}$/.test(name)) {
    throw new FatalError(
      "usage",
      `Cannot use the name "${name}": expected letters, digits or _ . -`,
    );
  }
  return sql.trusted(destination.replaceAll("{name}", name));
}
