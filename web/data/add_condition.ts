import { conjuncts, equals, group } from "../query/ast.ts";
import { formatQuery } from "../query/format.ts";
import { parseQuery } from "../query/parse.ts";
import { withParams } from "./range.ts";

/** This page with `field` being `value` as a further condition of its query. */
export function withAdded(url: URL, field: string, value: string): string {
  const parsed = parseQuery(url.searchParams.get("q") ?? "");
  const term = equals(field, value);
  const query = parsed.ok
    ? group("and", [...conjuncts(parsed.query), term])
    : term;
  return withParams(url, { q: formatQuery(query), after: "", run: "" });
}
