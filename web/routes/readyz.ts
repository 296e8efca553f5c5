import { define } from "../utils.ts";

/** Whether what pages are made of is there: both accounts of the database. */
export const handler = define.handlers({
  async GET(ctx) {
    const [reads, writes] = await Promise.all([
      ctx.state.db.ping(),
      ctx.state.app.ping(),
    ]);
    return reads && writes
      ? new Response("ready\n")
      : new Response("The database does not answer\n", { status: 503 });
  },
});
