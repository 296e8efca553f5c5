import { DatabaseError } from "../../../../../lib/clickhouse.ts";
import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { readSearch } from "../../../../api/search.ts";
import {
  loadRows,
  readCursor,
  SEARCH_LIMITS,
} from "../../../../data/explore.ts";
import { define } from "../../../../utils.ts";

/** Rows of an answer, unless said otherwise. */
const LIMIT = 100;

/** Requests that match, page by page. */
export const handler = define.handlers({
  async POST(ctx) {
    const asked = await readCall(ctx);
    const { text, where, columns } = readSearch(ctx, asked);
    const after = readCursor(asked.text("after"), text);
    if (asked.text("after") !== "" && after === undefined) {
      throw new ApiError(400, "validation", "after is of another query", {
        errors: [{
          pointer: "/after",
          code: "invalid",
          detail: "Not of this query",
        }],
      });
    }
    const { services, user, db } = ctx.state;
    using search = services.searches.begin(
      asked.text("run") || crypto.randomUUID(),
      user.login,
    );
    if (search === undefined) {
      throw new ApiError(
        429,
        "too-many-requests",
        "Too many searches are running",
      );
    }
    try {
      const page = await loadRows(db, { text, where, columns, after }, {
        signal: search.signal,
        timeoutMs: SEARCH_LIMITS.max_execution_time * 1000 + 1000,
        settings: SEARCH_LIMITS,
        queryId: `api-${ctx.state.request_id}`,
      }, asked.number("limit") ?? LIMIT);
      return ctx.json({
        data: page.rows.map((row) =>
          Object.fromEntries(columns.map((column, index) => [
            column.id,
            column.kind === "time"
              ? new Date(Number(row.values[index]) / 1000).toISOString()
              : row.values[index],
          ]))
        ),
        page: { next: page.next ?? null },
      });
    } catch (thrown) {
      if (thrown instanceof DOMException) {
        throw new ApiError(409, "conflict", "The search was cancelled");
      }
      if (thrown instanceof DatabaseError && thrown.code === 159) {
        throw new ApiError(
          503,
          "query-timeout",
          "The search took too long",
          {},
        );
      }
      throw thrown;
    }
  },
});
