import { HttpError } from "fresh";
import { define } from "../../../../utils.ts";

/** Ends a search of the caller's that is under way. */
export const handler = define.handlers({
  DELETE(ctx) {
    const { services, user } = ctx.state;
    const run = ctx.params["run"] ?? "";
    if (!services.searches.cancel(run, user.login)) {
      throw new HttpError(404, "No such search of yours is running");
    }
    return new Response(null, { status: 204 });
  },
});
