import { HttpError } from "fresh";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** Ends a search of the caller's that is under way. */
export const handler = define.handlers({
  DELETE(ctx) {
    const { services, user } = ctx.state;
    const run = pathParam(ctx, "run");
    if (!services.searches.cancel(run, user.login)) {
      throw new HttpError(404, "No such search of yours is running");
    }
    return new Response(null, { status: 204 });
  },
});
