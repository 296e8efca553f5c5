import { audit } from "../../../../auth/audit.ts";
import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { loadDetection } from "../../../../data/detection.ts";
import { isDetectionId } from "../../../../data/search.ts";
import {
  applyTriage,
  loadTriageHistory,
  parseTriageForm,
} from "../../../../data/triage.ts";
import { define } from "../../../../utils.ts";

/** One detection. */
export const handler = define.handlers({
  async GET(ctx) {
    const { id = "" } = ctx.params;
    const found = isDetectionId(id)
      ? await loadDetection(ctx.state.db, id)
      : undefined;
    if (found === undefined) throw missing(id);
    const history = await loadTriageHistory(ctx.state.db, id);
    return ctx.json({
      id: found.id,
      first_seen: new Date(found.firstSeenMs).toISOString(),
      last_seen: new Date(found.lastSeenMs).toISOString(),
      src_ip: found.src_ip,
      ja4: found.ja4,
      http_host: found.http_host,
      severity: found.severity,
      score: found.score,
      title: found.title,
      requests: found.requests,
      state: found.state,
      verdict: found.verdict,
      assignee: found.assignee,
      campaign_id: found.campaign_id,
      summary: found.summary,
      base: found.base,
      reasons: found.reasons,
      rules: found.rules,
      history: history.map(({ tsMs, ...entry }) => ({
        ts: new Date(tsMs).toISOString(),
        ...entry,
      })),
    });
  },

  async PATCH(ctx) {
    const { id = "" } = ctx.params;
    const asked = await readCall(ctx);
    const form = new URLSearchParams({
      action: asked.text("action"),
      note: asked.text("note"),
    });
    const parsed = parseTriageForm(form, id);
    if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
    const outcome = await applyTriage(ctx.state.app, parsed.request, {
      actor: ctx.state.user.login,
      now: ctx.state.now(),
    });
    if (outcome.unknown > 0) throw missing(id);
    const changed = outcome.changed.length === 1;
    await audit(ctx, {
      action: "triage",
      object_kind: "detections",
      object: id,
      detail: { action: parsed.request.action, changed, by: "api" },
      ok: true,
    });
    return ctx.json({ changed });
  },
});

function missing(id: string): ApiError {
  return new ApiError(
    404,
    "not-found",
    `There is no detection "${id.slice(0, 60)}"`,
  );
}
