/**
 * A {@linkcode Query} as the condition of a WHERE: text of this file, and every word that somebody
 * typed as a bound parameter.
 *
 * What the detector and analysts say (`score`, `class`, `severity`, `state`, ...) belongs to a client:
 * an address with a JA4 on a host. On requests such a comparison holds where the request's client was
 * scored, or is a detection, that way within the range of the page.
 *
 * @module
 */
import { type Sql, sql, typed } from "../../lib/sql.ts";
import type { Op, Query, Term, Value } from "./ast.ts";
import {
  type Field,
  fieldNamed,
  OPTIONAL,
  readNetwork,
  readNumber,
  readTime,
  STATES,
} from "./fields.ts";

/** What is asked: rows of http_events, or of detections_current. */
export type Target = "requests" | "detections";

/** What relative times and the detector's words are taken from. */
export interface CompileOptions {
  readonly range: { readonly from: Date; readonly to: Date };
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A query that is well formed and yet cannot be asked of this table. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

/** The condition; of the empty query, one that always holds. @throws {QueryError} */
export function compileQuery(
  query: Query,
  target: Target,
  options: CompileOptions,
): Sql {
  switch (query.kind) {
    case "not":
      return sql`NOT ${compileQuery(query.of, target, options)}`;
    case "term":
      return compileTerm(query, target, options);
    default: {
      if (query.of.length === 0) return sql`1`;
      const parts = query.of.map((one) => compileQuery(one, target, options));
      return sql`(${sql.join(parts, query.kind === "and" ? " AND " : " OR ")})`;
    }
  }
}

function ja4Section(at: 1 | 2 | 3): Sql {
  return sql.trusted(`splitByChar('_', toString(ja4))[${at}]`);
}

/** Columns of http_events; qualified where an alias of a page's SELECT could hide one. */
const REQUEST_COLUMNS: Readonly<Record<string, Sql>> = {
  ip: sql`http_events.src_ip`,
  asn: sql`http_events.asn`,
  country: sql`http_events.country`,
  network: sql`http_events.network_kind`,
  host: sql`http_events.http_host`,
  path: sql`http_events.url_path`,
  query: sql`http_events.url_query`,
  method: sql`http_events.http_method`,
  status: sql`http_events.status_code`,
  ua: sql`http_events.user_agent`,
  "ua.family": sql`http_events.ua_family`,
  "ua.os": sql`http_events.ua_os`,
  referrer: sql`http_events.referrer`,
  ja4: sql`http_events.ja4`,
  "ja4.a": ja4Section(1),
  "ja4.b": ja4Section(2),
  "ja4.c": ja4Section(3),
  "ja4.client": sql`http_events.ja4_client`,
  sni: sql`http_events.sni`,
  alpn: sql`http_events.client_alpns`,
  tls: sql`http_events.tls_version_offered`,
  http: sql`http_events.http_version`,
  corr: sql`toString(http_events.match)`,
  bot: sql`http_events.bot_name`,
  bytes: sql`http_events.response_bytes`,
  dur: sql`http_events.duration_us`,
  time: sql`http_events.ts`,
  sensor: sql`http_events.sensor`,
};

/** Columns of detections_current. */
const DETECTION_COLUMNS: Readonly<Record<string, Sql>> = {
  ip: sql`src_ip`,
  asn: sql`asn`,
  country: sql`country`,
  host: sql`http_host`,
  ua: sql`user_agent`,
  ja4: sql`ja4`,
  "ja4.a": ja4Section(1),
  "ja4.b": ja4Section(2),
  "ja4.c": ja4Section(3),
  time: sql`last_seen`,
  score: sql`score`,
  severity: sql`toString(severity)`,
  state: sql`state`,
  verdict: sql`verdict`,
  assignee: sql`assignee`,
  campaign: sql`campaign_id`,
  model: sql`model_id`,
  detection: sql`id`,
};

/** Names of the fields that a target knows, for the builder. */
export function fieldsOf(target: Target): readonly string[] {
  return target === "detections"
    ? [...Object.keys(DETECTION_COLUMNS), "list"]
    : [
      ...Object.keys(REQUEST_COLUMNS),
      "score",
      "class",
      ...OF_DETECTIONS,
      "list",
    ];
}

/** Fields of detections that requests are asked by. */
const OF_DETECTIONS = [
  "severity",
  "state",
  "verdict",
  "assignee",
  "campaign",
  "model",
  "detection",
];

/** The column of a field, for pages that show or count it; undefined if the target has none. */
export function columnOf(name: string, target: Target): Sql | undefined {
  return (target === "requests" ? REQUEST_COLUMNS : DETECTION_COLUMNS)[name];
}

function compileTerm(
  term: Term,
  target: Target,
  options: CompileOptions,
): Sql {
  const { field, op, values } = term;
  if (field === "") return wordSql(values[0], target);
  const text = values[0]?.kind === "text" ? values[0].text : "";
  if (field === "is") {
    const state = STATES[text];
    return state === undefined ? sql`0` : compileTerm(
      {
        kind: "term",
        field: state.field,
        op: ":",
        values: [{ kind: "text", text: state.value }],
      },
      target,
      options,
    );
  }
  if (field === "has") return presentSql(text, target);
  const known = fieldNamed(field);
  if (known === undefined) throw new QueryError(`There is no field "${field}"`);
  if (field === "list") return anyOf(values, (value) => listSql(value));
  const column = columnOf(field, target);
  if (column !== undefined) {
    return anyOf(
      values,
      (value) => compare(known, column, op, value, options),
    );
  }
  if (target === "requests" && OF_DETECTIONS.includes(field)) {
    const inner = compileTerm(term, "detections", options);
    const { from, to } = options.range;
    return sql`${CLIENT} IN (SELECT src_ip, toString(ja4), toString(http_host) FROM detections_current
      WHERE first_seen < ${to} AND last_seen >= ${from} AND ${inner})`;
  }
  if (target === "requests" && (field === "score" || field === "class")) {
    const own = field === "score"
      ? sql`toFloat64(scores.score)`
      : sql`toString(scores.traffic_class)`;
    const inner = anyOf(
      values,
      (value) => compare(known, own, op, value, options),
    );
    const { from, to } = options.range;
    return sql`${CLIENT} IN (SELECT src_ip, toString(ja4), toString(http_host) FROM scores FINAL
      WHERE window_start >= ${new Date(
      from.getTime() - 86_400_000,
    )} AND window_start < ${to} AND addSeconds(window_start, window_s) > ${from} AND ${inner})`;
  }
  throw new QueryError(
    `"${field}" is not known of ${target}: ask in the Explorer`,
  );
}

/** Whose request it is, as scores and detections name a client. */
const CLIENT = sql
  .trusted(
    `(http_events.src_ip, toString(http_events.ja4), toString(http_events.http_host))`,
  );

function anyOf(
  values: readonly Value[],
  each: (value: Value) => Sql,
): Sql {
  const parts = values.map(each);
  const [only] = parts;
  return parts.length === 1 && only !== undefined
    ? only
    : sql`(${sql.join(parts, " OR ")})`;
}

function compare(
  field: Field,
  column: Sql,
  op: Op,
  value: Value,
  options: CompileOptions,
): Sql {
  if (field.name === "alpn" && op === ":" && value.kind === "text") {
    return sql`has(splitByChar(',', toString(${column})), ${value.text})`;
  }
  switch (field.kind) {
    case "text":
    case "choice":
      return textSql(field, column, op, value);
    case "ip":
      return addressSql(column, value);
    case "time":
      return rangeSql(
        column,
        op,
        value,
        (text) => new Date(readTime(text, options.nowMs) ?? Number.NaN),
      );
    case "status":
      if (value.kind === "text" && value.text.endsWith("xx")) {
        const first = Number(value.text[0]) * 100;
        return sql`${column} BETWEEN ${first} AND ${first + 99}`;
      }
  }
  return rangeSql(
    column,
    op,
    value,
    (text) => readNumber(field.kind, text) ?? Number.NaN,
  );
}

function textSql(field: Field, column: Sql, op: Op, value: Value): Sql {
  if (op === "~") {
    return sql`match(${column}, ${value.kind === "text" ? value.text : ""})`;
  }
  if (value.kind === "glob") {
    const pattern = likePattern(value.pattern);
    // Of a User-Agent nobody remembers the capitals.
    return field.name === "ua"
      ? sql`${column} ILIKE ${pattern}`
      : sql`${column} LIKE ${pattern}`;
  }
  if (value.kind === "range") return sql`0`;
  const text = field.name === "host" ? value.text.toLowerCase() : value.text;
  return sql`${column} = ${text}`;
}

/** `*` to `%`, and what LIKE would read as its own to itself. */
function likePattern(glob: string): string {
  return glob.replaceAll(/\\(.)|[*%_]/gsu, (whole, escaped?: string) => {
    if (whole === "*") return "%";
    const char = escaped ?? whole;
    return /[%_\\]/.test(char) ? `\\${char}` : char;
  });
}

function addressSql(column: Sql, value: Value): Sql {
  if (value.kind === "range") {
    return sql`${column} BETWEEN ${typed(value.from, "IPv6")} AND ${
      typed(value.to, "IPv6")
    }`;
  }
  const network = value.kind === "text" ? readNetwork(value.text) : undefined;
  if (network === undefined) return sql`0`;
  const { first, last } = network;
  return first === last
    ? sql`${column} = ${typed(first, "IPv6")}`
    : sql`${column} BETWEEN ${typed(first, "IPv6")} AND ${typed(last, "IPv6")}`;
}

/** One of the five comparisons, in the words of SQL. */
const COMPARISONS: Readonly<Record<Op, Sql>> = {
  ":": sql` = `,
  ">": sql` > `,
  ">=": sql` >= `,
  "<": sql` < `,
  "<=": sql` <= `,
  "~": sql` = `,
};

function rangeSql(
  column: Sql,
  op: Op,
  value: Value,
  read: (text: string) => number | Date,
): Sql {
  if (value.kind === "range") {
    return sql`${column} BETWEEN ${read(value.from)} AND ${read(value.to)}`;
  }
  const end = read(value.kind === "text" ? value.text : "");
  return sql`${column}${COMPARISONS[op]}${end}`;
}

/** A field that a request may lack. */
function presentSql(field: string, target: Target): Sql {
  const column = OPTIONAL.includes(field) ? columnOf(field, target) : undefined;
  if (column === undefined) {
    throw new QueryError(`"has:${field}" is not known of ${target}`);
  }
  return field === "asn" ? sql`${column} != 0` : sql`${column} != ''`;
}

/** A word anywhere in what a client wrote. */
function wordSql(value: Value | undefined, target: Target): Sql {
  const columns = target === "requests"
    ? ["path", "query", "ua", "host", "ja4", "referrer"]
    : ["ua", "host", "ja4"];
  const parts = columns.map((name) => {
    const column = columnOf(name, target) ?? sql`''`;
    return value?.kind === "glob"
      ? sql`${column} ILIKE ${likePattern(value.pattern)}`
      : sql`positionCaseInsensitiveUTF8(toString(${column}), ${
        value?.kind === "text" ? value.text : ""
      }) > 0`;
  });
  if (target === "detections") {
    parts.push(
      sql`positionCaseInsensitiveUTF8(title, ${
        value?.kind === "text" ? value.text : ""
      }) > 0`,
    );
  }
  return sql`(${sql.join(parts, " OR ")})`;
}

/** Whether the address, JA4 or host stands on a list now. */
function listSql(value: Value): Sql {
  const list = value.kind === "text" ? value.text : "";
  const entries = (kind: Sql): Sql =>
    sql`SELECT value FROM list_entries FINAL WHERE list = ${list} AND kind = ${kind} AND expires_at > now()`;
  return sql`(toString(ja4) IN (${
    entries(sql`'ja4'`)
  }) OR toString(http_host) IN (${
    entries(sql`'http_host'`)
  }) OR arrayExists(one -> isIPAddressInRange(replaceOne(toString(src_ip), '::ffff:', ''), one),
    (SELECT groupArray(if(position(value, '/') > 0, value, concat(value, if(position(value, ':') > 0, '/128', '/32'))))
     FROM list_entries FINAL WHERE list = ${list} AND kind IN ('ip', 'network') AND expires_at > now())))`;
}
