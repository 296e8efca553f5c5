import { readCall } from "../../../../api/read.ts";
import { formatQuery } from "../../../../query/format.ts";
import { parseQuery } from "../../../../query/parse.ts";
import { define } from "../../../../utils.ts";

/** Whether a query can be read. */
export const handler = define.handlers({
  async POST(ctx) {
    const asked = await readCall(ctx);
    const parsed = parseQuery(asked.text("q"));
    if (parsed.ok) {
      return ctx.json({ ok: true, canonical: formatQuery(parsed.query) });
    }
    const { message, at, length, suggestion } = parsed.fault;
    return ctx.json({
      ok: false,
      message,
      position: at,
      length,
      ...(suggestion === undefined ? {} : { hint: suggestion }),
    });
  },
});
