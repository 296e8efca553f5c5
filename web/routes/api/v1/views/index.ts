import { readCall } from "../../../../api/read.ts";
import { saveView } from "../../../../data/views_post.ts";
import { define } from "../../../../utils.ts";

/** Saved views. */
export const handler = define.handlers({
  async GET(ctx) {
    const { services, user } = ctx.state;
    return ctx.json({ data: await services.store.listViews(user.login) });
  },

  async POST(ctx) {
    const asked = await readCall(ctx);
    return ctx.json(
      await saveView(ctx, {
        name: asked.text("name"),
        path: asked.text("path"),
        shared: asked.flag("shared") ?? false,
      }),
    );
  },
});
