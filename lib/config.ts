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
  if (result.success) return result.output;
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
  if (issue.type === "strict_object" && issue.expected === "never") {
    return "unknown key; see --help or the example file for those that exist";
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
  const lines: string[] = [];
  for (const [section, inner] of Object.entries(schema.entries)) {
    lines.push(`[${section}]`);
    for (const [key, value] of Object.entries(entriesOf(inner) ?? {})) {
      const fallback = (value as { default?: unknown }).default;
      lines.push(
        fallback === undefined
          ? `# ${key} =`
          : `${key} = ${JSON.stringify(fallback)}`,
      );
    }
  }
  return lines.join("\n");
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
