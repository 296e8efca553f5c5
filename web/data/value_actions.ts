/**
 * What can be done with a value of the traffic: the same list wherever it stands, made of links that
 * work without a script.
 *
 * @module
 */
import {
  conjuncts,
  equals,
  EVERYTHING,
  group,
  negate,
  type Query,
} from "../query/ast.ts";
import { formatQuery } from "../query/format.ts";
import { parseQuery } from "../query/parse.ts";
import { listFormPath } from "./client_lists.ts";
import { pathOf } from "./paths.ts";
import { withRange } from "./range.ts";

/** Values that have a menu, by the name that the query language gives them. */
export const VALUE_FIELDS = [
  "ip",
  "net",
  "asn",
  "country",
  "ja4",
  "host",
  "ua",
  "path",
  "method",
  "status",
] as const;
export type ValueField = typeof VALUE_FIELDS[number];

/** What each is called in a sentence. */
export const FIELD_WORDS: Readonly<Record<ValueField, string>> = {
  ip: "address",
  net: "network",
  asn: "network",
  country: "country",
  ja4: "JA4",
  host: "host",
  ua: "user agent",
  path: "path",
  method: "method",
  status: "status",
};

/** The longest value that is compared whole; a longer one is cut in its menu and can only be copied. */
const VALUE_MAX = 1500;

/** Path of the menu of a value. */
export function valueMenuPath(field: string, value: string): string {
  const head = value.slice(0, VALUE_MAX + 1).toWellFormed();
  return `/value?f=${field}&v=${encodeURIComponent(head)}`;
}

function termFor(field: ValueField, value: string): Query {
  // A network is written into the field of the addresses.
  return equals(field === "net" ? "ip" : field, value);
}

/** A term of the query language that matches just this value. */
export function termOf(field: ValueField, value: string): string {
  return formatQuery(termFor(field, value));
}

/** One entry of the menu. */
export interface ValueAction {
  /** What it does, for the keys that choose it. */
  readonly does: "open" | "for" | "out" | "only" | "other" | "list";
  readonly text: string;
  readonly href: string;
}

/** Fields that detections have: those of the others lead to the requests. */
const OF_DETECTIONS: readonly ValueField[] = [
  "ip",
  "net",
  "asn",
  "country",
  "ja4",
  "host",
  "ua",
];

/** Parameters that say where in a list one is, which a change of its filters makes wrong. */
const PLACES = ["after", "sel", "done", "changed", "already", "at", "who"];

/**
 * The entries for a value that stands on the page `at`: on the list of detections and in the Explorer
 * they change its query, elsewhere they lead to the Explorer. The range of `at` is carried along.
 *
 * @param options.mayList whether the reader may put it on a list.
 */
export function valueActions(
  field: ValueField,
  value: string,
  at: URL,
  { mayList = false }: { mayList?: boolean } = {},
): ValueAction[] {
  if (value.length > VALUE_MAX) return [];
  const path = pathOf(field, value);
  const listForm = mayList ? listFormPath(field, value) : undefined;
  const own: ValueAction[] = path === undefined ? [] : [{
    does: "open",
    text: `Open the page of this ${FIELD_WORDS[field]}`,
    href: withRange(path, at),
  }];
  const onList = at.pathname === "/detections" && OF_DETECTIONS.includes(field);
  const inPlace = onList || at.pathname === "/explore";
  const parsed = parseQuery(inPlace ? at.searchParams.get("q") ?? "" : "");
  const before = parsed.ok ? parsed.query : EVERYTHING;
  const term = termFor(field, value);
  const ask = (query: Query): string => {
    const place = inPlace ? new URL(at) : new URL("/explore", at);
    for (const name of PLACES) place.searchParams.delete(name);
    return withRange(place.pathname + place.search, at, {
      q: formatQuery(query),
    });
  };
  // A value is either wanted or not: what was said of it before gives way.
  const kept = conjuncts(before).filter((one) =>
    formatQuery(one) !== formatQuery(term) &&
    formatQuery(one) !== formatQuery(negate(term))
  );
  return [
    ...own,
    {
      does: "for",
      text: "Filter for",
      href: ask(group("and", [...kept, term])),
    },
    {
      does: "out",
      text: "Filter out",
      href: ask(group("and", [...kept, negate(term)])),
    },
    ...(kept.length === 0
      ? []
      : [{ does: "only" as const, text: "Only this", href: ask(term) }]),
    ...(onList || !OF_DETECTIONS.includes(field) ? [] : [{
      does: "other" as const,
      text: "Its detections",
      href: withRange("/detections", at, { q: formatQuery(term) }),
    }]),
    ...(onList
      ? [{
        does: "other" as const,
        text: "Its requests",
        href: withRange("/explore", at, { q: formatQuery(term) }),
      }]
      : []),
    ...(listForm === undefined ? [] : [{
      does: "list" as const,
      text: "Add to a list",
      href: listForm,
    }]),
  ];
}
