import { DatabaseError } from "../../../../../lib/clickhouse.ts";
import { readCursor, writeCursor } from "../../../../api/cursor.ts";
import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { readSearch } from "../../../../api/search.ts";
import { TOTAL_EXACT } from "../../../../data/api_detections.ts";
import {
  countUpTo,
  loadRows,
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
    // The range as it was asked for: "-24h" moves on between two pages, and what is asked stays the same.
    const about = ["requests", text, asked.text("from"), asked.text("to")];
    const [ts, event_id = ""] = readCursor(asked.text("after"), about, {
      patterns: [/^\d{1,16}$/, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
      pointer: "/after",
    }) ?? [];
    const after = ts === undefined ? undefined : { ts: Number(ts), event_id };
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
        {},
        { "retry-after": "1" },
      );
    }
    try {
      const limits = {
        signal: search.signal,
        timeoutMs: SEARCH_LIMITS.max_execution_time * 1000 + 1000,
        settings: SEARCH_LIMITS,
      };
      const [page, total] = await Promise.all([
        loadRows(db, { text, where, columns, after }, {
          ...limits,
          queryId: `api-${ctx.state.request_id}`,
        }, asked.number("limit") ?? LIMIT),
        countUpTo(db, where, TOTAL_EXACT + 1, limits),
      ]);
      const last = page.rows.at(-1)?.cursor;
      return ctx.json({
        data: page.rows.map((row) =>
          Object.fromEntries(columns.map((column, index) => [
            column.id,
            column.kind === "time"
              ? new Date(Number(row.values[index]) / 1000).toISOString()
              : row.values[index],
          ]))
        ),
        page: {
          next: page.next === undefined || last === undefined
            ? null
            : writeCursor([String(last.ts), last.event_id], about),
          total: Math.min(total, TOTAL_EXACT),
          total_is_exact: total <= TOTAL_EXACT,
          as_of: new Date(ctx.state.now() / 1000).toISOString(),
        },
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
