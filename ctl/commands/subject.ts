/** `ja4ctl subject --ip ADDRESS --export FILE | --erase`. @module */
import { join } from "node:path";
import { EXIT, FatalError, messageOf } from "../../lib/errors.ts";
import type { IpAddress } from "../../lib/events.ts";
import { parseIp } from "../../lib/ip.ts";
import {
  eraseSubject,
  exportSubject,
  findSubject,
} from "../../store/subject.ts";
import { type Command, type Context, print } from "../command.ts";
import { textOf } from "../host_config.ts";
import { openSystem } from "../schema_config.ts";
import { asTable } from "../table.ts";

export const subject: Command = {
  name: "subject",
  usage: "--ip ADDRESS [--export FILE | --erase]",
  summary:
    "what is stored of an address: counted, exported as JSON lines, or erased everywhere",
  options: {
    ip: { type: "string" },
    export: { type: "string" },
    erase: { type: "boolean" },
  },
  optionHelp: [
    ["--ip ADDRESS", "IPv4 or IPv6, as src_ip or client_ip"],
    ["--export FILE", 'every row, a line each; "-" for stdout'],
    ["--erase", "every row but those of the audit log and of sessions"],
  ],
  async run(context, args, options) {
    const ip = parseIp(String(options["ip"] ?? ""));
    const file = options["export"];
    const erase = options["erase"] === true;
    if (ip === undefined || args.length > 0 || (erase && file !== undefined)) {
      throw new FatalError(
        "usage",
        "Expected --ip ADDRESS and --export FILE or --erase\nTry --help",
      );
    }
    if (typeof file === "string") return await exportTo(context, ip, file);
    await using database = await context.open("clickhouse");
    if (!erase) return report(await findSubject(database, ip), "stored");
    const { system, placeholders } = await openSystem(context);
    await system[Symbol.asyncDispose]();
    report(await eraseSubject(database, ip, placeholders), "erased");
    if (
      placeholders.cluster !== undefined && placeholders.replicated === false
    ) {
      print("Shards without Keeper: run it on each of them");
    }
    await noteSpool(context);
    return EXIT.ok;
  },
};

function report(
  tables: Awaited<ReturnType<typeof findSubject>>,
  done: string,
): number {
  if (tables.length === 0) print("Nothing is stored of this address");
  else {
    print(asTable([
      ["table", "rows", ""],
      ...tables.map(({ table, rows, kept }) => [
        table,
        String(rows),
        kept === "" ? done : `kept: ${kept}`,
      ]),
    ]));
  }
  return EXIT.ok;
}

async function exportTo(
  context: Context,
  ip: IpAddress,
  file: string,
): Promise<number> {
  await using database = await context.open("clickhouse");
  using output = file === "-" ? undefined : await create(file);
  const encoder = new TextEncoder();
  let rows = 0;
  for await (const line of exportSubject(database, ip)) {
    const bytes = encoder.encode(`${JSON.stringify(line)}\n`);
    const writer = output ?? Deno.stdout;
    for (let at = 0; at < bytes.length;) {
      at += writer.writeSync(bytes.subarray(at));
    }
    rows++;
  }
  if (output !== undefined) print(`${rows} rows`);
  return EXIT.ok;
}

/** Readable by its owner alone, and never over a file that is there. */
async function create(file: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(file, { write: true, createNew: true, mode: 0o600 });
  } catch (thrown) {
    throw new FatalError(
      "usage",
      `Cannot write "${file}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Rows that wait in the correlator's spool reach the tables after the erasure. */
async function noteSpool({ configs }: Context): Promise<void> {
  const dir = textOf(configs.correlate, "spool", "dir");
  let bytes = 0;
  try {
    for await (const { name, isFile } of Deno.readDir(dir)) {
      if (isFile && name !== "lock") {
        bytes += (await Deno.stat(join(dir, name))).size;
      }
    }
  } catch {
    print(
      `The spool "${dir}" cannot be read: where correlate runs, run this again once it has stored what it holds`,
    );
    return;
  }
  if (bytes > 0) {
    print(
      `${bytes} bytes wait in "${dir}" to be stored: run this again once they are`,
    );
  }
}
