import { audit } from "../../../auth/audit.ts";
import { readCall } from "../../../api/read.ts";
import { readRange } from "../../../api/search.ts";
import { verdictsSql } from "../../../data/verdicts.ts";
import { CONTENT_TYPES } from "../../../data/export.ts";
import { takeExportPlace } from "../../../data/export_answer.ts";
import { counted } from "../../../stream.ts";
import { define } from "../../../utils.ts";

/** What people said of detections: labels for a model. */
export const handler = define.handlers({
  async GET(ctx) {
    const range = readRange(ctx, await readCall(ctx));
    using place = takeExportPlace(ctx.state);
    const stream = await ctx.state.db.stream(
      verdictsSql(range),
      "JSONEachRow",
      { timeoutMs: 120_000 },
    );
    await audit(ctx, {
      action: "export",
      object_kind: "verdicts",
      object: "",
      detail: { from: range.from, to: range.to },
      ok: true,
    });
    return new Response(counted(stream, place.keep()), {
      headers: {
        "content-type": CONTENT_TYPES.ndjson,
        "cache-control": "no-store, no-transform",
      },
    });
  },
});
