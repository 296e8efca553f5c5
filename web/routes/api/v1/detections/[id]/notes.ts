import { noSuchDetection } from "../../../../../api/detections.ts";
import { ApiError } from "../../../../../api/error.ts";
import { answerOnce } from "../../../../../api/idempotency.ts";
import { readCall } from "../../../../../api/read.ts";
import { audit } from "../../../../../auth/audit.ts";
import { applyTriage, parseTriageForm } from "../../../../../data/triage.ts";
import { define } from "../../../../../utils.ts";
import { pathParam } from "../../../../../path_param.ts";

/** Writes a note on a detection. */
export const handler = define.handlers({
  async POST(ctx) {
    const id = pathParam(ctx, "id");
    const asked = await readCall(ctx);
    const parsed = parseTriageForm(
      new URLSearchParams({ action: "note", note: asked.text("note") }),
      id,
    );
    if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
    return await answerOnce(ctx, asked, async () => {
      const { app, user } = ctx.state;
      const outcome = await applyTriage(app, parsed.request, {
        actor: user.login,
        now: ctx.state.now(),
      });
      if (outcome.unknown > 0) throw noSuchDetection(id);
      await audit(ctx, {
        action: "triage",
        object_kind: "detections",
        object: id,
        detail: { action: "note", by: "api" },
        ok: true,
      });
      return { changed: true };
    });
  },
});
