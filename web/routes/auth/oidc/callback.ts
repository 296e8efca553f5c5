import { HttpError } from "fresh";
import { messageOf } from "../../../../lib/errors.ts";
import { AccountError } from "../../../auth/accounts.ts";
import { audit } from "../../../auth/audit.ts";
import { enter } from "../../../auth/enter.ts";
import { OidcError } from "../../../auth/id_token.ts";
import {
  giveLoginCookie,
  readLoginCookie,
  redirectUri,
} from "../../../auth/oidc_cookie.ts";
import { roleOfGroups } from "../../../auth/roles.ts";
import { define } from "../../../utils.ts";

/** Where the provider sends a browser back to. */
export const handler = define.handlers({
  async GET(ctx) {
    const { oidc, accounts, groupRoles, log, metrics } = ctx.state.services;
    if (oidc === undefined) throw new HttpError(404);
    let login = "";
    try {
      const { identity, next } = await oidc.finish(ctx.url.searchParams, {
        redirectUri: redirectUri(ctx),
        cookie: readLoginCookie(ctx),
      });
      login = identity.login;
      const role = roleOfGroups(identity.groups, groupRoles);
      if (role === undefined) {
        throw new AccountError(
          "None of your groups may use this dashboard. An administrator can change that.",
        );
      }
      const user = await accounts.admit({ ...identity, role });
      const response = await enter(ctx, user, "oidc", next);
      giveLoginCookie(ctx, response, "");
      return response;
    } catch (thrown) {
      const known = thrown instanceof AccountError;
      if (!known && !(thrown instanceof OidcError)) throw thrown;
      metrics.logins.inc({ outcome: "bad_provider_answer" });
      log.warning("A login by the provider was refused", {
        error: messageOf(thrown),
      });
      await audit(ctx, {
        action: "login",
        object_kind: "user",
        object: login.slice(0, 64),
        actor: "",
        detail: { by: "oidc", error: messageOf(thrown) },
        ok: false,
      });
      throw new HttpError(
        403,
        known
          ? thrown.message
          : "The provider's answer could not be believed. Begin the login again.",
        { cause: thrown },
      );
    }
  },
});
