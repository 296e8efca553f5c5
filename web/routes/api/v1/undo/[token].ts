import type { UnixMicros } from "../../../../../lib/events.ts";
import { bulkAnswer } from "../../../../api/detections.ts";
import { ApiError } from "../../../../api/error.ts";
import { audit } from "../../../../auth/audit.ts";
import { UNDO_MIN, undoTriage } from "../../../../data/triage.ts";
import { define } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** Takes back what its caller did. */
export const handler = define.handlers({
  async POST(ctx) {
    const now = ctx.state.now();
    const text = pathParam(ctx, "token");
    const at = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    const ageMin = (now - at) / 60e6;
    if (!(ageMin >= 0 && ageMin <= UNDO_MIN)) {
      throw new ApiError(
        404,
        "not-found",
        `An action can be undone for ${UNDO_MIN} minutes`,
      );
    }
    const outcome = await undoTriage(ctx.state.app, at as UnixMicros, {
      actor: ctx.state.user.login,
      now,
    });
    await audit(ctx, {
      action: "triage",
      object_kind: "detections",
      object: "",
      detail: { ...outcome, action: "undo", undone: at, by: "api" },
      ok: true,
    });
    return ctx.json(bulkAnswer(outcome));
  },
});
