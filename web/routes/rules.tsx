import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { audit } from "../auth/audit.ts";
import { PageContext } from "../components/page_view.ts";
import { RulesPage } from "../components/rules_page.tsx";
import { pagePanels, pageView } from "../data/page.ts";
import {
  applyRules,
  loadRules,
  loadRulesWithHits,
  parseRuleForm,
  putRule,
  tryRule,
} from "../data/triage_rules.ts";
import { readForm } from "../form.ts";
import { define } from "../utils.ts";

/** Rules of triage: those there are, and the trial of a new one that the URL describes. */
export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const query = ctx.url.searchParams.get("query") ?? "";
    const panels = await pagePanels(ctx, {
      rules: loadRulesWithHits(db),
      trial: query === ""
        ? Promise.resolve(undefined)
        : tryRule(db, query, ctx.state.now()),
    });
    return page({ view: pageView(ctx), query, ...panels });
  },

  async POST(ctx) {
    const { app, user } = ctx.state;
    const now = ctx.state.now();
    const form = await readForm(ctx.req);
    const removed = form.get("remove");
    if (removed !== null) {
      const rule = (await loadRules(app)).find(({ id }) => id === removed);
      if (rule === undefined) {
        throw new HttpError(404, "There is no such rule.");
      }
      await putRule(app, rule, { now, deleted: true });
      await audit(ctx, {
        action: "rule_remove",
        object_kind: "triage_rule",
        object: rule.name,
        detail: { query: rule.query },
        ok: true,
      });
      return ctx.redirect("/rules?done=removed", 303);
    }
    const parsed = parseRuleForm(form, now);
    if (!parsed.ok) throw new HttpError(400, parsed.message);
    const { rule } = parsed;
    if ((await loadRules(app)).some(({ name }) => name === rule.name)) {
      throw new HttpError(409, `There is a rule "${rule.name}" already.`);
    }
    await putRule(
      app,
      {
        ...rule,
        id: crypto.randomUUID(),
        actor: user.login,
        madeMs: now / 1000,
      },
      { now },
    );
    await audit(ctx, {
      action: "rule_create",
      object_kind: "triage_rule",
      object: rule.name,
      detail: { query: rule.query, does: rule.action },
      ok: true,
    });
    const changed = await applyRules(app, now);
    return ctx.redirect(`/rules?done=created&changed=${changed}`, 303);
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/detection.css")} />
      <title>Rules · JA4 Platform</title>
    </Head>
    <RulesPage {...data} />
  </PageContext.Provider>
));
