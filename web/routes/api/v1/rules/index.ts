import { ApiError } from "../../../../api/error.ts";
import { answerOnce } from "../../../../api/idempotency.ts";
import { readCall } from "../../../../api/read.ts";
import { apiRule } from "../../../../api/rules.ts";
import {
  loadRulesWithHits,
  parseRuleForm,
} from "../../../../data/triage_rules.ts";
import { addRule } from "../../../../data/triage_rules_post.ts";
import { define } from "../../../../utils.ts";

/** Rules of triage. */
export const handler = define.handlers({
  async GET(ctx) {
    const rules = await loadRulesWithHits(ctx.state.db);
    return ctx.json({ data: rules.map(apiRule) });
  },

  async POST(ctx) {
    const asked = await readCall(ctx);
    const parsed = parseRuleForm(
      new URLSearchParams({
        name: asked.text("name"),
        query: asked.text("query"),
        action: asked.text("action"),
        days: String(asked.number("days") ?? 30),
      }),
      ctx.state.now(),
    );
    if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
    return await answerOnce(ctx, asked, async () => {
      const { rule, changed } = await addRule(ctx, parsed.rule);
      return { ...apiRule({ ...rule, hits: changed }) };
    });
  },
});
