/**
 * SQL as a tagged template. Values never become part of the text: each is a ClickHouse query
 * parameter, `{p0:Type}`, and travels beside it.
 *
 * ```ts
 * import { sql, typed } from "./sql.ts";
 * const recent = sql`ts > now() - ${3600}`;
 * const query = sql`SELECT ja4 FROM http_events WHERE ${recent} AND src_ip = ${
 *   typed("::1", "IPv6")
 * }`;
 * console.assert(query.text.endsWith("ts > now() - {p0:Int64} AND src_ip = {p1:IPv6}"));
 * ```
 *
 * @module
 */
import { invariant } from "./invariant.ts";

/** What may be bound; the type that ClickHouse reads it as is derived, or given with {@linkcode typed}. */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | readonly SqlValue[]
  | Typed;

/** A value with the ClickHouse type it is bound as. Made by {@linkcode typed}. */
export class Typed {
  readonly value: Exclude<SqlValue, Typed>;
  readonly type: string;
  constructor(value: Exclude<SqlValue, Typed>, type: string) {
    this.value = value;
    this.type = type;
  }
}

/** A statement, or a part of one, with its bound values. Made by {@linkcode sql} alone. */
export class Sql {
  /** Text and values in order: a string is text, a Typed is a value. */
  readonly parts: readonly (string | Typed)[];
  constructor(parts: readonly (string | Typed)[]) {
    this.parts = parts;
  }

  /** The text, with `{p0:Type}` where the values go. */
  get text(): string {
    let count = 0;
    return this.parts.map((part) =>
      typeof part === "string" ? part : `{p${count++}:${part.type}}`
    ).join("");
  }

  /** The values by parameter name, `p0` first. */
  get params(): Record<string, Exclude<SqlValue, Typed>> {
    const values = this.parts.filter((part) => part instanceof Typed);
    return Object.fromEntries(
      values.map((part, index) => [`p${index}`, withoutDates(part.value)]),
    );
  }
}

/** What DateTime64(6) can hold: microseconds of 64 bits would do, its calendar ends here. */
const FIRST_MS = Date.UTC(1900, 0, 1);
const LAST_MS = Date.UTC(2299, 11, 31, 23, 59, 59, 999);

/** Dates as texts of UTC: client-web writes one before 1970 so that the server cannot read it. */
function withoutDates(
  value: Exclude<SqlValue, Typed>,
): Exclude<SqlValue, Typed> {
  if (Array.isArray(value)) {
    return (value as readonly Exclude<SqlValue, Typed>[]).map(withoutDates);
  }
  if (!(value instanceof Date)) return value;
  const ms = value.getTime();
  invariant(!Number.isNaN(ms), "a time that is none");
  return new Date(Math.min(Math.max(ms, FIRST_MS), LAST_MS)).toISOString()
    .replace("T", " ").replace("Z", "");
}

/** Builds a statement or a fragment; see the module. Fragments nest. */
export function sql(
  strings: TemplateStringsArray,
  ...values: (SqlValue | Sql)[]
): Sql {
  const parts: (string | Typed)[] = [strings[0] ?? ""];
  for (const [index, value] of values.entries()) {
    if (value instanceof Sql) parts.push(...value.parts);
    else parts.push(bind(value));
    parts.push(strings[index + 1] ?? "");
  }
  return new Sql(parts);
}

/** The fragments one after another with `separator` between them; of none, nothing. */
sql.join = function (fragments: readonly Sql[], separator: string): Sql {
  return new Sql(
    fragments.flatMap((fragment, index) =>
      index === 0 ? fragment.parts : [separator, ...fragment.parts]
    ),
  );
};

/** Text of a file of this project, as SQL. Never for anything that came from outside. */
sql.trusted = function (text: string): Sql {
  return new Sql([text]);
};

/** Binds `value` as `type`, such as `IPv6`, `DateTime64(6)` or `Array(String)`. */
export function typed(value: Exclude<SqlValue, Typed>, type: string): Typed {
  invariant(/^\w+(\([\w\s,()']*\))?$/.test(type), `"${type}" is not a type`);
  return new Typed(value, type);
}

/** A name of a column, table or direction that must be one of `allowed`, as text. */
export function identifier<Name extends string>(
  name: string,
  allowed: readonly Name[],
): Sql {
  const known = allowed.find((candidate) => candidate === name);
  invariant(known !== undefined, `"${name}" is not among the allowed names`);
  invariant(/^[A-Za-z_][\w.]*$/.test(known), `"${known}" is not a plain name`);
  return new Sql([known]);
}

function bind(value: SqlValue): Typed {
  return value instanceof Typed ? value : new Typed(value, typeOf(value));
}

function typeOf(value: Exclude<SqlValue, Typed>): string {
  switch (typeof value) {
    case "string":
      return "String";
    case "boolean":
      return "Bool";
    case "bigint":
      return "Int64";
    case "number":
      return Number.isSafeInteger(value) ? "Int64" : "Float64";
  }
  if (value instanceof Date) return "DateTime64(6, 'UTC')";
  invariant(Array.isArray(value), "a value of a type that cannot be bound");
  const elements = value as readonly SqlValue[];
  const types = new Set(elements.map((element) => {
    invariant(!(element instanceof Typed), "type the array, not its elements");
    return typeOf(element);
  }));
  // Numbers may mix; anything else in one array is a mistake. An empty array fits any comparison as strings.
  if (types.size === 2 && types.has("Int64") && types.has("Float64")) {
    return "Array(Float64)";
  }
  invariant(types.size <= 1, "an array of values of different types");
  return `Array(${[...types][0] ?? "String"})`;
}
