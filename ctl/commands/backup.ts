/** `ja4ctl backup NAME` and `ja4ctl restore NAME`. @module */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { EXIT, FatalError, messageOf } from "../../lib/errors.ts";
import { printable } from "../../lib/text.ts";
import {
  backUp,
  DESTINATION,
  type Manifest,
  restore as restoreBackup,
} from "../../store/backup.ts";
import { type Command, type Context, type Options, print } from "../command.ts";
import { textOf } from "../host_config.ts";
import { openSystem } from "../schema_config.ts";
import { sizeOf } from "../table.ts";

const OPTIONS = {
  to: { type: "string" },
  manifest: { type: "string" },
} as const;

const OPTION_HELP: readonly (readonly [string, string])[] = [
  [
    "--to EXPRESSION",
    `where the database keeps it (default: ${DESTINATION}), such as Disk('backups', '{name}')`,
  ],
  [
    "--manifest FILE",
    "what is in it, {name} for the name (default: NAME.manifest.json beside it, or here)",
  ],
];

export const backup: Command = {
  name: "backup",
  usage: "[NAME]",
  summary:
    "backs the database up (NAME: that of the minute), reads the backup back and notes what is in it",
  options: OPTIONS,
  optionHelp: OPTION_HELP,
  async run(context, args, options) {
    const name = args.length === 0 ? nameOfNow() : nameOf(args);
    const file = manifestFile(context, name, options);
    if (existsSync(file)) {
      throw new FatalError(
        "usage",
        `Cannot back up as "${name}": "${file}" is there already`,
      );
    }
    const { system, placeholders } = await openSystem(context);
    await using _closed = system;
    const manifest = await backUp(system, placeholders.database, {
      name,
      destination: destinationOf(options),
    });
    await Deno.writeTextFile(file, `${JSON.stringify(manifest, null, 2)}\n`, {
      mode: 0o600,
    });
    const rows = Object.values(manifest.tables).reduce(
      (sum, { rows }) => sum + rows,
      0,
    );
    const tables = Object.keys(manifest.tables).length;
    print(
      `${name}: ${rows} rows of ${tables} tables, ${
        sizeOf(manifest.bytes)
      }, read back and counted; see ${file}`,
    );
    return EXIT.ok;
  },
};

export const restore: Command = {
  name: "restore",
  usage: "NAME",
  summary:
    "restores a backup into an empty database and compares it with what was backed up",
  options: OPTIONS,
  async run(context, args, options) {
    const name = nameOf(args);
    const file = manifestFile(context, name, options);
    const manifest = await readManifest(file);
    const { system, placeholders } = await openSystem(context);
    await using _closed = system;
    const differences = await restoreBackup(system, placeholders, {
      name,
      destination: destinationOf(options),
      manifest,
    });
    for (const { table, wanted, found } of differences) {
      print(
        printable(
          `${table}: ${found.rows} rows instead of ${wanted.rows}${
            found.rows < wanted.rows
              ? " (rows older than the retention are dropped at once)"
              : ""
          }`,
        ),
      );
    }
    const tables = Object.keys(manifest.tables).length;
    print(
      `${name} of ${manifest.at}: ${
        tables - differences.length
      } of ${tables} tables are as they were`,
    );
    return differences.length === 0 ? EXIT.ok : EXIT.failed;
  },
};

/** Such as `ja4-2026-11-23T0320`: what a timer makes. */
function nameOfNow(): string {
  const now = new Date().toISOString().slice(0, 16).replace(":", "");
  return `ja4-${now}`;
}

function nameOf(args: readonly string[]): string {
  const [name, ...rest] = args;
  if (name === undefined || rest.length > 0) {
    throw new FatalError(
      "usage",
      "Expected the NAME of one backup\nTry --help",
    );
  }
  return name;
}

function destinationOf(options: Options): string | undefined {
  const to = options["to"];
  return typeof to === "string" ? to : undefined;
}

/** Beside the backup where the embedded store is on this host, else in the folder of the caller. */
function manifestFile(
  { configs }: Context,
  name: string,
  options: Options,
): string {
  const given = options["manifest"];
  if (typeof given === "string") return given.replaceAll("{name}", name);
  const folder = join(textOf(configs.store, "store", "dir"), "backups");
  return join(
    existsSync(folder) ? folder : Deno.cwd(),
    `${name.replaceAll("/", "_")}.manifest.json`,
  );
}

async function readManifest(file: string): Promise<Manifest> {
  try {
    const manifest = JSON.parse(await Deno.readTextFile(file));
    if (typeof manifest?.tables !== "object") {
      throw new Error("it lists no tables");
    }
    return manifest;
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot read what is in the backup from "${file}": ${messageOf(thrown)}`,
      {
        cause: thrown,
      },
    );
  }
}
