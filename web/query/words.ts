/** A {@linkcode Query} in the words of a chip: what is compared, how, and with what. @module */
import { printable } from "../../lib/text.ts";
import type { Op, Query, Value } from "./ast.ts";
import { fieldNamed } from "./fields.ts";
import { formatQuery } from "./format.ts";

/** `host`, `is not`, `status.example.com`. */
export interface Chip {
  readonly subject: string;
  readonly relation: string;
  readonly value: string;
}

const RELATIONS: Readonly<Record<Op, readonly [string, string]>> = {
  ":": ["is", "is not"],
  ">": ["over", "not over"],
  ">=": ["at least", "below"],
  "<": ["below", "at least"],
  "<=": ["at most", "over"],
  "~": ["matches", "does not match"],
};

/** What a chip says of one condition. */
export function chipOf(query: Query): Chip {
  const not = query.kind === "not";
  const inner = not ? query.of : query;
  if (inner.kind !== "term") {
    return {
      subject: "",
      relation: "",
      value: printable(formatQuery(query)),
    };
  }
  const value = inner.values.map(valueText).join(" or ");
  if (inner.field === "") {
    return { subject: "text", relation: not ? "lacks" : "has", value };
  }
  if (inner.field === "is") {
    return { subject: "", relation: not ? "is not" : "is", value };
  }
  if (inner.field === "has") {
    return { subject: "", relation: not ? "without" : "with", value };
  }
  return {
    subject: fieldNamed(inner.field)?.label ?? inner.field,
    relation: RELATIONS[inner.op][not ? 1 : 0],
    value,
  };
}

function valueText(value: Value): string {
  switch (value.kind) {
    case "text":
      return value.text === "" ? "(empty)" : printable(value.text);
    case "glob":
      return printable(value.pattern);
    case "range":
      return `${printable(value.from)} to ${printable(value.to)}`;
  }
}
