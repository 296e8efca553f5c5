import { overviewAnswer } from "../../../api/overview.ts";
import { readCall } from "../../../api/read.ts";
import { readRange } from "../../../api/search.ts";
import { define } from "../../../utils.ts";

/** The figures on top of the Overview. */
export const handler = define.handlers({
  async GET(ctx) {
    const range = readRange(ctx, await readCall(ctx));
    return ctx.json(
      await overviewAnswer(ctx.state.db, range, {
        nowMs: ctx.state.now() / 1000,
        login: ctx.state.user.login,
      }),
    );
  },
});
