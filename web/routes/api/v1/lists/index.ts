import { ApiError } from "../../../../api/error.ts";
import { answerOnce } from "../../../../api/idempotency.ts";
import { apiEntry } from "../../../../api/list_entries.ts";
import { readCall } from "../../../../api/read.ts";
import { loadEntries, parseEntryForm } from "../../../../data/client_lists.ts";
import { addEntry } from "../../../../data/client_lists_post.ts";
import { define } from "../../../../utils.ts";

/** The lists of clients. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const list = asked.text("list");
    const entries = await loadEntries(ctx.state.db);
    return ctx.json({
      data: entries.filter((one) => list === "" || one.list === list)
        .map(apiEntry),
    });
  },

  async POST(ctx) {
    const asked = await readCall(ctx);
    const form = new URLSearchParams({
      list: asked.text("list"),
      value: asked.text("value"),
      reason: asked.text("reason"),
      days: String(asked.number("days") ?? 30),
    });
    const parsed = parseEntryForm(form, ctx.state.now());
    if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
    return await answerOnce(
      ctx,
      asked,
      async () => ({ ...apiEntry(await addEntry(ctx, parsed.entry)) }),
    );
  },
});
