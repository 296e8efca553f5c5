import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { audit } from "../../auth/audit.ts";
import { DetectionPage } from "../../components/detection_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import { attemptAll } from "../../data/ask.ts";
import {
  loadDetection,
  loadNeighbours,
  loadSourceFacts,
} from "../../data/detection.ts";
import {
  loadJa4Facts,
  loadJa4Lists,
  loadJa4Neighbours,
  loadJa4UserAgents,
} from "../../data/ja4.ts";
import { pageView } from "../../data/page.ts";
import { rangeBetween, withParams } from "../../data/range.ts";
import { loadRequests } from "../../data/requests.ts";
import { isDetectionId } from "../../data/search.ts";
import {
  applyTriage,
  loadTriageHistory,
  parseTriageForm,
} from "../../data/triage.ts";
import { readForm } from "../../form.ts";
import { define } from "../../utils.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const { id = "" } = ctx.params;
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
    const { source, requests, history, neighbours, ...fingerprint } =
      await attemptAll({
        source: loadSourceFacts(db, detection),
        requests: loadRequests(db, { src_ip, ja4, http_host, from, to }),
        history: loadTriageHistory(db, id),
        neighbours: loadNeighbours(db, id),
        ja4Facts: loadJa4Facts(db, ja4, day),
        ja4Lists: loadJa4Lists(db, ja4),
        ja4Neighbours: loadJa4Neighbours(db, ja4),
        userAgents: loadJa4UserAgents(db, ja4, day),
      });
    return page({
      view: pageView(ctx),
      detection,
      source,
      requests,
      history,
      neighbours,
      fingerprint,
    });
  },

  async POST(ctx) {
    const { id = "" } = ctx.params;
    const parsed = parseTriageForm(await readForm(ctx.req), id);
    if (!parsed.ok) throw new HttpError(400, parsed.message);
    const { request } = parsed;
    const outcome = await applyTriage(
      ctx.state.app,
      request,
      { actor: ctx.state.user.login, now: ctx.state.now() },
    );
    if (outcome.unknown > 0) {
      throw new HttpError(404, `There is no detection "${id.slice(0, 60)}".`);
    }
    await audit(ctx, {
      action: "triage",
      object_kind: "detections",
      object: id,
      detail: { action: request.action, changed: outcome.changed.length === 1 },
      ok: true,
    });
    return ctx.redirect(
      withParams(ctx.url, { done: request.action }),
      303,
    );
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <title>{`${data.detection.id} · JA4 Platform`}</title>
    </Head>
    <DetectionPage {...data} />
  </PageContext.Provider>
));
