import { type Context, HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { DetectionList } from "../../components/detection_list.tsx";
import { PageContext } from "../../components/page_view.ts";
import { part } from "../../data/ask.ts";
import { loadAssignees } from "../../data/assignees.ts";
import { GROUPS, loadDetectionGroups } from "../../data/detection_groups.ts";
import {
  type ListQuery,
  loadDetectionPage,
  loadMatchingIds,
  parseListQuery,
} from "../../data/detection_list.ts";
import { loadOpenDetections } from "../../data/open_detections.ts";
import { pagePanels, pageRange, pageView } from "../../data/page.ts";
import { BULK_MAX } from "../../data/triage.ts";
import { triagePost } from "../../data/triage_post.ts";
import { readForm } from "../../form.ts";
import { define, type State } from "../../utils.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const { db, user } = ctx.state;
    const query = await listQuery(ctx);
    const nowMs = ctx.state.now() / 1000;
    const { searchParams } = ctx.url;
    const by = GROUPS.find((one) => one === searchParams.get("group"));
    const panels = await pagePanels(ctx, {
      list: loadDetectionPage(db, query, { beside: searchParams.get("sel") }),
      counts: loadOpenDetections(db, nowMs, user.login),
      groups: by === undefined
        ? Promise.resolve(undefined)
        : loadDetectionGroups(db, query, by),
      people: loadAssignees(ctx.state.app),
    });
    return page({
      view: pageView(ctx),
      query,
      asOfMs: nowMs,
      preview: part(panels.list, (list) => list.preview),
      ...panels,
    });
  },

  async POST(ctx) {
    const form = await readForm(ctx.req);
    if (form.get("all") === "1") {
      for (const id of await frozenIds(ctx, form)) form.append("id", id);
    }
    return await triagePost(ctx, form);
  },
});

/** @throws {HttpError} 400 with a sentence if the URL cannot be understood. */
async function listQuery(ctx: Context<State>): Promise<ListQuery> {
  const { searchParams } = ctx.url;
  // The inbox is what is open, whenever it began; a range narrows it only where one is asked for.
  const range = searchParams.has("from") || searchParams.has("to")
    ? await pageRange(ctx)
    : undefined;
  const parsed = parseListQuery(ctx.url, {
    range,
    login: ctx.state.user.login,
    nowMs: ctx.state.now() / 1000,
  });
  if (!parsed.ok) throw new HttpError(400, parsed.message);
  return parsed.query;
}

/**
 * All that matched when the page was made. What has begun since is left alone.
 *
 * @throws {HttpError} 409 if it is not as many as the page said: somebody else was at work.
 */
async function frozenIds(
  ctx: Context<State>,
  form: URLSearchParams,
): Promise<string[]> {
  const expected = Number(form.get("expected"));
  const asOf = new Date(Number(form.get("as_of")));
  if (!Number.isSafeInteger(expected) || Number.isNaN(asOf.getTime())) {
    throw new HttpError(400, "The form does not say which list it means.");
  }
  const ids = await loadMatchingIds(ctx.state.db, await listQuery(ctx), {
    by: asOf,
    most: BULK_MAX + 1,
  });
  if (ids.length !== expected) {
    throw new HttpError(
      409,
      `The list has changed: ${expected} detections matched, now ${ids.length} do. Nothing was changed; look at the list again.`,
    );
  }
  form.delete("id");
  return ids;
}

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/inbox.css")} />
      <title>Detections · JA4 Platform</title>
    </Head>
    <DetectionList {...data} />
  </PageContext.Provider>
));
