import { HttpError } from "fresh";
import { messageOf } from "../../../../lib/errors.ts";
import { nextPage } from "../../../auth/next_page.ts";
import { OidcError } from "../../../auth/id_token.ts";
import { giveLoginCookie, redirectUri } from "../../../auth/oidc_cookie.ts";
import { define } from "../../../utils.ts";

/** Sends a browser to the provider. */
export const handler = define.handlers({
  async GET(ctx) {
    const { oidc, log } = ctx.state.services;
    if (oidc === undefined) throw new HttpError(404);
    try {
      const { url, cookie } = await oidc.begin(
        redirectUri(ctx),
        nextPage(ctx.url.searchParams.get("next")),
      );
      // A redirect to another site: not by ctx.redirect(), which keeps to this one.
      const response = new Response(null, {
        status: 303,
        headers: { location: url },
      });
      giveLoginCookie(ctx, response, cookie);
      return response;
    } catch (thrown) {
      if (!(thrown instanceof OidcError)) throw thrown;
      log.error("A login by the provider could not begin", {
        error: messageOf(thrown),
      });
      throw new HttpError(
        503,
        "The provider of logins does not answer. Log in with a password, or try again in a moment.",
        { cause: thrown },
      );
    }
  },
});
