import type { Context } from "fresh";
import { type Role, ROLES } from "../../../../../lib/accounts.ts";
import { AccountError } from "../../../../auth/accounts.ts";
import { audit } from "../../../../auth/audit.ts";
import { ApiError } from "../../../../api/error.ts";
import { answerTagged, requireMatch } from "../../../../api/etag.ts";
import { readCall } from "../../../../api/read.ts";
import { apiUser } from "../../../../api/users.ts";
import { define, type State } from "../../../../utils.ts";
import { pathParam } from "../../../../path_param.ts";

/** One account. */
export const handler = define.handlers({
  async GET(ctx) {
    return answerTagged(ctx, await told(ctx));
  },

  async PATCH(ctx) {
    const login = pathParam(ctx, "login");
    const { accounts, sessions } = ctx.state.services;
    const asked = await readCall(ctx);
    const role: Role | undefined = ROLES.find((one) =>
      one === asked.text("role")
    );
    const disabled = asked.flag("disabled");
    const before = await told(ctx);
    requireMatch(ctx, before);
    try {
      if (role !== undefined) await accounts.setRole(login, role);
      if (disabled !== undefined) await accounts.setDisabled(login, disabled);
    } catch (thrown) {
      if (!(thrown instanceof AccountError)) throw thrown;
      throw new ApiError(409, "conflict", thrown.message);
    }
    if (role !== undefined || disabled === true) await sessions.closeAll(login);
    await audit(ctx, {
      action: "change",
      object_kind: "user",
      object: login,
      detail: {
        before: { role: before["role"], disabled: before["disabled"] },
        after: {
          role: role ?? before["role"],
          disabled: disabled ?? before["disabled"],
        },
        by: "api",
      },
      ok: true,
    });
    return answerTagged(ctx, await told(ctx));
  },
});

/** What is told of the account of the path. @throws {ApiError} 404 */
async function told(ctx: Context<State>): Promise<ReturnType<typeof apiUser>> {
  const { store } = ctx.state.services;
  const account = (await store.listAccounts()).find(({ login }) =>
    login === pathParam(ctx, "login")
  );
  if (account === undefined) {
    throw new ApiError(404, "not-found", "There is no such account");
  }
  return apiUser(account);
}
