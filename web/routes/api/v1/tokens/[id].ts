import { ApiError } from "../../../../api/error.ts";
import { revokeToken } from "../../../../auth/tokens_post.ts";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** One of one's tokens. */
export const handler = define.handlers({
  async DELETE(ctx) {
    if (await revokeToken(ctx, pathParam(ctx, "id")) === undefined) {
      throw new ApiError(404, "not-found", "You have no such token");
    }
    return new Response(null, { status: 204 });
  },
});
