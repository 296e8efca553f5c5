/**
 * Loads the reference data that ships with the program (store/reference/*.tsv) into its tables.
 * Loading again changes nothing; a file that has changed replaces its rows by key.
 *
 * A file is a header of column names and a row a line, separated by tabs; a line that begins with
 * `#` says where the data is from.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Column, Database } from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { sql } from "../lib/sql.ts";

/** Tables with shipped data, their column types, and the dictionary that serves them. */
const TABLES: Readonly<
  Record<string, { dictionary: string; types: Record<string, string> }>
> = {
  ref_ja4: {
    dictionary: "dict_ja4",
    types: {
      ja4: "String",
      client: "String",
      label: "String",
      kind: "String",
      resumed: "Bool",
      origin: "String",
    },
  },
  ref_bots: {
    dictionary: "dict_bots",
    types: {
      prefix: "String",
      name: "String",
      operator: "String",
      ua_token: "String",
    },
  },
  ref_networks: {
    dictionary: "dict_networks",
    types: {
      prefix: "String",
      asn: "UInt32",
      as_org: "String",
      country: "String",
      kind: "String",
    },
  },
};

/** A table and how many rows ship for it. */
export interface LoadedTable {
  readonly table: string;
  readonly rows: number;
}

/**
 * Loads all files and has the dictionaries read them.
 *
 * @throws {FatalError} `noInput` if a file cannot be read or is not well formed.
 */
export async function loadReference(
  database: Database,
  signal?: AbortSignal,
): Promise<LoadedTable[]> {
  const loaded: LoadedTable[] = [];
  for (const [table, { dictionary, types }] of Object.entries(TABLES)) {
    const url = new URL(`./reference/${table}.tsv`, import.meta.url);
    const text = await readFile(url);
    const { columns, rows } = parse(text, types, url);
    const digest = createHash("sha256").update(text).digest("hex");
    await database.insert(table, columns, rows, {
      token: `reference:${digest}`,
      signal,
    });
    await database.command(
      sql.trusted(
        `SYSTEM RELOAD DICTIONARY ${database.database}.${dictionary}`,
      ),
      { signal },
    );
    loaded.push({ table, rows });
  }
  return loaded;
}

async function readFile(url: URL): Promise<string> {
  try {
    return await Deno.readTextFile(url);
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the reference data: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

function parse(
  text: string,
  types: Readonly<Record<string, string>>,
  url: URL,
): { columns: Column[]; rows: number } {
  const lines = text.split("\n").filter((line) =>
    line !== "" && !line.startsWith("#")
  ).map((line) => line.split("\t"));
  const [names = [], ...rows] = lines;
  const columns = names.map((name, index): Column => {
    const type = types[name];
    const cells = rows.map((row) => row[index] ?? "");
    if (type === undefined || rows.some((row) => row.length !== names.length)) {
      throw new FatalError(
        "noInput",
        `Cannot use "${url.pathname}": expected rows of ${
          Object.keys(types).join(", ")
        }`,
      );
    }
    return {
      name,
      type,
      data: type === "String" ? cells : cells.map(Number),
    };
  });
  return { columns, rows: rows.length };
}
