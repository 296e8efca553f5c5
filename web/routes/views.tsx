import { page } from "fresh";
import { nextPage } from "../auth/next_page.ts";
import type { SavedView } from "../auth/session_store.ts";
import { DataTable } from "../components/data_table.tsx";
import { PageContext } from "../components/page_view.ts";
import { Card, Empty } from "../components/panel.tsx";
import { Notice } from "../components/settings_parts.tsx";
import { hostileText } from "../components/text.tsx";
import { WorkHead } from "../components/work_head.tsx";
import { pageView } from "../data/page.ts";
import { removeView, saveView } from "../data/views_post.ts";
import { readForm } from "../form.ts";
import { define } from "../utils.ts";

/** Views that people keep: each is a page with everything that its address says. */
export const handler = define.handlers({
  async GET(ctx) {
    const done = ctx.url.searchParams.get("done");
    return page({
      view: pageView(ctx),
      views: await ctx.state.services.store.listViews(ctx.state.user.login),
      done: done === "saved"
        ? "The view is saved."
        : done === "removed"
        ? "The view is removed."
        : "",
    });
  },

  async POST(ctx) {
    const form = await readForm(ctx.req);
    if (form.get("do") === "remove") {
      await removeView(ctx, form.get("id") ?? "");
      return ctx.redirect("/views?done=removed", 303);
    }
    await saveView(ctx, {
      name: form.get("name") ?? "",
      path: form.get("path") ?? "",
      shared: form.get("shared") === "1",
    });
    return ctx.redirect("/views?done=saved", 303);
  },
});

export default define.page<typeof handler>(({ data, state }) => (
  <PageContext.Provider value={data.view}>
    <WorkHead title="Saved views" />
    <div class="page-head">
      <h1>Saved views</h1>
    </div>
    <Notice done={data.done} />
    <Card title="Views" class="flush">
      {data.views.length === 0
        ? (
          <Empty title="No view is saved yet">
            The bookmark in the top bar keeps any page as it is: its query, its
            time range, its columns.
          </Empty>
        )
        : (
          <DataTable<SavedView>
            label="Views"
            rows={data.views}
            columns={[
              {
                head: "Name",
                names: true,
                cell: (row) => (
                  <a href={nextPage(row.path)}>{hostileText(row.name, 80)}</a>
                ),
              },
              {
                head: "Page",
                class: "clip wide mono",
                cell: (row) => hostileText(row.path, 120),
              },
              {
                head: "Whose",
                cell: (row) =>
                  row.login === state.user.login ? "yours" : row.login,
              },
              {
                head: "Seen by",
                cell: (row) => row.shared ? "everybody" : "you alone",
              },
              {
                head: <span class="visually-hidden">Remove</span>,
                cell: (row) =>
                  row.login !== state.user.login && !state.can("administer")
                    ? null
                    : (
                      <form method="post" action="/views">
                        <input type="hidden" name="id" value={row.id} />
                        <button
                          class="btn"
                          type="submit"
                          name="do"
                          value="remove"
                          aria-label={`Remove ${hostileText(row.name, 80)}`}
                        >
                          Remove
                        </button>
                      </form>
                    ),
              },
            ]}
          />
        )}
    </Card>
  </PageContext.Provider>
));
