/** What a posted triage form does, on the list and on the page of one detection. @module */
import { type Context, HttpError } from "fresh";
import type { UnixMicros } from "../../lib/events.ts";
import { audit } from "../auth/audit.ts";
import type { State } from "../utils.ts";
import { requireAssignee } from "./assignees.ts";
import { withParams } from "./range.ts";
import {
  applyTriage,
  parseTriageForm,
  type TriageOutcome,
  UNDO_MIN,
  undoTriage,
} from "./triage.ts";

/**
 * Does what the form says, notes it in the audit log, and leads back to where it was posted from.
 *
 * @param id the detection of the page; undefined on the list, whose form says which.
 * @throws {HttpError} with a sentence, if it cannot be done.
 */
export async function triagePost(
  ctx: Context<State>,
  form: URLSearchParams,
  id?: string,
): Promise<Response> {
  const { app, user } = ctx.state;
  const by = { actor: user.login, now: ctx.state.now() };
  const undone = form.get("undo");
  if (undone !== null) {
    const at = Number(undone);
    const ageMin = (by.now - at) / 60e6;
    if (!Number.isSafeInteger(at) || ageMin < 0 || ageMin > UNDO_MIN) {
      throw new HttpError(
        400,
        `An action can be undone for ${UNDO_MIN} minutes.`,
      );
    }
    const outcome = await undoTriage(app, at as UnixMicros, by);
    return await answer(ctx, "undo", outcome, { undone: at });
  }
  const parsed = parseTriageForm(form, id);
  if (!parsed.ok) throw new HttpError(400, parsed.message);
  const { request } = parsed;
  const { assignee } = request;
  await requireAssignee(app, request);
  const outcome = await applyTriage(app, request, by);
  if (id !== undefined && outcome.unknown > 0) {
    throw new HttpError(404, `There is no detection "${id.slice(0, 60)}".`);
  }
  return await answer(ctx, request.action, outcome, {
    note: request.note !== "",
    at: by.now,
    ...(assignee === undefined ? {} : { assignee }),
  });
}

/** Notes what was done, and leads back. */
async function answer(
  ctx: Context<State>,
  done: string,
  outcome: TriageOutcome,
  detail:
    & { readonly at?: number; readonly assignee?: string }
    & Readonly<Record<string, unknown>>,
): Promise<Response> {
  const { changed, already } = outcome;
  await audit(ctx, {
    action: "triage",
    object_kind: "detections",
    object: changed.length === 1 ? changed[0] ?? "" : "",
    detail: { ...outcome, ...detail, action: done },
    ok: true,
  });
  return ctx.redirect(
    withParams(ctx.url, {
      done,
      changed: String(changed.length),
      already: already === 0 ? "" : String(already),
      at: detail.at === undefined ? "" : String(detail.at),
      who: detail.assignee ?? "",
    }),
    303,
  );
}
