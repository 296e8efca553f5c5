import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { ENTRY_TRIAL_DAYS, tryEntry } from "../../../../data/client_lists.ts";
import { define } from "../../../../utils.ts";

/** Whom an entry would have named. */
export const handler = define.handlers({
  async POST(ctx) {
    const value = (await readCall(ctx)).text("value");
    const trial = await tryEntry(ctx.state.db, value, ctx.state.now());
    if (trial === undefined) {
      throw new ApiError(
        400,
        "validation",
        `"${value.slice(0, 60)}" is no address, network, JA4 or host.`,
      );
    }
    const { subject, ...met } = trial;
    return ctx.json({ days: ENTRY_TRIAL_DAYS, ...subject, ...met });
  },
});
