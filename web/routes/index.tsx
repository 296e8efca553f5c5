import { page } from "fresh";
import { Head } from "fresh/runtime";
import { Overview } from "../components/overview.tsx";
import { PageContext } from "../components/page_view.ts";
import { attemptAll } from "../data/ask.ts";
import { loadCampaigns } from "../data/campaigns.ts";
import { loadDetectionPage } from "../data/detection_list.ts";
import {
  loadDetectionColumns,
  loadOpenDetections,
} from "../data/open_detections.ts";
import {
  loadFingerprintFigures,
  loadRequestsBefore,
} from "../data/overview.ts";
import { pageRange, pageView } from "../data/page.ts";
import { loadPipelineState } from "../data/pipeline.ts";
import { loadScoreHistogram } from "../data/score_histogram.ts";
import { loadPastShare } from "../data/threat_level.ts";
import {
  loadTopAddresses,
  loadTopFingerprints,
  loadTopHosts,
  TOP_ORDERS,
  type TopOrder,
} from "../data/top.ts";
import { loadTraffic } from "../data/traffic.ts";
import { loadClaims } from "../data/user_agents.ts";
import { askLive } from "../live_query.ts";
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
    const panels = await attemptAll({
      traffic: loadTraffic(db, range),
      before: loadRequestsBefore(db, range),
      fingerprints: loadFingerprintFigures(db, range),
      open: loadOpenDetections(db, nowMs, ctx.state.user.login),
      lane: loadDetectionColumns(db, range),
      pastShare: loadPastShare(db, range),
      pipeline: loadPipelineState(db, nowMs),
      attention: loadDetectionPage(db, {
        view: "inbox",
        sort: "severity",
        filters: new Map(),
        login: ctx.state.user.login,
      }, 5),
      topFingerprints: loadTopFingerprints(db, range, orders.fp),
      topAddresses: loadTopAddresses(db, range, orders.ip),
      topHosts: loadTopHosts(db, range, orders.host),
      claims: loadClaims(db, range),
      campaigns: loadCampaigns(db, range),
      histogram: loadScoreHistogram(db, range),
      live: askLive(db),
    });
    return page({
      view: pageView(ctx),
      range,
      orders,
      ...panels,
    });
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <title>Overview · JA4 Platform</title>
    </Head>
    <Overview {...data} />
  </PageContext.Provider>
));
