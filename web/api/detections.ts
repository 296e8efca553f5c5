/** What calls about detections share: their query, and what a change of them answers. @module */
import type { Context } from "fresh";
import type { UnixMicros } from "../../lib/events.ts";
import type { Sql } from "../../lib/sql.ts";
import type { TriageOutcome } from "../data/triage.ts";
import { compileQuery, QueryError } from "../query/compile.ts";
import { parseQuery } from "../query/parse.ts";
import type { State } from "../utils.ts";
import { ApiError } from "./error.ts";

/** The condition on detections_current that `text` asks for. @throws {ApiError} 400 */
export function detectionsWhere(ctx: Context<State>, text: string): Sql {
  const nowMs = ctx.state.now() / 1000;
  const parsed = parseQuery(text);
  if (!parsed.ok) {
    const { message, at, length, suggestion } = parsed.fault;
    throw new ApiError(400, "query-syntax", message, {
      position: at,
      length,
      ...(suggestion === undefined ? {} : { hint: suggestion }),
    });
  }
  try {
    return compileQuery(parsed.query, "detections", {
      range: { from: new Date(0), to: new Date(nowMs) },
      nowMs,
    });
  } catch (thrown) {
    if (!(thrown instanceof QueryError)) throw thrown;
    throw new ApiError(400, "query-syntax", thrown.message);
  }
}

/** What became of several detections; `at` is the moment by which it can be undone. */
export function bulkAnswer(
  { changed, already, unknown }: TriageOutcome,
  at?: UnixMicros,
): Readonly<Record<string, unknown>> {
  return {
    changed: changed.length,
    already,
    skipped: unknown,
    undo: at === undefined || changed.length === 0 ? null : String(at),
  };
}
