/** What the search endpoints share: a call to a range, a condition and columns. @module */
import type { Context } from "fresh";
import {
  columnNamed,
  DEFAULT_COLUMNS,
  type ExploreColumn,
} from "../data/columns.ts";
import { compileText } from "../data/explore.ts";
import { parseRange, type TimeRange } from "../data/range.ts";
import type { Sql } from "../../lib/sql.ts";
import type { State } from "../utils.ts";
import { ApiError } from "./error.ts";
import type { Asked } from "./read.ts";

/** A question, understood. */
export interface Search {
  readonly text: string;
  readonly range: TimeRange;
  readonly where: Sql;
  readonly columns: readonly ExploreColumn[];
}

/** The range of a call. @throws {ApiError} */
export function readRange(ctx: Context<State>, asked: Asked): TimeRange {
  const url = new URL(ctx.url);
  url.search = "";
  for (const name of ["from", "to"]) {
    if (asked.text(name) !== "") url.searchParams.set(name, asked.text(name));
  }
  const parsed = parseRange(url, ctx.state.now() / 1000);
  if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
  return parsed.range;
}

/** @throws {ApiError} */
export function readSearch(ctx: Context<State>, asked: Asked): Search {
  const range = readRange(ctx, asked);
  const text = asked.text("q");
  const query = compileText(text, range, ctx.state.now() / 1000);
  if (!query.ok) {
    const { message, at, length, suggestion } = query.fault;
    throw new ApiError(400, "query-syntax", message, {
      position: at,
      length,
      ...(suggestion === undefined ? {} : { hint: suggestion }),
    });
  }
  const names = asked.list("columns");
  return {
    text,
    range,
    where: query.where,
    columns: (names.length > 0 ? names : DEFAULT_COLUMNS).flatMap((id) =>
      columnNamed(id) ?? []
    ),
  };
}
