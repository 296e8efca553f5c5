import { ApiError } from "../../../../../api/error.ts";
import { ja4Answer } from "../../../../../api/ja4.ts";
import { loadJa4Lists } from "../../../../../data/ja4.ts";
import { isJa4 } from "../../../../../data/search.ts";
import { define } from "../../../../../utils.ts";
import { pathParam } from "../../../../../path_param.ts";

/** A JA4 in words. */
export const handler = define.handlers({
  async GET(ctx) {
    const ja4 = pathParam(ctx, "ja4");
    if (!isJa4(ja4)) {
      throw new ApiError(404, "not-found", "That is not a JA4");
    }
    return ctx.json(ja4Answer(ja4, await loadJa4Lists(ctx.state.db, ja4)));
  },
});
