import { audit } from "../../../../auth/audit.ts";
import { readCall } from "../../../../api/read.ts";
import { readSearch } from "../../../../api/search.ts";
import { PAGE_ROWS, rowsSql } from "../../../../data/explore.ts";
import { literalSql } from "../../../../query/literal.ts";
import { define } from "../../../../utils.ts";

/** The statement behind a search, to be run elsewhere. */
export const handler = define.handlers({
  async POST(ctx) {
    const search = readSearch(ctx, await readCall(ctx));
    await audit(ctx, {
      action: "copy_sql",
      object_kind: "requests",
      object: search.text.slice(0, 500),
      ok: true,
    });
    return ctx.json({
      sql: literalSql(rowsSql({ ...search, after: undefined }, PAGE_ROWS)),
    });
  },
});
