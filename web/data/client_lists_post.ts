/** Changes of the lists of clients, from a page or a call of the API, and their notes in the audit log. @module */
import type { Context } from "fresh";
import { audit } from "../auth/audit.ts";
import type { State } from "../utils.ts";
import {
  type ListEntry,
  loadEntries,
  type NewEntry,
  putEntry,
  removeEntry,
} from "./client_lists.ts";

/** Adds what a checked form says. Returns the entry as it is kept. */
export async function addEntry(
  ctx: Context<State>,
  entry: NewEntry,
): Promise<ListEntry> {
  const { app, user } = ctx.state;
  const present = await loadEntries(app);
  const kept = await putEntry(app, entry, {
    actor: user.login,
    now: ctx.state.now(),
  });
  await audit(ctx, {
    action: "list_add",
    object_kind: kept.kind,
    object: kept.value,
    detail: {
      list: kept.list,
      reason: kept.reason,
      before: saidOf(present.find(({ id }) => id === kept.id)),
      after: saidOf(kept),
    },
    ok: true,
  });
  return kept;
}

/** Takes the entry `id` back; undefined if there is none. */
export async function dropEntry(
  ctx: Context<State>,
  id: string,
): Promise<ListEntry | undefined> {
  const { app } = ctx.state;
  const entry = (await loadEntries(app)).find((one) => one.id === id);
  if (entry === undefined) return undefined;
  await removeEntry(app, entry, ctx.state.now());
  await audit(ctx, {
    action: "list_remove",
    object_kind: entry.kind,
    object: entry.value,
    detail: { list: entry.list, before: saidOf(entry), after: null },
    ok: true,
  });
  return entry;
}

/** What the audit log keeps of an entry; null: there is none. */
function saidOf(
  entry: Pick<ListEntry, "reason" | "expiresMs"> | undefined,
): Readonly<Record<string, unknown>> | null {
  return entry === undefined
    ? null
    : { reason: entry.reason, expires_ms: entry.expiresMs ?? null };
}
