import type { TriageRule } from "../data/triage_rules.ts";

/** A rule of triage as the API tells of it. */
export function apiRule(
  rule: TriageRule & { readonly hits?: number },
): Readonly<Record<string, string | number | null>> {
  return {
    id: rule.id,
    name: rule.name,
    query: rule.query,
    action: rule.action,
    actor: rule.actor,
    made_at: new Date(rule.madeMs).toISOString(),
    expires_at: rule.expiresMs === undefined
      ? null
      : new Date(rule.expiresMs).toISOString(),
    hits: rule.hits ?? 0,
  };
}
