import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { PageContext } from "../components/page_view.ts";
import { RulesPage } from "../components/rules_page.tsx";
import { pagePanels, pageView } from "../data/page.ts";
import {
  loadRulesWithHits,
  parseRuleForm,
  tryRule,
} from "../data/triage_rules.ts";
import { addRule, dropRule } from "../data/triage_rules_post.ts";
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
    const form = await readForm(ctx.req);
    const removed = form.get("remove");
    if (removed !== null) {
      await dropRule(ctx, removed);
      return ctx.redirect("/rules?done=removed", 303);
    }
    const parsed = parseRuleForm(form, ctx.state.now());
    if (!parsed.ok) throw new HttpError(400, parsed.message);
    const { changed } = await addRule(ctx, parsed.rule);
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
