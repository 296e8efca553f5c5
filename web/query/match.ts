/**
 * A {@linkcode Query} asked of one request in the browser: what the Live page filters by. Of the fields
 * those that a live row holds, and no expressions: one that backtracks would stop the page.
 *
 * @module
 */
import type { LiveRow } from "../live.ts";
import type { Query, Term, Value } from "./ast.ts";
import {
  fieldNamed,
  readNetwork,
  readNumber,
  STATES,
  wordsOf,
} from "./fields.ts";

type Read = (row: LiveRow) => string | number;

const READ: Readonly<Record<string, Read>> = {
  ip: (row) => row.src_ip,
  asn: (row) => row.asn,
  country: (row) => row.country,
  host: (row) => row.http_host,
  path: (row) => row.url_path,
  query: (row) => row.url_query,
  method: (row) => row.http_method,
  status: (row) => row.status_code,
  ua: (row) => row.user_agent,
  ja4: (row) => row.ja4,
  "ja4.a": (row) => row.ja4.split("_")[0] ?? "",
  "ja4.b": (row) => row.ja4.split("_")[1] ?? "",
  "ja4.c": (row) => row.ja4.split("_")[2] ?? "",
  "ja4.client": (row) => row.ja4_client,
  http: (row) => row.http_version,
  corr: (row) => row.match,
  bytes: (row) => row.response_bytes,
  dur: (row) => row.duration_us,
};

/** Fields that a live row has. */
export const LIVE_FIELDS: readonly string[] = Object.keys(READ);

/** Why a query cannot be asked of live rows, as a sentence; undefined if it can. */
export function liveFault(query: Query): string | undefined {
  if (query.kind === "not") return liveFault(query.of);
  if (query.kind !== "term") {
    return query.of.map(liveFault).find((fault) => fault !== undefined);
  }
  const { field, op, values } = query;
  if (op === "~") return "Expressions are for the Explorer";
  const state = values[0]?.kind === "text" ? values[0].text : "";
  const name = field === "is"
    ? STATES[state]?.field ?? ""
    : field === "has"
    ? state
    : field;
  return name === "" && field === "" || READ[name] !== undefined
    ? undefined
    : `"${name}" is not known of a live request: ask in the Explorer`;
}

/** Whether a row matches. */
export function matches(query: Query, row: LiveRow): boolean {
  switch (query.kind) {
    case "and":
      return query.of.every((one) => matches(one, row));
    case "or":
      return query.of.some((one) => matches(one, row));
    case "not":
      return !matches(query.of, row);
    case "term":
      return matchesTerm(query, row);
  }
}

function matchesTerm({ field, op, values }: Term, row: LiveRow): boolean {
  if (field === "") {
    return values.some((value) =>
      ["path", "query", "ua", "host", "ja4"].some((name) =>
        contains(String(READ[name]?.(row) ?? ""), value)
      )
    );
  }
  const text = values[0]?.kind === "text" ? values[0].text : "";
  if (field === "is") {
    const state = STATES[text];
    return state !== undefined && READ[state.field]?.(row) === state.value;
  }
  if (field === "has") {
    const held = READ[text]?.(row);
    return held !== undefined && held !== "" && held !== 0;
  }
  const held = READ[field]?.(row);
  const known = fieldNamed(field);
  if (held === undefined || known === undefined) return false;
  return values.some((value) => {
    if (known.kind === "ip") return inNetwork(String(held), value);
    if (typeof held === "number") {
      if (value.kind === "text" && /^[1-5]xx$/.test(value.text)) {
        return Math.floor(held / 100) === Number(value.text[0]);
      }
      const read = (one: string): number =>
        readNumber(known.kind, one) ?? Number.NaN;
      if (value.kind === "range") {
        return held >= read(value.from) && held <= read(value.to);
      }
      const end = read(value.kind === "text" ? value.text : "");
      switch (op) {
        case ">":
          return held > end;
        case ">=":
          return held >= end;
        case "<":
          return held < end;
        case "<=":
          return held <= end;
        default:
          return held === end;
      }
    }
    if (value.kind === "glob") {
      return field === "ua"
        ? glob(value.pattern.toLowerCase(), held.toLowerCase())
        : glob(value.pattern, held);
    }
    const wanted = value.kind === "text" ? value.text : "";
    return held === (field === "host" ? wanted.toLowerCase() : wanted);
  });
}

function contains(text: string, value: Value): boolean {
  if (value.kind === "glob") {
    return glob(value.pattern.toLowerCase(), text.toLowerCase());
  }
  return value.kind === "text" &&
    text.toLowerCase().includes(value.text.toLowerCase());
}

/** Whether a pattern is the whole text: its parts in order, first and last at the ends. Linear in both. */
export function glob(pattern: string, text: string): boolean {
  const parts = pattern.match(/(?:\\.|[^*\\])+|\*/gsu) ?? [];
  let at = 0;
  let free = false;
  for (const [index, part] of parts.entries()) {
    if (part === "*") {
      free = true;
      continue;
    }
    const plain = part.replaceAll(/\\(.)/gsu, "$1");
    if (free && index === parts.length - 1) {
      return text.length - plain.length >= at && text.endsWith(plain);
    }
    const found = free ? text.indexOf(plain, at) : at;
    if (found < 0 || !text.startsWith(plain, found)) return false;
    at = found + plain.length;
    free = false;
  }
  return free || at === text.length;
}

function inNetwork(ip: string, value: Value): boolean {
  const network = value.kind === "range"
    ? { first: value.from, last: value.to }
    : value.kind === "text"
    ? readNetwork(value.text)
    : undefined;
  if (network === undefined || ip === "") return false;
  const words = wordsOf(ip);
  return compare(words, wordsOf(network.first)) >= 0 &&
    compare(words, wordsOf(network.last)) <= 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, word] of a.entries()) {
    const other = b[index] ?? 0;
    if (word !== other) return word - other;
  }
  return 0;
}
