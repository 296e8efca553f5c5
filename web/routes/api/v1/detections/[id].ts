import type { Context } from "fresh";
import { audit } from "../../../../auth/audit.ts";
import { ApiError } from "../../../../api/error.ts";
import { answerTagged, etagOf, requireMatch } from "../../../../api/etag.ts";
import { readCall } from "../../../../api/read.ts";
import { requireAssignee } from "../../../../data/assignees.ts";
import { loadDetection } from "../../../../data/detection.ts";
import { isDetectionId } from "../../../../data/search.ts";
import {
  applyTriage,
  loadTriageHistory,
  parseTriageForm,
} from "../../../../data/triage.ts";
import { define, type State } from "../../../../utils.ts";

/** One detection. */
export const handler = define.handlers({
  async GET(ctx) {
    return answerTagged(ctx, await told(ctx));
  },

  async PATCH(ctx) {
    const { id = "" } = ctx.params;
    const asked = await readCall(ctx);
    const assignee = asked.text("assignee");
    const action = asked.text("action");
    if (assignee !== "" && action !== "assign") {
      throw new ApiError(400, "validation", "assignee is for assign");
    }
    const form = new URLSearchParams({
      note: asked.text("note"),
      ...(assignee === "" ? { action } : { assign_to: assignee }),
    });
    const parsed = parseTriageForm(form, id);
    if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
    await requireAssignee(ctx.state.app, parsed.request);
    requireMatch(ctx, await told(ctx));
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
      detail: { action, changed, by: "api" },
      ok: true,
    });
    return ctx.json({ changed }, {
      headers: { etag: etagOf(await told(ctx)) },
    });
  },
});

/** What is told of the detection of the path. @throws {ApiError} 404 */
async function told(
  ctx: Context<State>,
): Promise<Readonly<Record<string, unknown>>> {
  const { id = "" } = ctx.params;
  const found = isDetectionId(id)
    ? await loadDetection(ctx.state.db, id)
    : undefined;
  if (found === undefined) throw missing(id);
  const history = await loadTriageHistory(ctx.state.db, id);
  return {
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
  };
}

function missing(id: string): ApiError {
  return new ApiError(
    404,
    "not-found",
    `There is no detection "${id.slice(0, 60)}"`,
  );
}
