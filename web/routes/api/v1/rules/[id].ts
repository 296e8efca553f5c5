import { dropRule } from "../../../../data/triage_rules_post.ts";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** One rule of triage. */
export const handler = define.handlers({
  async DELETE(ctx) {
    await dropRule(ctx, pathParam(ctx, "id"));
    return new Response(null, { status: 204 });
  },
});
