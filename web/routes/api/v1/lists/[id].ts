import { ApiError } from "../../../../api/error.ts";
import { answerFeed, feedOf } from "../../../../api/feed.ts";
import { loadEntries } from "../../../../data/client_lists.ts";
import { dropEntry } from "../../../../data/client_lists_post.ts";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** A list as a file, by its name; an entry of a list, by its identifier. */
export const handler = define.handlers({
  async GET(ctx) {
    const feed = feedOf(pathParam(ctx, "id"));
    if (feed === undefined) {
      throw new ApiError(404, "not-found", "There is no such list");
    }
    return answerFeed(ctx.req, feed, await loadEntries(ctx.state.db));
  },

  async DELETE(ctx) {
    const entry = await dropEntry(ctx, pathParam(ctx, "id"));
    if (entry === undefined) {
      throw new ApiError(404, "not-found", "There is no such entry");
    }
    return new Response(null, { status: 204 });
  },
});
