/** `ja4ctl reference load|status|drop`. @module */
import { EXIT, FatalError, messageOf } from "../../lib/errors.ts";
import { printable } from "../../lib/text.ts";
import {
  dropSource,
  loadReference,
  referenceStatus,
} from "../../store/reference.ts";
import { KINDS } from "../../store/reference_files.ts";
import { loadSource, type Source } from "../../store/reference_load.ts";
import { PUBLISHERS } from "../../store/reference_sources.ts";
import { type Command, type Context, type Options, print } from "../command.ts";
import { asTable } from "../table.ts";

const USAGE = `Expected one of
  ja4ctl reference load
  ja4ctl reference load networks|reputation|bots|ja4 FROM
  ja4ctl reference status
  ja4ctl reference drop networks|reputation|bots|ja4 NAME`;

export const reference: Command = {
  name: "reference",
  usage: "load [KIND FROM] | status | drop KIND NAME",
  summary:
    "networks, reputation, bots and JA4 labels from a file or address; without one, what ships and [[reference.sources]]",
  options: {
    name: { type: "string" },
    score: { type: "string" },
    days: { type: "string" },
    operator: { type: "string" },
    "ua-token": { type: "string" },
    force: { type: "boolean" },
  },
  optionHelp: [
    [
      "--name NAME",
      "what the source is known by; loading it again replaces it",
    ],
    ["--score N", "of a reputation list: 1 to 100 (default: 75)"],
    ["--days N", "of a reputation list: how long it counts (default: 7)"],
    ["--operator NAME", "of a bot: who runs it"],
    ["--ua-token TEXT", "of a bot: what its User-Agent holds"],
    ["--force", "accept less than half of the rows that are there"],
    ["", `FROM of bots may be ${Object.keys(PUBLISHERS).join(", ")}`],
  ],
  async run(context, args, options) {
    const [action, ...rest] = args;
    if (action === "load" && (rest.length === 0 || rest.length === 2)) {
      return rest.length === 0
        ? await loadAll(context, options["force"] === true)
        : await loadOne(
          context,
          sourceOf(rest, options),
          options["force"] === true,
        );
    }
    if (action === "status" && rest.length === 0) return await status(context);
    if (action === "drop" && rest.length === 2) {
      await using database = await context.open("clickhouse");
      const [kind, name = ""] = rest;
      await dropSource(database, kindOf(kind), name);
      return EXIT.ok;
    }
    throw new FatalError("usage", USAGE);
  },
};

function sourceOf(
  [kind, from = ""]: readonly string[],
  options: Options,
): Source {
  return {
    kind: kindOf(kind),
    from,
    name: textOf(options["name"]),
    score: numberOf(options, "score", 100),
    days: numberOf(options, "days", 3650),
    operator: textOf(options["operator"]),
    ua_token: textOf(options["ua-token"]),
  };
}

function kindOf(text: string | undefined): Source["kind"] {
  const kind = KINDS.find((kind) => kind === text);
  if (kind === undefined) throw new FatalError("usage", USAGE);
  return kind;
}

function textOf(value: Options[string]): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberOf(
  options: Options,
  name: string,
  most: number,
): number | undefined {
  const text = textOf(options[name]);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new FatalError(
    "usage",
    `Cannot use --${name} "${text}": expected a whole number from 1 to ${most}`,
  );
}

async function loadOne(
  context: Context,
  source: Source,
  force: boolean,
): Promise<number> {
  await using database = await context.open("clickhouse");
  const { signal } = context;
  const loaded = await loadSource(database, source, {
    force,
    signal,
    nowS: Date.now() / 1000,
  });
  const odd = loaded.skipped === 0
    ? ""
    : `, ${loaded.skipped} lines not understood`;
  print(printable(`${loaded.kind} ${loaded.name}: ${loaded.rows} rows${odd}`));
  return EXIT.ok;
}

/** What ships and what is configured; one that fails is told and does not keep the others from it. */
async function loadAll(context: Context, force: boolean): Promise<number> {
  {
    await using database = await context.open("clickhouse");
    for (
      const { table, rows } of await loadReference(database, context.signal)
    ) {
      print(`${table}: ${rows} rows that ship`);
    }
  }
  let failed = 0;
  for (const source of context.config.reference.sources) {
    try {
      await loadOne(context, source, force);
    } catch (thrown) {
      if (!(thrown instanceof FatalError)) throw thrown;
      failed++;
      const line = printable(`ja4ctl: ${messageOf(thrown)}`);
      Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
    }
  }
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

/** Exit code 1 if a dictionary cannot read its table, or a list has run out. */
async function status(context: Context): Promise<number> {
  await using database = await context.open("clickhouse");
  const { sources, dictionaries } = await referenceStatus(database);
  print(asTable([
    ["kind", "source", "rows", "expired", "loaded"],
    ...sources.map(({ kind, source, rows, expired, age_s }) => [
      kind,
      source,
      String(rows),
      String(expired),
      `${ageOf(age_s)} ago`,
    ]),
  ]));
  print(asTable([
    ["dictionary", "elements", "fault"],
    ...dictionaries.map((
      { name, elements, fault },
    ) => [name, String(elements), fault]),
  ]));
  const ill = dictionaries.some(({ fault }) => fault !== "") ||
    sources.some(({ rows, expired }) => rows === expired);
  return ill ? EXIT.failed : EXIT.ok;
}

function ageOf(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}
