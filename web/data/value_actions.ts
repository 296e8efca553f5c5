/**
 * What can be done with a value of the traffic: the same list wherever it stands, made of links that
 * work without a script.
 *
 * @module
 */
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

/** The longest value that fits into a link; of a longer one the menu has its head. */
const VALUE_MAX = 2000;

/** Path of the menu of a value. */
export function valueMenuPath(field: string, value: string): string {
  return `/value?f=${field}&v=${
    encodeURIComponent(value.slice(0, VALUE_MAX).toWellFormed())
  }`;
}

/** A term of the query language that matches just this value. */
export function termOf(field: ValueField, value: string, not = false): string {
  // A network is written into the field of the addresses.
  const name = field === "net" ? "ip" : field;
  const plain = /^[A-Za-z0-9_][A-Za-z0-9_.:/]*$/.test(value) &&
    !value.includes("..") && !/^(?:and|or|not)$/i.test(value);
  const text = plain
    ? value
    : `"${value.replace(/["\\]/g, (character) => `\\${character}`)}"`;
  return `${not ? "-" : ""}${name}:${text}`;
}

/** One entry of the menu. */
export interface ValueAction {
  readonly text: string;
  readonly href: string;
}

/** Filters of the list of detections; a value among them is filtered there. */
const LIST_FILTERS: readonly ValueField[] = [
  "ip",
  "ja4",
  "host",
  "asn",
  "country",
];

/**
 * The entries for a value that stands on the page `at`: on the list of detections and in the Explorer
 * they change its filters, elsewhere they lead to the Explorer. The range of `at` is carried along.
 */
export function valueActions(
  field: ValueField,
  value: string,
  at: URL,
): ValueAction[] {
  const actions: ValueAction[] = [];
  const path = pathOf(field, value);
  if (path !== undefined) {
    actions.push({
      text: `Open the page of this ${FIELD_WORDS[field]}`,
      href: withRange(path, at),
    });
  }
  const before = at.pathname.endsWith("/explore")
    ? at.searchParams.get("q") ?? ""
    : "";
  const explore = (query: string): string =>
    withRange("/explore", at, { q: query });
  const added = (term: string): string => {
    if (before === "") return term;
    return / or /i.test(before) ? `(${before}) ${term}` : `${before} ${term}`;
  };
  if (at.pathname.endsWith("/detections") && LIST_FILTERS.includes(field)) {
    const list = (change: Record<string, string>): string => {
      const target = new URL(at);
      for (const gone of ["after", "done", "changed", "already", "at", "sel"]) {
        target.searchParams.delete(gone);
      }
      return withRange(`/detections${target.search}`, at, change);
    };
    actions.push(
      {
        text: "Filter for",
        href: list({ [field]: value, [`not_${field}`]: "" }),
      },
      {
        text: "Filter out",
        href: list({ [`not_${field}`]: value, [field]: "" }),
      },
      {
        text: "Only this",
        href: withRange("/detections", at, { [field]: value }),
      },
      { text: "Its requests in Explorer", href: explore(termOf(field, value)) },
    );
  } else {
    actions.push(
      { text: "Filter for", href: explore(added(termOf(field, value))) },
      { text: "Filter out", href: explore(added(termOf(field, value, true))) },
    );
    if (before !== "") {
      actions.push({ text: "Only this", href: explore(termOf(field, value)) });
    }
    if (LIST_FILTERS.includes(field)) {
      actions.push({
        text: "Its detections",
        href: withRange("/detections", at, { [field]: value }),
      });
    }
  }
  return actions;
}
