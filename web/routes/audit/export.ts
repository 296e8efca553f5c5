import { HttpError } from "fresh";
import { audit } from "../../auth/audit.ts";
import { auditExportSql, readAuditFilter } from "../../data/audit.ts";
import { CONTENT_TYPES } from "../../data/export.ts";
import { takeExportPlace } from "../../data/export_answer.ts";
import { parseRange } from "../../data/range.ts";
import { readForm } from "../../form.ts";
import { counted } from "../../stream.ts";
import { define } from "../../utils.ts";

/** The audit log as a file. */
export const handler = define.handlers({
  async POST(ctx) {
    const form = await readForm(ctx.req);
    const format = form.get("format") === "csv" ? "csv" : "ndjson";
    const url = new URL(ctx.url);
    url.search = form.toString();
    const parsed = form.has("from") || form.has("to")
      ? parseRange(url, ctx.state.now() / 1000)
      : undefined;
    if (parsed?.ok === false) throw new HttpError(400, parsed.message);
    const filter = readAuditFilter(url, parsed?.range);
    using place = takeExportPlace(ctx.state);
    const stream = await ctx.state.db.stream(
      auditExportSql(filter, format === "csv"),
      format === "csv" ? "CSVWithNames" : "JSONEachRow",
      { timeoutMs: 120_000 },
    );
    await audit(ctx, {
      action: "export",
      object_kind: "audit_log",
      object: "",
      detail: { format, ...filter },
      ok: true,
    });
    return new Response(counted(stream, place.keep()), {
      headers: {
        "content-type": CONTENT_TYPES[format],
        "content-disposition": `attachment; filename="audit.${format}"`,
        "cache-control": "no-store, no-transform",
      },
    });
  },
});
