import { define } from "../../../utils.ts";

/** Saved views. */
export const handler = define.handlers({
  async GET(ctx) {
    const { services, user } = ctx.state;
    return ctx.json({ data: await services.store.listViews(user.login) });
  },
});
