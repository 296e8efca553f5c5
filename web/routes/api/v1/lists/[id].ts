import { ApiError } from "../../../../api/error.ts";
import { dropEntry } from "../../../../data/client_lists_post.ts";
import { define } from "../../../../utils.ts";

/** One entry of a list. */
export const handler = define.handlers({
  async DELETE(ctx) {
    const entry = await dropEntry(ctx, ctx.params["id"] ?? "");
    if (entry === undefined) {
      throw new ApiError(404, "not-found", "There is no such entry");
    }
    return new Response(null, { status: 204 });
  },
});
