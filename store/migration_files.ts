/**
 * The migrations as files: `NNNN_name/{up,down,verify}.sql`, numbered from 1 without gaps, written
 * once for a single server and for a cluster.
 *
 * Placeholders: `{{db}}`, `{{on_cluster}}`, `{{replicated:Engine(args)}}` (one copy of the data a
 * shard), `{{replicated_global:Engine(args)}}` (one copy for all shards), `{{raw_days}}`,
 * `{{agg_days}}`, `{{audit_days}}` and `{{dict_auth}}`. Any other is an error.
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
  /** How long raw rows, aggregates and the audit log are kept. */
  readonly rawDays: number;
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

function substitute(text: string, values: Placeholders): string {
  return text.replaceAll(
    /\{\{(\w+)(?::([^}]+))?\}\}/g,
    (placeholder, name: string, engine: string | undefined) => {
      switch (name) {
        case "db":
          return values.database;
        case "on_cluster":
          return values.cluster === undefined
            ? ""
            : `ON CLUSTER '${values.cluster}'`;
        case "replicated":
          return replicated(engine ?? "", "{shard}", values);
        case "replicated_global":
          return replicated(engine ?? "", "global", values);
        case "raw_days":
          return String(values.rawDays);
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

/** `MergeTree(args)` on a single server, its Replicated form with a path in Keeper on a cluster. */
function replicated(
  engine: string,
  shard: string,
  { cluster }: Placeholders,
): string {
  if (cluster === undefined) return engine;
  const [, family = "", args] = /^(\w+)(?:\((.*)\))?$/.exec(engine) ?? [];
  const path = `/clickhouse/tables/${shard}/{database}/{table}`;
  const tail = args ? `, ${args}` : "";
  return `Replicated${family}('${path}', '{replica}'${tail})`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
