/**
 * Configuration: a TOML file checked against a valibot schema, with `JA4_SECTION__KEY` overrides
 * from the environment. All faults are reported at once, each with file, line and key.
 *
 * @module
 */
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { FatalError, messageOf } from "./errors.ts";

/** A schema of one program's file: sections of keys, both closed (an unknown one is a fault). */
// deno-lint-ignore no-explicit-any -- valibot's own upper bound for a strict object
export type ConfigSchema = v.StrictObjectSchema<any, undefined>;

/** A whole number with inclusive bounds; the message names them. */
export function integer(
  min: number,
  max: number,
): v.GenericSchema<number, number> {
  const message = `expected a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

/** `host:port` where the server listens; the host must be an address. */
export function listenAddress(): v.GenericSchema<string, string> {
  return v.pipe(
    v.string('expected "address:port"'),
    v.regex(
      /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}$/,
      'expected "address:port"',
    ),
  );
}

/** Where a daemon's health endpoints listen: {@linkcode listenAddress}, or `unix:/path` for a socket. */
export function healthAddress(): v.GenericSchema<string, string> {
  const message = 'expected "address:port" or "unix:/path"';
  return v.pipe(
    v.string(message),
    v.regex(
      /^(unix:\/[^\0]{1,106}|(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5})$/,
      message,
    ),
  );
}

/** Splits what {@linkcode listenAddress} accepted. */
export function splitAddress(text: string): { hostname: string; port: number } {
  const colon = text.lastIndexOf(":");
  return {
    hostname: text.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(text.slice(colon + 1)),
  };
}

/** What a key is for, by its schema; see {@linkcode about}. */
const ABOUT = new WeakMap<object, string>();

/**
 * `schema` with a sentence on what the key is for: `--help` and docs/configuration.md say it. The
 * schema itself stays as it is, so that one may serve several keys.
 */
export function about<Schema extends object>(
  sentence: string,
  schema: Schema,
): Schema {
  const own = { ...schema };
  ABOUT.set(own, sentence);
  return own;
}

/** A key of a configuration as its schema tells of it. */
export interface KeyDescription {
  readonly section: string;
  readonly key: string;
  /** What it is for; "" where the schema does not say. */
  readonly about: string;
  /** What it accepts, such as `a whole number from 1 to 64`. */
  readonly accepts: string;
  /** Undefined: it has to be given, or is off. */
  readonly fallback: unknown;
}

/** All keys of a file, in the order of the schema. */
export function keysOf(schema: ConfigSchema): KeyDescription[] {
  return Object.entries(schema.entries).flatMap(([section, inner]) =>
    Object.entries(entriesOf(inner) ?? {}).map(([key, value]) => ({
      section,
      key,
      about: ABOUT.get(value as object) ?? "",
      accepts: acceptedBy(value as SchemaParts),
      fallback: (value as SchemaParts).default,
    }))
  );
}

/** What is looked at of valibot's schemas. */
interface SchemaParts {
  readonly type: string;
  readonly default?: unknown;
  readonly wrapped?: SchemaParts;
  readonly item?: SchemaParts;
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly options?: readonly unknown[];
  readonly message?: unknown;
  readonly pipe?: readonly { readonly message?: unknown }[];
}

/** From the message that a wrong value gets, which says what was expected. */
function acceptedBy(schema: SchemaParts): string {
  if (schema.wrapped !== undefined) return acceptedBy(schema.wrapped);
  const message = [...schema.pipe ?? [], schema].map(({ message }) => message)
    .findLast((message) => typeof message === "string");
  if (typeof message === "string") {
    const list = schema.item === undefined
      ? ""
      : ` (each ${acceptedBy(schema.item)})`;
    return message.replace(/^expected /, "") +
      (message.includes("list") ? list : "");
  }
  if (schema.item !== undefined) {
    return `a list, each ${acceptedBy(schema.item)}`;
  }
  if (schema.entries !== undefined) {
    return `a table of ${Object.keys(schema.entries).join(", ")}`;
  }
  if (schema.options !== undefined) {
    return schema.options.map((option) => JSON.stringify(option)).join(", ");
  }
  return schema.type === "boolean" ? "true or false" : "a text";
}

/** Where {@linkcode loadConfig} looks. */
export interface ConfigSource {
  /** File named with `--config`; it must exist. */
  readonly file?: string | undefined;
  /** File read when `file` is not given; it may be absent. */
  readonly defaultFile?: string | undefined;
  /** The environment; only the names that the schema has are asked for. */
  readonly env?: (name: string) => string | undefined;
}

/**
 * Reads, merges and checks a configuration.
 *
 * @throws {FatalError} `noInput` if the named file cannot be read, `config` with every fault found.
 */
export async function loadConfig<Schema extends ConfigSchema>(
  schema: Schema,
  source: ConfigSource,
): Promise<v.InferOutput<Schema>> {
  return (await readConfig(schema, source)).config;
}

/** A value that holds, and where it came from. */
export interface Origin {
  /** `section.key`. */
  readonly key: string;
  readonly value: unknown;
  /** `default`, `/path/of/the.toml:12`, or `JA4_SECTION__KEY`. */
  readonly origin: string;
}

/**
 * Each value of a configuration with where it came from; a secret's value is not told.
 *
 * @throws {FatalError} as {@linkcode loadConfig}.
 */
export async function originsOf(
  schema: ConfigSchema,
  source: ConfigSource,
): Promise<Origin[]> {
  const { config, path, text, raw, fromEnv } = await readConfig(schema, source);
  const sections = config as Readonly<
    Record<string, Readonly<Record<string, unknown>> | undefined>
  >;
  return keysOf(schema).flatMap(({ section, key }) => {
    const value = sections[section]?.[key];
    if (value === undefined) return [];
    const name = `${section}.${key}`;
    const written = (raw[section] as Record<string, unknown> | undefined)
      ?.[key];
    const fromFile = written === undefined
      ? "default"
      : `${path}:${lineOf(text, [section, key])}`;
    return [{
      key: name,
      value: SECRET.test(key) ? "[hidden]" : value,
      origin: fromEnv.get(name) ?? fromFile,
    }];
  });
}

/** Keys that hold a secret itself, and not the file that it is in. */
const SECRET = /^(password|client_secret|secret|token)$/;

/** A configuration that was read, with what it was made from. */
interface ReadConfig<Schema extends ConfigSchema> {
  readonly config: v.InferOutput<Schema>;
  readonly path: string;
  readonly text: string;
  readonly raw: Readonly<Record<string, unknown>>;
  readonly fromEnv: ReadonlyMap<string, string>;
}

async function readConfig<Schema extends ConfigSchema>(
  schema: Schema,
  source: ConfigSource,
): Promise<ReadConfig<Schema>> {
  const { path, text } = await readFile(source);
  let raw: Record<string, unknown>;
  try {
    raw = parseToml(text) as Record<string, unknown>;
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    const reason = thrown.message.split("\n")[0];
    throw new FatalError(
      "config",
      `Cannot read "${path}", line ${thrown.line}: ${reason}`,
    );
  }
  const fromEnv = applyEnvironment(
    schema,
    raw,
    source.env ?? (() => undefined),
  );
  const result = v.safeParse(schema, raw);
  if (result.success) {
    return { config: result.output, path, text, raw, fromEnv };
  }
  const faults = result.issues.map((issue) => {
    const keys = issue.path?.map((item: { key: unknown }) =>
      String(item.key)
    ) ?? [];
    const key = keys.join(".");
    const variable = fromEnv.get(keys.slice(0, 2).join("."));
    const place = variable ?? `${path}, line ${lineOf(text, keys)}`;
    return `${place}: ${key}: ${describe(issue)}`;
  });
  throw new FatalError("config", faults.join("\n"));
}

function describe(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "strict_object") {
    switch (issue.expected) {
      case "never":
        return "unknown key; see --help or the example file for those that exist";
      case "Object":
        return `expected a table, found ${issue.received}`;
      default:
        return "expected a value: it has no default";
    }
  }
  const found = issue.received === "undefined"
    ? ""
    : `, found ${issue.received}`;
  return `${issue.message}${found}`;
}

async function readFile(
  source: ConfigSource,
): Promise<{ path: string; text: string }> {
  const path = source.file ?? source.defaultFile;
  if (path === undefined) return { path: "(defaults)", text: "" };
  try {
    return { path, text: await Deno.readTextFile(path) };
  } catch (thrown) {
    if (source.file === undefined && thrown instanceof Deno.errors.NotFound) {
      return { path, text: "" };
    }
    throw new FatalError(
      "noInput",
      `Cannot read the configuration "${path}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** Overlays the environment onto `raw`; returns which variable each overlaid key came from. */
function applyEnvironment(
  schema: ConfigSchema,
  raw: Record<string, unknown>,
  env: (name: string) => string | undefined,
): Map<string, string> {
  const used = new Map<string, string>();
  for (const [section, inner] of Object.entries(schema.entries)) {
    for (const key of Object.keys(entriesOf(inner) ?? {})) {
      const name = `JA4_${section}__${key}`.toUpperCase();
      const text = env(name);
      if (text === undefined) continue;
      const table = raw[section];
      const keys = table !== null && typeof table === "object"
        ? table as Record<string, unknown>
        : (raw[section] = {}) as Record<string, unknown>;
      keys[key] = parseValue(text);
      used.set(`${section}.${key}`, name);
    }
  }
  return used;
}

/** The entries of a strict object, also inside `v.optional(...)`. */
function entriesOf(schema: unknown): Record<string, unknown> | undefined {
  const outer = schema as {
    entries?: Record<string, unknown>;
    wrapped?: unknown;
  };
  if (outer.entries !== undefined) return outer.entries;
  return outer.wrapped === undefined ? undefined : entriesOf(outer.wrapped);
}

/** The file that `schema` accepts, as TOML with every default; a key without one is a comment. */
export function exampleOf(schema: ConfigSchema): string {
  const keys = Map.groupBy(keysOf(schema), ({ section }) => section);
  return Object.keys(schema.entries).map((section) =>
    [
      `[${section}]`,
      ...(keys.get(section) ?? []).flatMap(({ key, about, fallback }) => [
        ...about === "" ? [] : [`# ${about}`],
        fallback === undefined
          ? `# ${key} =`
          : `${key} = ${JSON.stringify(fallback)}`,
      ]),
    ].join("\n")
  ).join("\n\n");
}

/** A TOML value where it reads as one (`8`, `true`, `["a"]`), else the text itself. */
function parseValue(text: string): unknown {
  try {
    return parseToml(`value = ${text}`)["value"];
  } catch {
    return text;
  }
}

/** Line (from 1) that holds the key, found by section header and key name; 1 if it is not written. */
function lineOf(text: string, keys: readonly string[]): number {
  const section = keys.slice(0, -1).join(".");
  const last = keys.at(-1) ?? "";
  let current = "";
  let found = 1;
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[+\s*([^\]]+?)\s*\]+/.exec(line)?.[1];
    if (header !== undefined) {
      current = header;
      if (
        current === section ||
        current === [section, last].filter(Boolean).join(".")
      ) {
        found = index + 1;
      }
      continue;
    }
    const key = /^\s*"?([A-Za-z0-9_.-]+)"?\s*=/.exec(line)?.[1];
    if (key === undefined) continue;
    const dotted = current === "" ? key : `${current}.${key}`;
    if (dotted === keys.join(".")) return index + 1;
    if (dotted === section) found = index + 1; // inline table or array
  }
  return found;
}
