import { define } from "../../../utils.ts";

/** Who the caller is. */
export const handler = define.handlers({
  GET(ctx) {
    const { login, display_name, role } = ctx.state.user;
    return ctx.json({ login, display_name, role });
  },
});
