/**
 * The migrations as files: `NNNN_name/{up,down,verify}.sql`, numbered from 1 without gaps, written
 * once for a single server and for a cluster.
 *
 * Placeholders; any other is an error:
 * - `{{db}}`, `{{on_cluster}}`, `{{dict_auth}}`, `{{raw_days}}`, `{{agg_days}}`, `{{audit_days}}`
 * - `{{replicated:Engine(args)}}`: one copy of the data a shard; `{{replicated_global:Engine(args)}}`:
 *   one copy for all shards
 * - `{{local:table}}`: the name of a table whose rows are spread over the shards, `table` on a
 *   single server and `table_local` on a cluster, where `table` stands for all shards:
 * - `{{distributed:table, key}}` and `{{drop_distributed:table}}`: the statements for that one;
 *   nothing on a single server
 * - `{{raw_ttl:time}}`, `{{raw_storage}}`: how long raw rows stay on the first volume, and at all
 *
 * @module
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { FatalError, messageOf } from "../lib/errors.ts";
import { splitStatements } from "./statements.ts";

/** The folder of this project's migrations. */
export const MIGRATIONS = new URL("../migrations/", import.meta.url);

/** One migration, before substitution. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly up: string;
  readonly down: string;
  readonly verify: string;
  /** Hex SHA-256 of the three files. */
  readonly checksum: string;
}

/** What the placeholders stand for. */
export interface Placeholders {
  readonly database: string;
  /** Name of the cluster; absent for a single server. */
  readonly cluster?: string | undefined;
  /**
   * Whether the cluster has Keeper, and with it replicated tables and definitions that reach all
   * servers; without, each server is migrated by itself. @default true
   */
  readonly replicated?: boolean | undefined;
  /** How long raw rows, aggregates and the audit log are kept. */
  readonly rawDays: number;
  /** Days after which raw rows move to the volume `cold`; absent: never. */
  readonly hotDays?: number | undefined;
  /** Policy that has this volume. @default "tiered" */
  readonly storagePolicy?: string | undefined;
  readonly aggregateDays: number;
  readonly auditDays: number;
  /** As whom dictionaries read their tables. */
  readonly username: string;
  readonly password: string;
}

/**
 * Reads all migrations, in order.
 *
 * @throws {FatalError} `noInput` if a file cannot be read or the numbers have a gap.
 */
export async function readMigrations(
  folder: URL = MIGRATIONS,
): Promise<Migration[]> {
  const migrations: Migration[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const match = /^(\d{4})_(\w+)$/.exec(name);
      if (!isDirectory || match === null) continue;
      const [up, down, verify] = await Promise.all(
        ["up", "down", "verify"].map((part) =>
          Deno.readTextFile(new URL(`${name}/${part}.sql`, folder))
        ),
      ) as [string, string, string];
      migrations.push({
        version: Number(match[1]),
        name: match[2] ?? "",
        up,
        down,
        verify,
        checksum: createHash("sha256").update([up, down, verify].join("\0"))
          .digest("hex"),
      });
    }
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read the migrations in "${fileURLToPath(folder)}": ${
        messageOf(thrown)
      }`,
      { cause: thrown },
    );
  }
  migrations.sort((a, b) => a.version - b.version);
  for (const [index, { version }] of migrations.entries()) {
    if (version === index + 1) continue;
    throw new FatalError(
      "noInput",
      `Cannot use the migrations in "${
        fileURLToPath(folder)
      }": expected number ${index + 1}, found ${version}`,
    );
  }
  return migrations;
}

/** The statements of one file, ready to send. */
export function statementsOf(text: string, values: Placeholders): string[] {
  return splitStatements(substitute(text, values));
}

/** Whether definitions and rows reach the other servers by themselves. */
export function isReplicated(
  { cluster, replicated = true }: Pick<Placeholders, "cluster" | "replicated">,
): boolean {
  return cluster !== undefined && replicated;
}

/** The name of a table that holds the rows of this server. */
export function localTable(
  table: string,
  { cluster }: Pick<Placeholders, "cluster">,
): string {
  return cluster === undefined ? table : `${table}_local`;
}

/** `ON CLUSTER 'name'`, or nothing. */
export function onCluster(
  values: Pick<Placeholders, "cluster" | "replicated">,
): string {
  return isReplicated(values) ? `ON CLUSTER '${values.cluster}'` : "";
}

/** What rows with the time `time` live by: a move to the second volume, if there is one, and the end. */
export function rawTtl(
  time: string,
  { rawDays, hotDays }: Pick<Placeholders, "rawDays" | "hotDays">,
): string {
  const end = `${time} + INTERVAL ${rawDays} DAY DELETE`;
  return hotDays === undefined || hotDays >= rawDays
    ? end
    : `${time} + INTERVAL ${hotDays} DAY TO VOLUME 'cold', ${end}`;
}

function substitute(text: string, values: Placeholders): string {
  return text.replaceAll(
    /\{\{(\w+)(?::([^}]+))?\}\}/g,
    (placeholder, name: string, argument: string = "") => {
      switch (name) {
        case "db":
          return values.database;
        case "on_cluster":
          return onCluster(values);
        case "local":
          return localTable(argument, values);
        case "distributed":
          return distributed(argument, values);
        case "drop_distributed":
          return values.cluster === undefined
            ? ""
            : `DROP TABLE IF EXISTS ${values.database}.${argument} ${
              onCluster(values)
            } SYNC`;
        case "replicated":
          return replicated(argument, "{shard}", values);
        case "replicated_global":
          return replicated(argument, "global", values);
        case "raw_days":
          return String(values.rawDays);
        case "raw_ttl":
          return rawTtl(argument, values);
        case "raw_storage":
          return values.hotDays === undefined
            ? ""
            : `, storage_policy = '${values.storagePolicy ?? "tiered"}'`;
        case "agg_days":
          return String(values.aggregateDays);
        case "audit_days":
          return String(values.auditDays);
        case "dict_auth":
          return ` USER ${quote(values.username)} PASSWORD ${
            quote(values.password)
          }`;
        default:
          throw new FatalError(
            "noInput",
            `Cannot use a migration with the unknown placeholder ${placeholder}`,
          );
      }
    },
  );
}

/** The table that stands for `table` of all shards, rows spread by the second argument. */
function distributed(argument: string, values: Placeholders): string {
  const { cluster, database } = values;
  if (cluster === undefined) return "";
  const [, table = "", key = ""] = /^(\w+), (.+)$/.exec(argument) ?? [];
  const local = localTable(table, values);
  return `CREATE TABLE IF NOT EXISTS ${database}.${table} ${
    onCluster(values)
  } AS ${database}.${local} ENGINE = Distributed('${cluster}', '${database}', '${local}', ${key})`;
}

/** `MergeTree(args)` on a single server, its Replicated form with a path in Keeper on a cluster. */
function replicated(
  engine: string,
  shard: string,
  values: Placeholders,
): string {
  if (!isReplicated(values)) return engine;
  const [, family = "", args] = /^(\w+)(?:\((.*)\))?$/.exec(engine) ?? [];
  // The macros {shard} and {replica} are each server's own; here {replica} must be unique among all
  // servers where the shard is "global".
  const path = `/clickhouse/tables/${shard}/{database}/{table}`;
  const tail = args ? `, ${args}` : "";
  return `Replicated${family}('${path}', '{replica}'${tail})`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
