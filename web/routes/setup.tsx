import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { isLogin } from "../../lib/accounts.ts";
import { audit } from "../auth/audit.ts";
import { enter } from "../auth/enter.ts";
import { PASSWORD_MIN, passwordFault } from "../auth/password.ts";
import {
  EntryCard,
  LoginField,
  PasswordField,
} from "../components/entry_card.tsx";
import { readForm } from "../form.ts";
import { define } from "../utils.ts";

export const config = { skipInheritedLayouts: true };

const NOT_OFFERED =
  "The first account is made with the link that the dashboard's log shows while there is none.";

export const handler = define.handlers({
  async GET(ctx) {
    const token = ctx.url.searchParams.get("token") ?? "";
    if (!await ctx.state.services.firstAdmin.accepts(token)) {
      throw new HttpError(403, NOT_OFFERED);
    }
    return page({ token, login: "admin", fault: "" });
  },

  async POST(ctx) {
    const { services } = ctx.state;
    const form = await readForm(ctx.req);
    const token = form.get("token") ?? "";
    if (!await services.firstAdmin.accepts(token)) {
      throw new HttpError(403, NOT_OFFERED);
    }
    const login = (form.get("login") ?? "").trim();
    const password = form.get("password") ?? "";
    const fault = !isLogin(login)
      ? "The login may hold letters, digits and . _ @ -"
      : password !== form.get("repeated")
      ? "The two passwords differ"
      : passwordFault(password, login);
    if (fault !== undefined) {
      return page({ token, login, fault: `${fault}.` }, { status: 422 });
    }
    services.firstAdmin.done();
    const user = await services.accounts.create({
      login,
      display_name: login,
      role: "admin",
      password,
    });
    await audit(ctx, {
      action: "create",
      object_kind: "user",
      object: login,
      actor: login,
      detail: { role: "admin", by: "setup" },
      ok: true,
    });
    return await enter(ctx, user, "setup", "/");
  },
});

export default define.page<typeof handler>(({ data }) => (
  <EntryCard title="Make the first account" fault={data.fault}>
    <Head>
      <link rel="stylesheet" href={asset("/entry.css")} />
      <title>First account · JA4 Platform</title>
    </Head>
    <form method="post" action="/setup" class="entry-form">
      <input type="hidden" name="token" value={data.token} />
      <LoginField value={data.login} />
      <PasswordField
        label={`Password, ${PASSWORD_MIN} characters or more`}
        name="password"
        minLength={PASSWORD_MIN}
      />
      <PasswordField
        label="Password again"
        name="repeated"
        minLength={PASSWORD_MIN}
      />
      <button class="btn btn-primary" type="submit">
        Make administrator
      </button>
    </form>
  </EntryCard>
));
