import { ApiError } from "../../../../../api/error.ts";
import { similarAnswer } from "../../../../../api/ja4.ts";
import { loadJa4Lists, loadJa4Neighbours } from "../../../../../data/ja4.ts";
import { isJa4 } from "../../../../../data/search.ts";
import { define } from "../../../../../utils.ts";
import { pathParam } from "../../../../../path_param.ts";

/** Fingerprints that share a part with one. */
export const handler = define.handlers({
  async GET(ctx) {
    const ja4 = pathParam(ctx, "ja4");
    const { db } = ctx.state;
    if (!isJa4(ja4)) throw new ApiError(404, "not-found", "That is not a JA4");
    const neighbours = await loadJa4Neighbours(db, ja4, loadJa4Lists(db, ja4));
    return ctx.json(similarAnswer(ja4, neighbours));
  },
});
