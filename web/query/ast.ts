/**
 * The query language as data: what the builder edits, the text says and the compiler reads.
 *
 * Always in one normal form: a group has two members or more and none of its own kind, and a
 * comparison with "not equal" is a `not` around the equal one.
 *
 * @module
 */

/** `and` of nothing is everything: the empty query. */
export type Query = Group | Not | Term;

/** All, or any, of its members. */
export interface Group {
  readonly kind: "and" | "or";
  readonly of: readonly Query[];
}

export interface Not {
  readonly kind: "not";
  readonly of: Query;
}

/** One comparison: `status:4xx`, `bytes>=10k`, `ip:(192.0.2.1 or 198.51.100.0/24)`. */
export interface Term {
  readonly kind: "term";
  /** Name of fields.ts, or `is`, `has`, or "" for words that stand alone. */
  readonly field: string;
  readonly op: Op;
  /** Any of them; one, unless `op` is ":". */
  readonly values: readonly Value[];
}

/** Comparisons; ":" is equality, also with a pattern or a range. `~` is an RE2 expression. */
export type Op = ":" | ">" | ">=" | "<" | "<=" | "~";

export type Value =
  | { readonly kind: "text"; readonly text: string }
  /** A pattern: `*` stands for anything, `\` before a character for that character. */
  | { readonly kind: "glob"; readonly pattern: string }
  /** From and to, both included. */
  | { readonly kind: "range"; readonly from: string; readonly to: string };

/** The query that everything matches. */
export const EVERYTHING: Query = { kind: "and", of: [] };

/** `queries` together, in normal form. */
export function group(kind: "and" | "or", queries: readonly Query[]): Query {
  const of = queries.flatMap((one) => one.kind === kind ? one.of : [one]);
  const [only] = of;
  return of.length === 1 && only !== undefined ? only : { kind, of };
}

/** What `query` does not match. */
export function negate(query: Query): Query {
  return query.kind === "not" ? query.of : { kind: "not", of: query };
}

/** The parts of a query that all have to hold: the chips that a page shows for it. */
export function conjuncts(query: Query): readonly Query[] {
  return query.kind === "and" ? query.of : [query];
}

/** A field that is `value`. */
export function equals(field: string, value: string): Term {
  return {
    kind: "term",
    field,
    op: ":",
    values: [{ kind: "text", text: value }],
  };
}
