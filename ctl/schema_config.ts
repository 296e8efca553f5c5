/** The configuration of the schema, migrate.toml, as the commands that touch the schema need it. @module */
import type * as v from "valibot";
import { loadConfig } from "../lib/config.ts";
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { placeholdersOf, schema } from "../store/migrate.ts";
import type { Placeholders } from "../store/migration_files.ts";
import type { Context } from "./command.ts";
import { passwordFile } from "./host_config.ts";

/** A checked migrate.toml, with the embedded store's own password where none is configured. */
export type SchemaConfig = v.InferOutput<typeof schema>;

/** Reads migrate.toml of the configuration folder. */
export async function readSchemaConfig(
  { config, configs }: Context,
): Promise<SchemaConfig> {
  const read = await loadConfig(schema, {
    defaultFile: `${config.ctl.config_dir}/migrate.toml`,
    env: (name) => Deno.env.get(name),
  });
  const { password, password_file, username } = read.clickhouse;
  if (password !== undefined || password_file !== undefined) return read;
  return {
    ...read,
    clickhouse: {
      ...read.clickhouse,
      password_file: passwordFile(configs.store, username),
    },
  };
}

/** A connection to the database `system` with the rights of the schema's owner, and what is known of the schema. */
export async function openSystem(
  context: Context,
): Promise<{ system: Database; placeholders: Placeholders }> {
  const config = await readSchemaConfig(context);
  const options = databaseOptions(config.clickhouse);
  const system = await openDatabase({ ...options, database: "system" });
  return { system, placeholders: placeholdersOf(config, system.password) };
}
