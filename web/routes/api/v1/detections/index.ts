import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { loadApiDetections } from "../../../../data/api_detections.ts";
import { compileQuery, QueryError } from "../../../../query/compile.ts";
import { parseQuery } from "../../../../query/parse.ts";
import { define } from "../../../../utils.ts";

/** Detections, newest first. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const nowMs = ctx.state.now() / 1000;
    const parsed = parseQuery(asked.text("q"));
    if (!parsed.ok) {
      const { message, at, length, suggestion } = parsed.fault;
      throw new ApiError(400, "query-syntax", message, {
        position: at,
        length,
        ...(suggestion === undefined ? {} : { hint: suggestion }),
      });
    }
    const [, ms = "", id = ""] =
      /^(\d{1,15})\.(D-[0-9A-Z]{8})$/.exec(asked.text("after")) ?? [];
    if (asked.text("after") !== "" && id === "") {
      throw new ApiError(400, "validation", "after is not a cursor of ours");
    }
    try {
      const where = compileQuery(parsed.query, "detections", {
        range: { from: new Date(0), to: new Date(nowMs) },
        nowMs,
      });
      const { data, next } = await loadApiDetections(ctx.state.db, where, {
        limit: asked.number("limit") ?? 100,
        after: id === "" ? undefined : { ms: Number(ms), id },
      });
      return ctx.json({ data, page: { next } });
    } catch (thrown) {
      if (!(thrown instanceof QueryError)) throw thrown;
      throw new ApiError(400, "query-syntax", thrown.message);
    }
  },
});
