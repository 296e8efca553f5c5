import { page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { Overview } from "../components/overview.tsx";
import { PageContext } from "../components/page_view.ts";
import { loadCampaigns } from "../data/campaigns.ts";
import { loadDetectionsInBrief } from "../data/open_detections.ts";
import {
  loadFingerprintFigures,
  loadRequestsBefore,
} from "../data/overview.ts";
import { pagePanels, pageRange, pageView } from "../data/page.ts";
import { loadPipelineState } from "../data/pipeline.ts";
import { loadScoreHistogram } from "../data/score_histogram.ts";
import { loadPastShare } from "../data/threat_level.ts";
import {
  loadTops,
  type Source,
  SOURCES,
  TOP_ORDERS,
  type TopOrder,
} from "../data/top.ts";
import { loadTraffic } from "../data/traffic.ts";
import { triagePost } from "../data/triage_post.ts";
import { loadClaims } from "../data/user_agents.ts";
import { readForm } from "../form.ts";
import { define } from "../utils.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const range = await pageRange(ctx);
    const nowMs = ctx.state.now() / 1000;
    const order = (name: string): TopOrder =>
      TOP_ORDERS.find((one) => one === ctx.url.searchParams.get(name)) ??
        "requests";
    const orders = { fp: order("fp"), ip: order("ip"), host: order("host") };
    const source: Source = SOURCES.find((one) =>
      one === ctx.url.searchParams.get("by")
    ) ?? "ip";
    const panels = await pagePanels(ctx, {
      traffic: loadTraffic(db, range),
      before: loadRequestsBefore(db, range),
      fingerprints: loadFingerprintFigures(db, range),
      detections: loadDetectionsInBrief(db, range, {
        nowMs,
        login: ctx.state.user.login,
      }),
      pastShare: loadPastShare(db, range),
      pipeline: loadPipelineState(db, nowMs),
      tops: loadTops(db, range, { orders, source }),
      claims: loadClaims(db, range),
      campaigns: loadCampaigns(db, range),
      histogram: loadScoreHistogram(db, range),
      live: ctx.state.services.live.numbers(),
    });
    return page({
      view: pageView(ctx),
      range,
      orders,
      source,
      ...panels,
    });
  },

  /** What the keys of "Needs attention" do. */
  async POST(ctx) {
    return await triagePost(ctx, await readForm(ctx.req));
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/overview.css")} />
      <title>Overview · JA4 Platform</title>
    </Head>
    <Overview {...data} />
  </PageContext.Provider>
));
