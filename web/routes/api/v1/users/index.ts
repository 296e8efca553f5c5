import { apiUser } from "../../../../api/users.ts";
import { define } from "../../../../utils.ts";

/** Accounts. */
export const handler = define.handlers({
  async GET(ctx) {
    const accounts = await ctx.state.services.store.listAccounts();
    return ctx.json({ data: accounts.map(apiUser) });
  },
});
