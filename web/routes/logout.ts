import { DatabaseError } from "../../lib/clickhouse.ts";
import { HttpError } from "fresh";
import { audit } from "../auth/audit.ts";
import { takeSession } from "../auth/session_cookie.ts";
import { define } from "../utils.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const { services, session, user } = ctx.state;
    if (session !== undefined) {
      try {
        await services.sessions.close(session);
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError)) throw thrown;
        // To forget the cookie and leave the session good would be a log-out in looks alone.
        throw new HttpError(
          503,
          "The database does not answer, so your session could not be ended. Try again in a moment.",
          { cause: thrown },
        );
      }
      await audit(ctx, {
        action: "logout",
        object_kind: "user",
        object: user.login,
        ok: true,
      });
    }
    const response = ctx.redirect("/login", 303);
    takeSession(ctx, response);
    // What the browser has kept of pages goes too, so that "back" shows nothing.
    response.headers.set("clear-site-data", '"cache"');
    return response;
  },
});
