import { readCursor, writeCursor } from "../../../api/cursor.ts";
import { readCall } from "../../../api/read.ts";
import { AUDIT_ROWS, loadAudit, readAuditFilter } from "../../../data/audit.ts";
import { define } from "../../../utils.ts";

/** The audit log. */
export const handler = define.handlers({
  async GET(ctx) {
    const asked = await readCall(ctx);
    const about = ["audit", ...["actor", "action", "object"].map(asked.text)];
    const [before] = readCursor(asked.text("after"), about, {
      patterns: [/^[1-9]\d{0,15}$/],
      pointer: "?after",
    }) ?? [];
    const url = new URL(ctx.url);
    url.searchParams.set("after", before ?? "");
    const rows = await loadAudit(
      ctx.state.db,
      readAuditFilter(url, undefined),
    );
    const last = rows[AUDIT_ROWS - 1];
    return ctx.json({
      data: rows.slice(0, AUDIT_ROWS).map((row) => ({
        ...row,
        ts: new Date(row.ts / 1000).toISOString(),
        detail: JSON.parse(row.detail || "{}"),
      })),
      page: {
        next: rows.length > AUDIT_ROWS && last !== undefined
          ? writeCursor([String(last.ts)], about)
          : null,
      },
    });
  },
});
