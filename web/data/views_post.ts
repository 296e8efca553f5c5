/** Changes of saved views, from a page or a call of the API, and their notes in the audit log. @module */
import { type Context, HttpError } from "fresh";
import { audit } from "../auth/audit.ts";
import { nextPage } from "../auth/next_page.ts";
import type { SavedView } from "../auth/session_store.ts";
import type { State } from "../utils.ts";

export const VIEW_NAME_MAX = 80;
export const VIEW_PATH_MAX = 4000;
const VIEWS_MAX = 200;

/** Keeps a page under a name; one of the same name is replaced. @throws {HttpError} 400 or 403 */
export async function saveView(
  ctx: Context<State>,
  given: {
    readonly name: string;
    readonly path: string;
    readonly shared: boolean;
  },
): Promise<SavedView> {
  const { services, user } = ctx.state;
  const name = given.name.trim();
  const path = nextPage(given.path);
  if (name === "" || name.length > VIEW_NAME_MAX) {
    throw new HttpError(
      400,
      `A view needs a name of at most ${VIEW_NAME_MAX} characters.`,
    );
  }
  if (path.length > VIEW_PATH_MAX) {
    throw new HttpError(
      400,
      "The address of this page is too long to be kept.",
    );
  }
  const { shared } = given;
  if (shared && !ctx.state.can("triage")) {
    throw new HttpError(403, "Only analysts share views with others.");
  }
  const own = (await services.store.listViews(user.login)).filter((one) =>
    one.login === user.login
  );
  const before = own.find((one) => one.name === name);
  if (before === undefined && own.length >= VIEWS_MAX) {
    throw new HttpError(400, `You may keep at most ${VIEWS_MAX} views.`);
  }
  const id = before?.id ?? crypto.randomUUID();
  const view = { id, login: user.login, name, path, shared };
  await services.store.putView(view);
  await audit(ctx, {
    action: "save",
    object_kind: "view",
    object: name,
    detail: { before: before?.path ?? null, path, shared },
    ok: true,
  });
  return view;
}

/** Removes a view. @throws {HttpError} 403 or 404 */
export async function removeView(
  ctx: Context<State>,
  id: string,
): Promise<void> {
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
}
