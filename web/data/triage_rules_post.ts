/** Changes of the rules of triage, from a page or a call of the API, and their notes in the audit log. @module */
import { type Context, HttpError } from "fresh";
import { audit } from "../auth/audit.ts";
import type { State } from "../utils.ts";
import {
  applyRules,
  loadRules,
  type NewRule,
  putRule,
  type TriageRule,
} from "./triage_rules.ts";

/**
 * Adds what a checked form says, and lets it act at once.
 *
 * @returns the rule, and how many detections changed.
 * @throws {HttpError} 409 if there is one of the name.
 */
export async function addRule(
  ctx: Context<State>,
  given: NewRule,
): Promise<{ readonly rule: TriageRule; readonly changed: number }> {
  const { app, user } = ctx.state;
  const now = ctx.state.now();
  if ((await loadRules(app)).some(({ name }) => name === given.name)) {
    throw new HttpError(409, `There is a rule "${given.name}" already.`);
  }
  const rule = {
    ...given,
    id: crypto.randomUUID(),
    actor: user.login,
    madeMs: now / 1000,
  };
  await putRule(app, rule, { now });
  await audit(ctx, {
    action: "rule_create",
    object_kind: "triage_rule",
    object: rule.name,
    detail: { after: saidOf(rule) },
    ok: true,
  });
  return { rule, changed: await applyRules(app, now) };
}

/** Takes the rule `id` back. @throws {HttpError} 404 */
export async function dropRule(
  ctx: Context<State>,
  id: string,
): Promise<void> {
  const { app } = ctx.state;
  const rule = (await loadRules(app)).find((one) => one.id === id);
  if (rule === undefined) throw new HttpError(404, "There is no such rule.");
  await putRule(app, rule, { now: ctx.state.now(), deleted: true });
  await audit(ctx, {
    action: "rule_remove",
    object_kind: "triage_rule",
    object: rule.name,
    detail: { before: saidOf(rule) },
    ok: true,
  });
}

/** What the audit log keeps of a rule. */
function saidOf(
  { query, action, expiresMs }: NewRule,
): Readonly<Record<string, unknown>> {
  return { query, action, expires_ms: expiresMs ?? null };
}
