import { readCall } from "../../../api/read.ts";
import { readSearch } from "../../../api/search.ts";
import { EXPORT_FORMATS } from "../../../data/export.ts";
import { answerExport } from "../../../data/export_answer.ts";
import { define } from "../../../utils.ts";

/** All requests that match, as a file. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const format = EXPORT_FORMATS.find((one) => one === asked.text("format"));
    return await answerExport(ctx, {
      ...readSearch(ctx, asked),
      format: format ?? "ndjson",
    });
  },
});
