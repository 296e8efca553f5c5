import { audit } from "../../../../../auth/audit.ts";
import {
  detectionAnswer,
  noSuchDetection,
} from "../../../../../api/detections.ts";
import { ApiError } from "../../../../../api/error.ts";
import { answerTagged, etagOf, requireMatch } from "../../../../../api/etag.ts";
import { readCall } from "../../../../../api/read.ts";
import { requireAssignee } from "../../../../../data/assignees.ts";
import { applyTriage, parseTriageForm } from "../../../../../data/triage.ts";
import { define } from "../../../../../utils.ts";
import { pathParam } from "../../../../../path_param.ts";

/** One detection. */
export const handler = define.handlers({
  async GET(ctx) {
    return answerTagged(ctx, await detectionAnswer(ctx));
  },

  async PATCH(ctx) {
    const id = pathParam(ctx, "id");
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
    requireMatch(ctx, await detectionAnswer(ctx));
    const outcome = await applyTriage(ctx.state.app, parsed.request, {
      actor: ctx.state.user.login,
      now: ctx.state.now(),
    });
    if (outcome.unknown > 0) throw noSuchDetection(id);
    const changed = outcome.changed.length === 1;
    await audit(ctx, {
      action: "triage",
      object_kind: "detections",
      object: id,
      detail: { action, changed, by: "api" },
      ok: true,
    });
    return ctx.json({ changed }, {
      headers: { etag: etagOf(await detectionAnswer(ctx)) },
    });
  },
});
