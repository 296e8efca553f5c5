import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { TOKEN_DAYS } from "../../../../auth/api_tokens.ts";
import { readTokenRequest } from "../../../../auth/token_request.ts";
import { addToken } from "../../../../auth/tokens_post.ts";
import { define } from "../../../../utils.ts";

/** One's tokens. No token may ask for them, and none may make another. */
export const handler = define.handlers({
  async GET(ctx) {
    const { services, user } = ctx.state;
    const tokens = await services.tokens.list(user.login);
    return ctx.json({
      data: tokens.map(({ id, name, scopes, networks, ...token }) => ({
        id,
        name,
        scopes,
        networks,
        created_at: timeOf(token.created_at),
        last_used: token.seen_at === 0 ? null : timeOf(token.seen_at),
        expires_at: timeOf(token.expires_at),
      })),
    });
  },

  async POST(ctx) {
    const asked = await readCall(ctx);
    const request = readTokenRequest({
      name: asked.text("name"),
      scopes: asked.list("scopes"),
      networks: asked.list("networks"),
      days: asked.number("days") ?? TOKEN_DAYS,
    });
    if (!request.ok) throw new ApiError(400, "validation", request.fault);
    const { id, text } = await addToken(ctx, request.value);
    return ctx.json({ id, token: text });
  },
});

/** @param seconds since the epoch. */
function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
