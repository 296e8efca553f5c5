import { type Context, HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { nextPage } from "../auth/next_page.ts";
import { ClientListsPage } from "../components/client_lists_page.tsx";
import { PageContext } from "../components/page_view.ts";
import { loadEntries, parseEntryForm, tryEntry } from "../data/client_lists.ts";
import { addEntry, dropEntry } from "../data/client_lists_post.ts";
import { pageBefore, pagePanels, pageView } from "../data/page.ts";
import { readForm } from "../form.ts";
import { define, type State } from "../utils.ts";

/** The lists of clients: the entries there are, and the trial of a new one that the URL describes. */
export const handler = define.handlers({
  async GET(ctx) {
    const { db } = ctx.state;
    const { searchParams } = ctx.url;
    const value = searchParams.get("value") ?? "";
    const before = pageBefore(ctx);
    const panels = await pagePanels(ctx, {
      entries: loadEntries(db),
      trial: value === ""
        ? Promise.resolve(undefined)
        : tryEntry(db, value, ctx.state.now()),
    });
    return page({
      view: pageView(ctx),
      value,
      back: searchParams.get("back") ??
        (before.pathname === "/lists" ? "" : before.pathname + before.search),
      ...panels,
    });
  },

  async POST(ctx) {
    const form = await readForm(ctx.req);
    const removed = form.get("remove");
    if (removed === null) return await add(ctx, form);
    if (await dropEntry(ctx, removed) === undefined) {
      throw new HttpError(404, "There is no such entry.");
    }
    return ctx.redirect("/lists?done=removed", 303);
  },
});

async function add(
  ctx: Context<State>,
  form: URLSearchParams,
): Promise<Response> {
  const parsed = parseEntryForm(form, ctx.state.now());
  if (!parsed.ok) throw new HttpError(400, parsed.message);
  await addEntry(ctx, parsed.entry);
  const back = nextPage(form.get("back"));
  return ctx.redirect(
    `/lists?done=added${
      back === "/" ? "" : `&back=${encodeURIComponent(back)}`
    }`,
    303,
  );
}

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/detection.css")} />
      <title>Lists · JA4 Platform</title>
    </Head>
    <ClientListsPage {...data} />
  </PageContext.Provider>
));
