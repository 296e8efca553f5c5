import { HttpError } from "fresh";
import { columnNamed, DEFAULT_COLUMNS } from "../../data/columns.ts";
import { compileText } from "../../data/explore.ts";
import { EXPORT_FORMATS } from "../../data/export.ts";
import { answerExport } from "../../data/export_answer.ts";
import { parseRange } from "../../data/range.ts";
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
    const { range } = parsed;
    const { where } = query;
    return await answerExport(ctx, { text, range, where, columns, format });
  },
});
