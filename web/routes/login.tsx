import { page } from "fresh";
import { Head } from "fresh/runtime";
import { isLogin, spendOneTimeToken } from "../../lib/accounts.ts";
import { DatabaseError } from "../../lib/clickhouse.ts";
import { maskIp } from "../../lib/ip.ts";
import { audit } from "../auth/audit.ts";
import { enter } from "../auth/enter.ts";
import { nextPage } from "../auth/next_page.ts";
import { BusyError } from "../auth/password.ts";
import {
  EntryCard,
  LoginField,
  PasswordField,
} from "../components/entry_card.tsx";
import { readForm } from "../form.ts";
import { define } from "../utils.ts";

export const config = { skipInheritedLayouts: true };

/** What the page shows. */
interface LoginView {
  readonly next: string;
  /** Of a one-time link: then there is nothing to type. */
  readonly token: string;
  readonly login: string;
  readonly fault: string;
}

const WRONG = "Login or password is wrong.";
const SPENT =
  "This link was used already or has expired. Ask for another, or log in with a password.";
const AWAY =
  "The database does not answer, so nobody can log in. Try again in a moment.";
const BUSY = "Too many people log in at this moment. Try again in a moment.";

export const handler = define.handlers({
  GET(ctx) {
    const next = nextPage(ctx.url.searchParams.get("next"));
    const token = ctx.url.searchParams.get("token") ?? "";
    if (ctx.state.user.role !== undefined && token === "") {
      return ctx.redirect(next, 303);
    }
    return page({ next, token, login: "", fault: "" });
  },

  async POST(ctx) {
    const { services } = ctx.state;
    // Whoever has one IPv6 address usually has the 2^64 of its network.
    const place = maskIp(ctx.state.client_ip, { v4: 32, v6: 64 });
    const form = await readForm(ctx.req);
    const next = nextPage(form.get("next"));
    const token = form.get("token") ?? "";
    const login = (form.get("login") ?? "").trim();
    const view: LoginView = { next, token: "", login, fault: "" };
    try {
      if (token !== "") {
        const owner = await spendOneTimeToken(ctx.state.app, token);
        const user = owner === undefined
          ? undefined
          : await services.accounts.user(owner);
        if (user !== undefined) return await enter(ctx, user, "link", next);
        services.metrics.logins.inc({ outcome: "bad_link" });
        await audit(ctx, {
          action: "login",
          object_kind: "user",
          object: owner ?? "",
          actor: owner ?? "",
          detail: { by: "link" },
          ok: false,
        });
        return page({ ...view, fault: SPENT }, { status: 403 });
      }
      const waitMs = services.throttle.waitMs(login, place);
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1000);
        services.metrics.logins.inc({ outcome: "throttled" });
        const fault =
          `Too many failed attempts. Try again in ${seconds} seconds.`;
        return page({ ...view, fault }, {
          status: 429,
          headers: { "retry-after": String(seconds) },
        });
      }
      const user = isLogin(login)
        ? await services.accounts.check(login, form.get("password") ?? "")
        : undefined;
      if (user !== undefined) {
        services.throttle.succeeded(login, place);
        return await enter(ctx, user, "password", next);
      }
      services.throttle.failed(login, place);
      services.metrics.logins.inc({ outcome: "wrong" });
      await audit(ctx, {
        action: "login",
        object_kind: "user",
        object: login.slice(0, 64),
        actor: "",
        detail: { by: "password" },
        ok: false,
      });
      return page({ ...view, fault: WRONG }, { status: 403 });
    } catch (thrown) {
      const busy = thrown instanceof BusyError;
      if (!busy && !(thrown instanceof DatabaseError)) throw thrown;
      services.metrics.logins.inc({ outcome: "unavailable" });
      const fault = busy ? BUSY : AWAY;
      return page({ ...view, token, fault }, { status: 503 });
    }
  },
});

export default define.page<typeof handler>(({ data }) => (
  <EntryCard title="Log in" fault={data.fault}>
    <Head>
      <title>Log in · JA4 Platform</title>
    </Head>
    <form method="post" action="/login" class="entry-form">
      <input type="hidden" name="next" value={data.next} />
      {data.token === ""
        ? (
          <>
            <LoginField value={data.login} />
            <PasswordField label="Password" name="password" />
          </>
        )
        : (
          <>
            <input type="hidden" name="token" value={data.token} />
            <p>This link logs you in once, on this browser.</p>
          </>
        )}
      <button class="btn btn-primary" type="submit">Log in</button>
    </form>
  </EntryCard>
));
