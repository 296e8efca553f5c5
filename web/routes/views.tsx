import { type Context, HttpError, page } from "fresh";
import { audit } from "../auth/audit.ts";
import { nextPage } from "../auth/next_page.ts";
import type { SavedView } from "../auth/session_store.ts";
import { DataTable } from "../components/data_table.tsx";
import { PageContext } from "../components/page_view.ts";
import { Card, Empty } from "../components/panel.tsx";
import { Notice } from "../components/settings_parts.tsx";
import { hostileText } from "../components/text.tsx";
import { WorkHead } from "../components/work_head.tsx";
import { pageView } from "../data/page.ts";
import { readForm } from "../form.ts";
import { define, type State } from "../utils.ts";

const NAME_MAX = 80;
const PATH_MAX = 4000;
const VIEWS_MAX = 200;

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
    return form.get("do") === "remove"
      ? await remove(ctx, form.get("id") ?? "")
      : await save(ctx, form);
  },
});

async function save(
  ctx: Context<State>,
  form: URLSearchParams,
): Promise<Response> {
  const { services, user } = ctx.state;
  const name = (form.get("name") ?? "").trim();
  const path = nextPage(form.get("path"));
  if (name === "" || name.length > NAME_MAX) {
    throw new HttpError(
      400,
      `A view needs a name of at most ${NAME_MAX} characters.`,
    );
  }
  if (path.length > PATH_MAX) {
    throw new HttpError(
      400,
      "The address of this page is too long to be kept.",
    );
  }
  const shared = form.get("shared") === "1";
  if (shared && !ctx.state.can("triage")) {
    throw new HttpError(403, "Only analysts share views with others.");
  }
  const own = (await services.store.listViews(user.login)).filter((one) =>
    one.login === user.login
  );
  if (own.length >= VIEWS_MAX) {
    throw new HttpError(400, `You may keep at most ${VIEWS_MAX} views.`);
  }
  const id = own.find((one) => one.name === name)?.id ?? crypto.randomUUID();
  await services.store.putView({ id, login: user.login, name, path, shared });
  await audit(ctx, {
    action: "save",
    object_kind: "view",
    object: name,
    detail: { path, shared },
    ok: true,
  });
  return ctx.redirect("/views?done=saved", 303);
}

async function remove(ctx: Context<State>, id: string): Promise<Response> {
  const { services, user } = ctx.state;
  const view = (await services.store.listViews(user.login)).find((one) =>
    one.id === id
  );
  if (view === undefined) throw new HttpError(404, "There is no such view");
  if (view.login !== user.login && !ctx.state.can("administer")) {
    throw new HttpError(403, "This view is somebody else's.");
  }
  await services.store.putView(view, { deleted: true });
  await audit(ctx, {
    action: "remove",
    object_kind: "view",
    object: view.name,
    detail: { path: view.path },
    ok: true,
  });
  return ctx.redirect("/views?done=removed", 303);
}

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
