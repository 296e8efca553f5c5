import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { Preview } from "../../../components/detection_preview.tsx";
import { PageContext } from "../../../components/page_view.ts";
import { pageBefore, pageView } from "../../../data/page.ts";
import { loadDetection } from "../../../data/detection.ts";
import { isDetectionId } from "../../../data/search.ts";
import { define } from "../../../utils.ts";
import { pathParam } from "../../../path_param.ts";

/** A detection in brief: what the list shows beside itself where the cursor is. */
export const handler = define.handlers({
  async GET(ctx) {
    const id = pathParam(ctx, "id");
    const preview = isDetectionId(id)
      ? await loadDetection(ctx.state.db, id)
      : undefined;
    if (preview === undefined) {
      throw new HttpError(404, `There is no detection "${id.slice(0, 60)}".`);
    }
    const before = pageBefore(ctx);
    return page({
      view: pageView(ctx),
      preview,
      list: before.pathname === "/detections"
        ? before
        : new URL("/detections", ctx.url),
    });
  },
});

export default define.page<typeof handler>((
  { data: { view, preview, list } },
) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/inbox.css")} />
      <title>{`${preview.id} · JA4 Platform`}</title>
    </Head>
    <div class="page-head">
      <h1>Preview</h1>
    </div>
    <section class="card preview">
      <Preview detection={preview} list={list} />
    </section>
  </PageContext.Provider>
));
