import { detectionsWhere } from "../../../../api/detections.ts";
import { readCursor, writeCursor } from "../../../../api/cursor.ts";
import { readCall } from "../../../../api/read.ts";
import { loadApiDetections } from "../../../../data/api_detections.ts";
import { define } from "../../../../utils.ts";

/** Detections, newest first. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const q = asked.text("q");
    const about = ["detections", q];
    const [ms, id = ""] = readCursor(asked.text("after"), about, {
      patterns: [/^\d{1,15}$/, /^D-[0-9A-Z]{8}$/],
      pointer: "?after",
    }) ?? [];
    const as_of = new Date(ctx.state.now() / 1000).toISOString();
    const { data, next, total, exact } = await loadApiDetections(
      ctx.state.db,
      detectionsWhere(ctx, q),
      {
        limit: asked.number("limit") ?? 100,
        after: ms === undefined ? undefined : { ms: Number(ms), id },
      },
    );
    return ctx.json({
      data,
      page: {
        next: next === undefined
          ? null
          : writeCursor([String(next.ms), next.id], about),
        total,
        total_is_exact: exact,
        as_of,
      },
    });
  },
});
