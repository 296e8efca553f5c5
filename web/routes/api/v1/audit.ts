import { readCall } from "../../../api/read.ts";
import { AUDIT_ROWS, loadAudit, readAuditFilter } from "../../../data/audit.ts";
import { define } from "../../../utils.ts";

/** The audit log. */
export const handler = define.handlers({
  async GET(ctx) {
    await readCall(ctx);
    const rows = await loadAudit(
      ctx.state.db,
      readAuditFilter(ctx.url, undefined),
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
          ? String(last.ts)
          : null,
      },
    });
  },
});
