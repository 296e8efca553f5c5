import type { Context } from "fresh";
import { bulkAnswer, detectionsWhere } from "../../../../api/detections.ts";
import { ApiError } from "../../../../api/error.ts";
import { answerOnce } from "../../../../api/idempotency.ts";
import { type Asked, readCall } from "../../../../api/read.ts";
import { audit } from "../../../../auth/audit.ts";
import { loadMatching } from "../../../../data/api_detections.ts";
import { requireAssignee } from "../../../../data/assignees.ts";
import {
  applyTriage,
  BULK_MAX,
  parseTriageForm,
} from "../../../../data/triage.ts";
import { define, type State } from "../../../../utils.ts";

/** Changes several detections: those named, or all that matched a query at a moment. */
export const handler = define.handlers({
  async POST(ctx) {
    const asked = await readCall(ctx);
    return await answerOnce(ctx, asked, () => change(ctx, asked));
  },
});

async function change(
  ctx: Context<State>,
  asked: Asked,
): Promise<Readonly<Record<string, unknown>>> {
  const named = asked.list("ids");
  const byQuery = asked.text("as_of") !== "";
  if (byQuery === (named.length > 0)) {
    throw new ApiError(
      400,
      "validation",
      "Give ids, or q with as_of and expected",
    );
  }
  const assignee = asked.text("assignee");
  const form = new URLSearchParams({ note: asked.text("note") });
  if (assignee === "") form.set("action", asked.text("action"));
  else if (asked.text("action") === "assign") form.set("assign_to", assignee);
  else throw new ApiError(400, "validation", "assignee is for assign");
  const ids = byQuery ? await frozenIds(ctx, asked) : named;
  const now = ctx.state.now();
  // A query that nothing matches is no fault.
  if (ids.length === 0) {
    return bulkAnswer({ changed: [], already: 0, unknown: 0 });
  }
  for (const id of ids) form.append("id", id);
  const parsed = parseTriageForm(form);
  if (!parsed.ok) throw new ApiError(400, "validation", parsed.message);
  await requireAssignee(ctx.state.app, parsed.request);
  const outcome = await applyTriage(ctx.state.app, parsed.request, {
    actor: ctx.state.user.login,
    now,
  });
  await audit(ctx, {
    action: "triage",
    object_kind: "detections",
    object: "",
    detail: { ...outcome, action: parsed.request.action, by: "api" },
    ok: true,
  });
  return bulkAnswer(outcome, now);
}

/** @throws {ApiError} 409 if it is not as many as were expected: somebody else was at work. */
async function frozenIds(
  ctx: Context<State>,
  asked: Asked,
): Promise<readonly string[]> {
  const by = new Date(asked.text("as_of"));
  const expected = asked.number("expected");
  if (Number.isNaN(by.getTime()) || expected === undefined) {
    throw new ApiError(
      400,
      "validation",
      "as_of has to be an instant, and expected how many detections matched then",
    );
  }
  const ids = await loadMatching(
    ctx.state.db,
    detectionsWhere(ctx, asked.text("q")),
    { by, most: BULK_MAX + 1 },
  );
  if (ids.length !== expected) {
    throw new ApiError(
      409,
      "conflict",
      `${expected} detections matched, now ${ids.length} do; nothing was changed`,
    );
  }
  return ids;
}
