import { entityAnswer, readEntity } from "../../../../../api/entities.ts";
import { ApiError } from "../../../../../api/error.ts";
import { answerTagged } from "../../../../../api/etag.ts";
import { readCall } from "../../../../../api/read.ts";
import { readRange } from "../../../../../api/search.ts";
import { define } from "../../../../../utils.ts";

/** What is known of one value of the traffic. */
export const handler = define.handlers({
  async GET(ctx) {
    const { kind = "", value = "" } = ctx.params;
    const range = readRange(ctx, await readCall(ctx));
    const { db } = ctx.state;
    const entity = await readEntity(db, kind, value);
    if (entity === undefined) {
      throw new ApiError(
        404,
        "not-found",
        `"${value.slice(0, 60)}" is no ${kind.slice(0, 20)} that is known`,
      );
    }
    return answerTagged(ctx, await entityAnswer(db, entity, range));
  },
});
