/** `ja4ctl migrate ...`. @module */
import { EXIT } from "../../lib/errors.ts";
import { migrate as runMigrate } from "../../store/migrate.ts";
import type { Command } from "../command.ts";
import { readSchemaConfig } from "../schema_config.ts";

export const migrate: Command = {
  name: "migrate",
  usage: "up | down VERSION | status | verify | plan",
  summary: "the schema of the database, by migrate.toml",
  async run(context, args) {
    const config = await readSchemaConfig(context);
    return await runMigrate(config, args, context.signal) ?? EXIT.ok;
  },
};
