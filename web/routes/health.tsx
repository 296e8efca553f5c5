import { page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { HealthPage } from "../components/health_page.tsx";
import { PageContext } from "../components/page_view.ts";
import { pagePanels, pageView } from "../data/page.ts";
import {
  loadCorrelation,
  loadParts,
  loadPipelineState,
  loadProcessEvents,
  loadTableSizes,
} from "../data/pipeline.ts";
import { define } from "../utils.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const nowMs = ctx.state.now() / 1000;
    const panels = await pagePanels(ctx, {
      state: loadPipelineState(db, nowMs),
      parts: loadParts(db, nowMs),
      events: loadProcessEvents(db),
      tables: loadTableSizes(db),
      correlation: loadCorrelation(db, nowMs),
    });
    return page({
      view: pageView(ctx),
      ...panels,
    });
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/entity.css")} />
      <title>System health · JA4 Platform</title>
    </Head>
    <HealthPage {...data} />
  </PageContext.Provider>
));
