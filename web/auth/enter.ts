import type { Context } from "fresh";
import { hashToken } from "../../lib/accounts.ts";
import type { State } from "../utils.ts";
import { audit, sessionName } from "./audit.ts";
import { giveSession } from "./session_cookie.ts";
import type { User } from "./session_store.ts";

/** How somebody showed who they are. */
export type LoginBy =
  | "password"
  | "link"
  | "setup"
  | "code"
  | "recovery"
  | "oidc";

/**
 * Lets in someone who has shown who they are: always under a new session, and the one that the
 * browser came with ends, so that a token planted before the login is worth nothing after it.
 *
 * @param by how they showed it, for the audit log.
 */
export async function enter(
  ctx: Context<State>,
  user: User,
  by: LoginBy,
  next: string,
): Promise<Response> {
  const { services, session, client_ip } = ctx.state;
  if (session !== undefined) await services.sessions.close(session);
  const token = await services.sessions.open(user, {
    src_ip: client_ip,
    user_agent: ctx.req.headers.get("user-agent") ?? "",
  });
  services.metrics.logins.inc({ outcome: "ok" });
  await audit(ctx, {
    action: "login",
    object_kind: "user",
    object: user.login,
    actor: user.login,
    detail: {
      by,
      opened: sessionName({ token_sha256: await hashToken(token) }),
    },
    ok: true,
  });
  const response = ctx.redirect(next, 303);
  giveSession(ctx, response, token);
  return response;
}
