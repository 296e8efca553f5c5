import { HttpError } from "fresh";
import { audit } from "../../auth/audit.ts";
import { columnNamed, DEFAULT_COLUMNS } from "../../data/columns.ts";
import { compileText } from "../../data/explore.ts";
import {
  CONTENT_TYPES,
  EXPORT_FORMATS,
  exportMaxOf,
  exportStream,
} from "../../data/export.ts";
import { parseRange } from "../../data/range.ts";
import { counted } from "../../stream.ts";
import { readForm } from "../../form.ts";
import { define } from "../../utils.ts";

/** All that a query matches as a file. */
export const handler = define.handlers({
  async POST(ctx) {
    const form = await readForm(ctx.req);
    const nowMs = ctx.state.now() / 1000;
    const format = EXPORT_FORMATS.find((one) => one === form.get("format"));
    if (format === undefined) {
      throw new HttpError(400, "There is no such format");
    }
    const url = new URL(ctx.url);
    for (const name of ["from", "to"]) {
      url.searchParams.set(name, form.get(name) ?? "");
    }
    const parsed = parseRange(url, nowMs);
    if (!parsed.ok) throw new HttpError(400, parsed.message);
    const text = form.get("q") ?? "";
    const query = compileText(text, parsed.range, nowMs);
    if (!query.ok) throw new HttpError(400, `${query.fault.message}.`);
    const columns = (form.get("cols") || DEFAULT_COLUMNS.join(","))
      .split(",").flatMap((id) => columnNamed(id) ?? []);
    if (columns.length === 0) {
      throw new HttpError(400, "There is no such column");
    }
    using place = ctx.state.services.exports.take();
    if (place === undefined) {
      throw new HttpError(429, "Too many exports are running. Try again soon.");
    }
    const max = exportMaxOf(ctx.state);
    const stream = await exportStream(ctx.state.db, {
      where: query.where,
      columns,
      format,
      max,
      queryId: `export-${ctx.state.request_id}`,
    });
    await audit(ctx, {
      action: "export",
      object_kind: "requests",
      object: text.slice(0, 500),
      detail: {
        format,
        from: parsed.range.from,
        to: parsed.range.to,
        columns: columns.map((column) => column.id),
        max,
      },
      ok: true,
    });
    const name = `requests-${
      new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")
    }`;
    return new Response(counted(stream, place.keep()), {
      headers: {
        "content-type": CONTENT_TYPES[format],
        "content-disposition": `attachment; filename="${name}.${format}"`,
        "cache-control": "no-store, no-transform",
      },
    });
  },
});
