import { removeView } from "../../../../data/views_post.ts";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** One saved view. */
export const handler = define.handlers({
  async DELETE(ctx) {
    await removeView(ctx, pathParam(ctx, "id"));
    return new Response(null, { status: 204 });
  },
});
