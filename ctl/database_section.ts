/** The database as a section of a part's file names it. @module */
import * as v from "valibot";
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import {
  clickhouseSection,
  databaseOptions,
} from "../lib/clickhouse_config.ts";
import { FatalError } from "../lib/errors.ts";
import { passwordFile } from "./host_config.ts";
import type { PartConfig, PartName } from "./parts.ts";

/** User that each part's section has where its file names none. */
const USERS: Readonly<Record<string, string>> = {
  "web clickhouse": "web",
  "web app": "app",
};

/**
 * Opens it with the password that the file names, else with that of the embedded store.
 *
 * @throws {FatalError} `config` if the section is faulty, `noInput` if the password cannot be read.
 */
export async function databaseSection(
  configs: Readonly<Record<PartName, PartConfig>>,
  part: PartName,
  section: "clickhouse" | "app",
): Promise<Database> {
  const schema = clickhouseSection(USERS[`${part} ${section}`] ?? "ja4");
  const read = v.safeParse(schema, configs[part].content[section] ?? {});
  if (!read.success) {
    throw new FatalError("config", `[${section}] of ${part}.toml is faulty`);
  }
  const options = databaseOptions(read.output);
  const given = options.password !== undefined ||
    options.passwordFile !== undefined;
  return await openDatabase(
    given ? options : {
      ...options,
      passwordFile: passwordFile(configs.store, options.username),
    },
  );
}
