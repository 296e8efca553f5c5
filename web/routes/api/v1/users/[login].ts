import { type Role, ROLES } from "../../../../../lib/accounts.ts";
import { AccountError } from "../../../../auth/accounts.ts";
import { audit } from "../../../../auth/audit.ts";
import { ApiError } from "../../../../api/error.ts";
import { readCall } from "../../../../api/read.ts";
import { apiUser } from "../../../../api/users.ts";
import { define } from "../../../../utils.ts";

/** One account. */
export const handler = define.handlers({
  async PATCH(ctx) {
    const { login = "" } = ctx.params;
    const { accounts, sessions, store } = ctx.state.services;
    const asked = await readCall(ctx);
    const role: Role | undefined = ROLES.find((one) =>
      one === asked.text("role")
    );
    const disabled = asked.flag("disabled");
    if (await store.anyAccount(login) === undefined) {
      throw new ApiError(404, "not-found", "There is no such account");
    }
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
      detail: { role, disabled, by: "api" },
      ok: true,
    });
    const changed = (await store.listAccounts()).find((one) =>
      one.login === login
    );
    if (changed === undefined) {
      throw new ApiError(404, "not-found", "It is gone");
    }
    return ctx.json(apiUser(changed));
  },
});
