/** Changes of one's API tokens, from a page or a call of the API, and their notes in the audit log. @module */
import type { Context } from "fresh";
import type { State } from "../utils.ts";
import type { ApiToken } from "./api_tokens.ts";
import { audit } from "./audit.ts";
import type { TokenRequest } from "./token_request.ts";

/** Makes a token; its text is nowhere kept. */
export async function addToken(
  ctx: Context<State>,
  request: TokenRequest,
): Promise<{ readonly id: string; readonly text: string }> {
  const { services, user } = ctx.state;
  const made = await services.tokens.create({ ...request, login: user.login });
  await audit(ctx, {
    action: "create",
    object_kind: "token",
    object: made.id,
    detail: { ...request },
    ok: true,
  });
  return made;
}

/** Ends a token of whoever asks; undefined if they have none of the id. */
export async function revokeToken(
  ctx: Context<State>,
  id: string,
): Promise<ApiToken | undefined> {
  const { services, user } = ctx.state;
  const token = await services.tokens.revoke(id, user.login);
  if (token === undefined) return undefined;
  await audit(ctx, {
    action: "revoke",
    object_kind: "token",
    object: token.id,
    detail: { name: token.name },
    ok: true,
  });
  return token;
}
