import { detectionsWhere } from "../../../../api/detections.ts";
import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { loadApiDetections } from "../../../../data/api_detections.ts";
import { define } from "../../../../utils.ts";

/** Detections, newest first. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const [, ms = "", id = ""] =
      /^(\d{1,15})\.(D-[0-9A-Z]{8})$/.exec(asked.text("after")) ?? [];
    if (asked.text("after") !== "" && id === "") {
      throw new ApiError(400, "validation", "after is not a cursor of ours");
    }
    const as_of = new Date(ctx.state.now() / 1000).toISOString();
    const { data, next, total } = await loadApiDetections(
      ctx.state.db,
      detectionsWhere(ctx, asked.text("q")),
      {
        limit: asked.number("limit") ?? 100,
        after: id === "" ? undefined : { ms: Number(ms), id },
      },
    );
    return ctx.json({ data, page: { next, total, as_of } });
  },
});
