import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { audit } from "../../auth/audit.ts";
import { DetectionList } from "../../components/detection_list.tsx";
import { PageContext } from "../../components/page_view.ts";
import { attemptAll } from "../../data/ask.ts";
import {
  loadDetectionPage,
  parseListQuery,
} from "../../data/detection_list.ts";
import { loadOpenDetections } from "../../data/open_detections.ts";
import { pageRange, pageView } from "../../data/page.ts";
import { withParams } from "../../data/range.ts";
import { applyTriage, parseTriageForm } from "../../data/triage.ts";
import { readForm } from "../../form.ts";
import { define } from "../../utils.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const { searchParams } = ctx.url;
    // The inbox is what is open, whenever it began; a range narrows it only where one is asked for.
    const range = searchParams.has("from") || searchParams.has("to")
      ? await pageRange(ctx)
      : undefined;
    const parsed = parseListQuery(ctx.url, range);
    if (!parsed.ok) throw new HttpError(400, parsed.message);
    const { query } = parsed;
    const panels = await attemptAll({
      list: loadDetectionPage(db, query),
      counts: loadOpenDetections(db, ctx.state.now() / 1000),
    });
    return page({ view: pageView(ctx), query, ...panels });
  },

  async POST(ctx) {
    const parsed = parseTriageForm(await readForm(ctx.req));
    if (!parsed.ok) throw new HttpError(400, parsed.message);
    const { request } = parsed;
    const outcome = await applyTriage(
      ctx.state.app,
      request,
      ctx.state.user.login,
    );
    await audit(ctx, {
      action: "triage",
      object_kind: "detections",
      object: outcome.changed.length === 1 ? outcome.changed[0] ?? "" : "",
      detail: { ...outcome, action: request.action, note: request.note !== "" },
      ok: true,
    });
    // The answer stays in the address, so that it survives the redirect without a session to keep it in.
    return ctx.redirect(
      withParams(ctx.url, {
        done: request.action,
        changed: outcome.changed.join(","),
        already: outcome.already === 0 ? "" : String(outcome.already),
      }),
      303,
    );
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <title>Detections · JA4 Platform</title>
    </Head>
    <DetectionList {...data} />
  </PageContext.Provider>
));
