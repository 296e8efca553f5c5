import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { FingerprintPage } from "../../components/fingerprint_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import { loadDetectionsOf } from "../../data/detections_of.ts";
import {
  type Entity,
  loadWeekHours,
  scoredEntitySql,
} from "../../data/entity.ts";
import {
  loadJa4Facts,
  loadJa4Lists,
  loadJa4Neighbours,
  loadJa4Signals,
  loadJa4UserAgents,
  loadJa4Uses,
} from "../../data/ja4.ts";
import { pagePanels, pageRange, pageView } from "../../data/page.ts";
import { isJa4 } from "../../data/search.ts";
import { loadTraffic } from "../../data/traffic.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const ja4 = pathParam(ctx, "ja4");
    if (!isJa4(ja4)) {
      throw new HttpError(
        404,
        `"${
          ja4.slice(0, 60)
        }" is not a JA4: expected three parts such as t13d1516h2_8daaf6152771_b186095e22b6.`,
      );
    }
    const range = await pageRange(ctx);
    const entity: Entity = { field: "ja4", value: ja4 };
    const facts = loadJa4Facts(db, ja4, range);
    const lists = loadJa4Lists(db, ja4);
    const traffic = loadTraffic(db, range, entity);
    const panels = await pagePanels(ctx, {
      facts,
      lists,
      traffic,
      userAgents: loadJa4UserAgents(db, ja4, range),
      uses: loadJa4Uses(db, ja4, range),
      neighbours: loadJa4Neighbours(db, ja4, lists),
      signals: loadJa4Signals(db, { ja4, range, facts, traffic }),
      detections: loadDetectionsOf(db, scoredEntitySql(entity)),
      week: loadWeekHours(db, entity, range),
    });
    return page({
      view: pageView(ctx),
      ja4,
      range,
      ...panels,
    });
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/entity.css")} />
      <title>{`${data.ja4} · JA4 Platform`}</title>
    </Head>
    <FingerprintPage {...data} />
  </PageContext.Provider>
));
