/** Who did what, in the append-only table audit_log. @module */
import type { Context } from "fresh";
import { messageOf } from "../../lib/errors.ts";
import type { State } from "../utils.ts";
import type { Session } from "./session_store.ts";

/** What happened. */
export interface AuditEntry {
  /** Such as `login` or `triage`. */
  readonly action: string;
  /** Kind and identifier of what it was done to. */
  readonly object_kind: string;
  readonly object: string;
  /** Facts worth keeping; never a password or token. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly ok: boolean;
  /** Login, where it is not yet that of the state. */
  readonly actor?: string;
}

/**
 * Writes an entry. That it could not be stored is logged with all of it, and does not undo what
 * has already been done.
 */
export async function audit(
  ctx: Context<State>,
  entry: AuditEntry,
): Promise<void> {
  const { app, client_ip, request_id, services, session, token, user } =
    ctx.state;
  const { action, object_kind, object, ok } = entry;
  const row = {
    request_id,
    actor: entry.actor ?? user.login,
    src_ip: client_ip,
    action,
    object_kind,
    object,
    detail: JSON.stringify({
      ...entry.detail,
      ...(session === undefined ? {} : { session: sessionName(session) }),
      ...(token === undefined ? {} : { token }),
    }),
    ok,
  };
  try {
    await app.insertRows("audit_log", [row]);
  } catch (thrown) {
    services.log.error("An audit entry could not be stored", {
      ...row,
      error: messageOf(thrown),
    });
  }
}

/** What the log calls a session: the beginning of its digest, which opens nothing. */
export function sessionName(
  { token_sha256 }: Pick<Session, "token_sha256">,
): string {
  return token_sha256.slice(0, 16);
}
