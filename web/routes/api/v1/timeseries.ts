import { timeseriesAnswer } from "../../../api/overview.ts";
import { readCall } from "../../../api/read.ts";
import { readRange } from "../../../api/search.ts";
import { define } from "../../../utils.ts";

/** Requests over time. */
export const handler = define.handlers({
  async GET(ctx) {
    const range = readRange(ctx, await readCall(ctx));
    return ctx.json(await timeseriesAnswer(ctx.state.db, range));
  },
});
