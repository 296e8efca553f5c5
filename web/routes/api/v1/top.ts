import { topAnswer, type TopDimension } from "../../../api/overview.ts";
import { readCall } from "../../../api/read.ts";
import { readRange } from "../../../api/search.ts";
import type { TopOrder } from "../../../data/top.ts";
import { define } from "../../../utils.ts";

/** What there is most of. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const range = readRange(ctx, asked);
    return ctx.json(
      await topAnswer(ctx.state.db, range, {
        // Both have been checked against their choices.
        dimension: asked.text("dim") as TopDimension,
        order: (asked.text("order") || "requests") as TopOrder,
      }),
    );
  },
});
