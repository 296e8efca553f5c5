/**
 * Puts reference data into its tables: rows of one source replace what was known of that source, in
 * one step or not at all, and the dictionaries that serve inserts and pages read them.
 *
 * Rows go into a table of their own first. Only when all are there does the partition of the source
 * take them over, so a load that fails at any point leaves the last good rows where they are.
 *
 * @module
 */
import type { Column, Database } from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { sql, typed } from "../lib/sql.ts";
import {
  type BotRow,
  FileFault,
  type Ja4Row,
  type Kind,
  type NetworkRow,
  readBots,
  readJa4,
  readNetworks,
  type ReputationRow,
} from "./reference_files.ts";

/** Name of the source that ships with the program. */
export const SHIPPED = "shipped";

/** Rows of a kind, as reference_files.ts reads them; those of a list with the end of their time. */
export type KindRows =
  | { readonly kind: "networks"; readonly rows: readonly NetworkRow[] }
  | { readonly kind: "bots"; readonly rows: readonly BotRow[] }
  | { readonly kind: "ja4"; readonly rows: readonly Ja4Row[] }
  | {
    readonly kind: "reputation";
    readonly rows: readonly ReputationRow[];
    /** Seconds since the epoch. */
    readonly expires: number;
  };

/** Options of {@linkcode replaceSource}. */
export interface ReplaceOptions {
  /** Name of the source: letters, digits and `_ . -`. */
  readonly source: string;
  /** Accepts less than half of the rows that are there. @default false */
  readonly force?: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Target {
  readonly table: string;
  readonly dictionaries: readonly string[];
}

const TARGETS: Readonly<Record<Kind, Target>> = {
  networks: {
    table: "ref_networks",
    dictionaries: ["dict_networks", "dict_countries", "dict_network_kinds"],
  },
  reputation: { table: "ref_reputation", dictionaries: ["dict_reputation"] },
  bots: { table: "ref_bots", dictionaries: ["dict_bots"] },
  ja4: { table: "ref_ja4", dictionaries: ["dict_ja4"] },
};

/** Rows sent at once. */
const BLOCK_ROWS = 100_000;
/** A dictionary of a million networks is built within seconds; a busy server takes longer. */
const LOAD_MS_MAX = 300_000;

/**
 * Replaces the rows of one source.
 *
 * @throws {FatalError} `dataFormat` if the new rows are suspiciously few.
 * @throws {DatabaseError} as the database does; the old rows are still there then.
 */
export async function replaceSource(
  database: Database,
  data: KindRows,
  { source, force = false, signal }: ReplaceOptions,
): Promise<void> {
  checkSource(source);
  const { table, dictionaries } = TARGETS[data.kind];
  const options = { signal, timeoutMs: LOAD_MS_MAX };
  const [there] = await database.query<{ n: number }>(
    sql`SELECT toUInt32(count()) AS n FROM ${
      sql.trusted(table)
    } FINAL WHERE source = ${source}`,
    options,
  );
  const known = there?.n ?? 0;
  if (!force && data.rows.length * 2 < known) {
    throw new FatalError(
      "dataFormat",
      `Cannot replace "${source}": it has ${data.rows.length} rows now and had ${known}; use --force if that is right`,
    );
  }
  const name = `${table}_loading_${Deno.pid}`;
  const loading = sql.trusted(name);
  await database.command(sql`DROP TABLE IF EXISTS ${loading} SYNC`, options);
  await database.command(
    sql`CREATE TABLE ${loading} AS ${
      sql.trusted(table)
    } ENGINE = ReplacingMergeTree(loaded_at)
      PARTITION BY source ORDER BY ${
      sql.trusted(await sortingKey(database, table))
    }`,
    options,
  );
  try {
    for (let from = 0; from < data.rows.length; from += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, data.rows.length - from);
      await database.insert(
        name,
        columnsOf(data, source, from, count),
        count,
        options,
      );
    }
    await database.command(
      sql`ALTER TABLE ${sql.trusted(table)} REPLACE PARTITION ${
        sql.trusted(`'${source}'`)
      } FROM ${loading}`,
      options,
    );
  } finally {
    await database.command(sql`DROP TABLE IF EXISTS ${loading} SYNC`, {
      timeoutMs: LOAD_MS_MAX,
    });
  }
  for (const dictionary of dictionaries) {
    await database.command(
      sql.trusted(
        `SYSTEM RELOAD DICTIONARY ${database.database}.${dictionary}`,
      ),
      options,
    );
  }
}

async function sortingKey(database: Database, table: string): Promise<string> {
  const [found] = await database.query<{ key: string }>(
    sql`SELECT concat('(', sorting_key, ')') AS key FROM system.tables WHERE database = currentDatabase() AND name = ${table}`,
  );
  return found?.key ?? "tuple()";
}

/** A name that is also a partition, written into a statement. */
export function checkSource(source: string): void {
  if (/^[\w.-]{1,64}$/.test(source)) return;
  throw new FatalError(
    "usage",
    `Cannot use the name "${source}": expected 1 to 64 letters, digits or _ . -`,
  );
}

function columnsOf(
  data: KindRows,
  source: string,
  from: number,
  count: number,
): Column[] {
  const part = <Row>(rows: readonly Row[]): readonly Row[] =>
    rows.slice(from, from + count);
  const texts = <Row>(
    name: string,
    rows: readonly Row[],
    pick: (row: Row) => string,
  ): Column => ({
    name,
    type: "String",
    data: rows.map(pick),
  });
  const sources: Column = {
    name: "source",
    type: "String",
    data: Array(count).fill(source),
  };
  switch (data.kind) {
    case "networks": {
      const rows = part(data.rows);
      return [
        texts("prefix", rows, (row) => row.prefix),
        { name: "asn", type: "UInt32", data: rows.map((row) => row.asn) },
        texts("as_org", rows, (row) => row.as_org),
        texts("country", rows, (row) => row.country),
        texts("kind", rows, (row) => row.kind),
        sources,
      ];
    }
    case "reputation": {
      const rows = part(data.rows);
      return [
        texts("prefix", rows, (row) => row.prefix),
        { name: "score", type: "UInt8", data: rows.map((row) => row.score) },
        {
          name: "expires_at",
          type: "DateTime",
          data: Array(count).fill(data.expires),
        },
        sources,
      ];
    }
    case "bots": {
      const rows = part(data.rows);
      return [
        texts("prefix", rows, (row) => row.prefix),
        texts("name", rows, (row) => row.name),
        texts("operator", rows, (row) => row.operator),
        texts("ua_token", rows, (row) => row.ua_token),
        sources,
      ];
    }
    case "ja4": {
      const rows = part(data.rows);
      return [
        texts("ja4", rows, (row) => row.ja4),
        texts("client", rows, (row) => row.client),
        texts("label", rows, (row) => row.label),
        texts("kind", rows, (row) => row.kind),
        {
          name: "resumed",
          type: "Bool",
          data: rows.map(({ resumed }) => Number(resumed)),
        },
        texts("origin", rows, (row) => row.origin),
        sources,
      ];
    }
  }
}

/** A table and how many rows ship for it. */
export interface LoadedTable {
  readonly table: string;
  readonly rows: number;
}

/** What ships, read by the same rules as anybody's files. */
const SHIPPED_FILES: Readonly<
  Record<Exclude<Kind, "reputation">, (bytes: Uint8Array) => KindRows>
> = {
  ja4: (bytes) => ({ kind: "ja4", rows: readJa4(bytes).rows }),
  bots: (bytes) => ({
    kind: "bots",
    rows: readBots(bytes, { name: "", operator: "", ua_token: "" }).rows,
  }),
  networks: (bytes) => ({ kind: "networks", rows: readNetworks(bytes).rows }),
};

/**
 * Loads the small samples that ship with the program (store/reference/*.tsv), so that everything
 * works offline. What was loaded from elsewhere stays and goes before it.
 *
 * @throws {FatalError} `noInput` if a file cannot be read or is not well formed.
 */
export async function loadReference(
  database: Database,
  signal?: AbortSignal,
): Promise<LoadedTable[]> {
  const loaded: LoadedTable[] = [];
  for (const [kind, read] of Object.entries(SHIPPED_FILES)) {
    const { table } = TARGETS[kind as Kind];
    const url = new URL(`./reference/${table}.tsv`, import.meta.url);
    const data = read(await readFile(url));
    const force = true;
    await replaceSource(database, data, { source: SHIPPED, force, signal });
    loaded.push({ table, rows: data.rows.length });
  }
  return loaded;
}

async function readFile(url: URL): Promise<Uint8Array> {
  try {
    return await Deno.readFile(url);
  } catch (thrown) {
    if (thrown instanceof FileFault) throw thrown;
    throw new FatalError(
      "noInput",
      `Cannot read the reference data: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** What is loaded of one source. */
export interface SourceStatus {
  readonly kind: Kind;
  readonly source: string;
  readonly rows: number;
  /** Rows whose time is over; of lists alone. */
  readonly expired: number;
  /** Seconds since it was loaded. */
  readonly age_s: number;
}

/** A dictionary, and why it could not be loaded, if so. */
export interface DictionaryStatus {
  readonly name: string;
  readonly elements: number;
  readonly fault: string;
}

/** What is loaded, by kind and source, and what the dictionaries have of it. */
export async function referenceStatus(
  database: Database,
): Promise<{ sources: SourceStatus[]; dictionaries: DictionaryStatus[] }> {
  const sources: SourceStatus[] = [];
  for (const [kind, { table }] of Object.entries(TARGETS)) {
    const expired = kind === "reputation"
      ? sql`toUInt32(countIf(expires_at <= now()))`
      : sql`toUInt32(0)`;
    const rows = await database.query<Omit<SourceStatus, "kind">>(sql`
      SELECT source, toUInt32(count()) AS rows, ${expired} AS expired,
        toInt32(dateDiff('second', max(loaded_at), now())) AS age_s
      FROM ${sql.trusted(table)} FINAL GROUP BY source ORDER BY source`);
    sources.push(...rows.map((row) => ({ kind: kind as Kind, ...row })));
  }
  const names = Object.values(TARGETS).flatMap(({ dictionaries }) =>
    dictionaries
  );
  const dictionaries = await database.query<DictionaryStatus>(sql`
    SELECT name, toUInt32(element_count) AS elements, last_exception AS fault
    FROM system.dictionaries WHERE database = currentDatabase() AND name IN ${
    typed(names, "Array(String)")
  } ORDER BY name`);
  return { sources, dictionaries };
}

/** Removes all rows of a source. */
export async function dropSource(
  database: Database,
  kind: Kind,
  source: string,
): Promise<void> {
  checkSource(source);
  const { table, dictionaries } = TARGETS[kind];
  await database.command(
    sql.trusted(`ALTER TABLE ${table} DROP PARTITION '${source}'`),
  );
  for (const dictionary of dictionaries) {
    await database.command(
      sql.trusted(
        `SYSTEM RELOAD DICTIONARY ${database.database}.${dictionary}`,
      ),
    );
  }
}
