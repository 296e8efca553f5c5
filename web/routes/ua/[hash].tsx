import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { PageContext } from "../../components/page_view.ts";
import { UserAgentPage } from "../../components/user_agent_page.tsx";
import { loadDetectionsOf } from "../../data/detections_of.ts";
import { pagePanels, pageRange, pageView } from "../../data/page.ts";
import { loadTraffic } from "../../data/traffic.ts";
import {
  findUserAgent,
  loadClaiming,
  loadUserAgentFacts,
  loadUserAgentUses,
} from "../../data/user_agent.ts";
import { sql } from "../../../lib/sql.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const hash = pathParam(ctx, "hash");
    const userAgent = /^[0-9a-f]{16}$/.test(hash)
      ? await findUserAgent(db, hash)
      : undefined;
    if (userAgent === undefined) {
      throw new HttpError(404, "No user agent that is kept has this address.");
    }
    const range = await pageRange(ctx);
    const panels = await pagePanels(ctx, {
      facts: loadUserAgentFacts(db, userAgent, range),
      traffic: loadTraffic(db, range, { field: "ua", value: userAgent }),
      claiming: loadClaiming(db, userAgent, range),
      uses: loadUserAgentUses(db, userAgent, range),
      detections: loadDetectionsOf(db, sql`user_agent = ${userAgent}`),
    });
    return page({ view: pageView(ctx), userAgent, range, ...panels });
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/entity.css")} />
      <title>User agent · JA4 Platform</title>
    </Head>
    <UserAgentPage {...data} />
  </PageContext.Provider>
));
