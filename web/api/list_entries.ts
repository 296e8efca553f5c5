import type { ListEntry } from "../data/client_lists.ts";

/** An entry of a list as the API tells of it. */
export function apiEntry(
  entry: ListEntry,
): Readonly<Record<string, string | null>> {
  return {
    id: entry.id,
    list: entry.list,
    kind: entry.kind,
    value: entry.value,
    reason: entry.reason,
    actor: entry.actor,
    made_at: new Date(entry.madeMs).toISOString(),
    expires_at: entry.expiresMs === undefined
      ? null
      : new Date(entry.expiresMs).toISOString(),
  };
}
