/** What a subcommand of ja4ctl is made of, and what it is given. @module */
import type { ParseArgsConfig } from "node:util";
import * as v from "valibot";
import {
  type Database,
  type DatabaseOptions,
  openDatabase,
} from "../lib/clickhouse.ts";
import {
  clickhouseSection,
  databaseOptions,
} from "../lib/clickhouse_config.ts";
import { about, integer } from "../lib/config.ts";
import { KINDS } from "../store/reference_files.ts";
import { CONFIG_DIR, type Invocation } from "../lib/program.ts";
import { passwordFile } from "./host_config.ts";
import type { PartConfig, PartName } from "./parts.ts";

/** The file ja4ctl.toml. */
export const schema = v.strictObject({
  ctl: v.optional(
    v.strictObject({
      config_dir: about(
        "Folder of the parts' configuration",
        v.optional(v.string("expected a path"), CONFIG_DIR),
      ),
    }),
    {},
  ),
  clickhouse: clickhouseSection("ja4"),
  app: clickhouseSection("app"),
  reference: v.optional(
    v.strictObject({
      sources: about(
        "What `ja4ctl reference load` loads beside what ships",
        v.optional(
          v.array(
            v.strictObject({
              kind: v.picklist(KINDS),
              from: v.string("expected a file, an address or a publisher"),
              name: v.optional(v.string("expected a name")),
              score: v.optional(integer(1, 100)),
              days: v.optional(integer(1, 3650)),
              operator: v.optional(v.string("expected a name")),
              ua_token: v.optional(v.string("expected a text")),
            }),
            "expected a list of sources",
          ),
          [],
        ),
      ),
    }),
    {},
  ),
});

/** Options of a command line, by long name. */
export type Options = Invocation<unknown>["options"];

/** What a subcommand works with. */
export interface Context {
  readonly config: v.InferOutput<typeof schema>;
  /** The parts' configuration on this host. */
  readonly configs: Readonly<Record<PartName, PartConfig>>;
  readonly signal: AbortSignal;
  /** Opens the database with the rights of one of the two accounts that ja4ctl uses. */
  open(account: "clickhouse" | "app"): Promise<Database>;
}

/** A subcommand. */
export interface Command {
  readonly name: string;
  /** Its arguments, such as `NAME`; "" for none. */
  readonly usage: string;
  readonly summary: string;
  readonly options?: NonNullable<ParseArgsConfig["options"]>;
  /** Lines of `--help` about its options: how each is written, and what it does. */
  readonly optionHelp?: readonly (readonly [string, string])[];
  /**
   * Returns the exit code.
   *
   * @throws {FatalError} `usage` if the arguments are not what `usage` says.
   */
  run(
    context: Context,
    args: readonly string[],
    options: Options,
  ): Promise<number>;
}

/** Opens the database; with the embedded store's own password where none is configured. */
export async function openWith(
  section: v.InferOutput<typeof schema>["clickhouse"],
  store: PartConfig,
): Promise<Database> {
  const options: DatabaseOptions = databaseOptions(section);
  const given = section.password !== undefined ||
    section.password_file !== undefined;
  return await openDatabase(
    given
      ? options
      : { ...options, passwordFile: passwordFile(store, section.username) },
  );
}

/** Writes a line to stdout. */
export function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
