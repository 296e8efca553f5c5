import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { DetectionPage } from "../../components/detection_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import { attempt } from "../../data/ask.ts";
import { loadAssignees } from "../../data/assignees.ts";
import {
  loadDetection,
  loadNeighbours,
  loadScoreRises,
  loadSourceFacts,
} from "../../data/detection.ts";
import {
  loadJa4Facts,
  loadJa4Lists,
  loadJa4Neighbours,
  loadJa4UserAgents,
} from "../../data/ja4.ts";
import { pagePanels, pageView } from "../../data/page.ts";
import { rangeBetween } from "../../data/range.ts";
import { countRequests, loadRequests } from "../../data/requests.ts";
import { isDetectionId } from "../../data/search.ts";
import { loadTriageHistory } from "../../data/triage.ts";
import { triagePost } from "../../data/triage_post.ts";
import { scopesOf, tryRule } from "../../data/triage_rules.ts";
import { readForm } from "../../form.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const id = pathParam(ctx, "id");
    const detection = isDetectionId(id)
      ? await loadDetection(db, id)
      : undefined;
    if (detection === undefined) {
      throw new HttpError(404, `There is no detection "${id.slice(0, 60)}".`);
    }
    const from = new Date(detection.firstSeenMs - 1000);
    const to = new Date(detection.lastSeenMs + 1000);
    const day = rangeBetween(
      new Date(detection.lastSeenMs - 86_400_000),
      new Date(detection.lastSeenMs + 1000),
    );
    const { ja4, src_ip, http_host } = detection;
    const client = { src_ip, ja4, http_host, from, to };
    const ja4Lists = loadJa4Lists(db, ja4);
    const {
      source,
      requests,
      stored,
      history,
      rises,
      neighbours,
      people,
      ...ja4Data
    } = await pagePanels(ctx, {
      source: loadSourceFacts(db, detection),
      requests: loadRequests(db, client),
      stored: countRequests(db, client),
      history: loadTriageHistory(db, id),
      rises: loadScoreRises(db, detection),
      neighbours: loadNeighbours(db, id),
      people: loadAssignees(ctx.state.app),
      ja4Facts: loadJa4Facts(db, ja4, day),
      ja4Lists,
      ja4Neighbours: loadJa4Neighbours(db, ja4, ja4Lists),
      userAgents: loadJa4UserAgents(db, ja4, day),
    });
    // A verdict against the detector: what comes like it need not be looked at again.
    const against = detection.verdict === "false_positive" ||
      detection.verdict === "benign_bot";
    const likeIt = against
      ? await attempt(Promise.all(
        scopesOf(detection).map(async (scope) => ({
          ...scope,
          trial: await tryRule(db, scope.query, ctx.state.now()),
        })),
      ))
      : undefined;
    return page({
      view: pageView(ctx),
      likeIt,
      detection,
      source,
      requests,
      stored,
      client,
      history,
      rises,
      neighbours,
      people,
      fingerprint: ja4Data,
    });
  },

  async POST(ctx) {
    const id = pathParam(ctx, "id");
    return await triagePost(ctx, await readForm(ctx.req), id);
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/detection.css")} />
      <title>{`${data.detection.id} · JA4 Platform`}</title>
    </Head>
    <DetectionPage {...data} />
  </PageContext.Provider>
));
