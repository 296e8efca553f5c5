/** A {@linkcode Query} as text that {@linkcode parseQuery} reads back to the same. @module */
import type { Query, Term, Value } from "./ast.ts";

/** Query text in one spelling; of everything, "". */
export function formatQuery(query: Query): string {
  return format(query, "or");
}

/** @param within what stands around: "and" and "not" need brackets where "or" needs none. */
function format(query: Query, within: "or" | "and" | "not"): string {
  switch (query.kind) {
    case "term":
      return formatTerm(query);
    case "not":
      return `-${format(query.of, "not")}`;
    default: {
      const inner = query.of.map((one) => format(one, query.kind)).join(
        query.kind === "or" ? " or " : " ",
      );
      const bare = within === "or" || within === "and" && query.kind === "and";
      return bare || query.of.length === 0 ? inner : `(${inner})`;
    }
  }
}

function formatTerm({ field, op, values }: Term): string {
  const [first] = values;
  if (field === "") {
    return first === undefined ? '""' : formatWord(first);
  }
  if (values.length === 1 && first !== undefined) {
    return `${field}${op}${formatValue(first)}`;
  }
  return `${field}${op}(${values.map(formatValue).join(" or ")})`;
}

/** Text that needs no quotes: nothing in it means anything. */
const PLAIN = /^[A-Za-z0-9_./:,;@%+&=#~!?$'^|[\]{}<>-]+$/;

function formatValue(value: Value): string {
  switch (value.kind) {
    case "glob":
      return value.pattern;
    case "range":
      return `${escaped(value.from)}..${escaped(value.to)}`;
    case "text":
      return PLAIN.test(value.text) && !value.text.includes("..")
        ? value.text
        : quoted(value.text);
  }
}

/** A word of its own: in quotes unless it is plain and could be read as nothing else. */
function formatWord(value: Value): string {
  if (value.kind === "glob") return value.pattern;
  const text = value.kind === "range"
    ? `${value.from}..${value.to}`
    : value.text;
  return /^[A-Za-z][A-Za-z0-9_/.]*$/.test(text) && !text.includes("..") &&
      !/^(?:and|or|not|AS\d+)$/i.test(text) &&
      !/^[tqd][0-9a-z]{9}_/.test(text)
    ? text
    : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

function escaped(text: string): string {
  return text.replaceAll(/[\s()"\\*]/g, "\\$&");
}
