import { detectionsWhere } from "../../../../api/detections.ts";
import { readCall } from "../../../../api/read.ts";
import { TRIAL_DAYS, tryRule } from "../../../../data/triage_rules.ts";
import { define } from "../../../../utils.ts";

/** What a rule would have met. */
export const handler = define.handlers({
  async POST(ctx) {
    const query = (await readCall(ctx)).text("query");
    detectionsWhere(ctx, query);
    const trial = await tryRule(ctx.state.db, query, ctx.state.now());
    return ctx.json({ days: TRIAL_DAYS, ...trial });
  },
});
