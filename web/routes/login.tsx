import { type Context, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { isLogin, spendOneTimeToken } from "../../lib/accounts.ts";
import { DatabaseError } from "../../lib/clickhouse.ts";
import { maskIp } from "../../lib/ip.ts";
import { audit } from "../auth/audit.ts";
import { enter, type LoginBy } from "../auth/enter.ts";
import { nextPage } from "../auth/next_page.ts";
import { BusyError } from "../auth/password.ts";
import type { User } from "../auth/session_store.ts";
import {
  EntryCard,
  LoginField,
  PasswordField,
} from "../components/entry_card.tsx";
import { readForm } from "../form.ts";
import { define, type State } from "../utils.ts";

export const config = { skipInheritedLayouts: true };

/** What the page shows. */
interface LoginView {
  readonly next: string;
  /** Of a one-time link: then there is nothing to type. */
  readonly token: string;
  /** Of a login whose first factor was right: then the code is asked for. */
  readonly half: string;
  readonly login: string;
  readonly fault: string;
}

const WRONG = "Login or password is wrong.";
const WRONG_CODE = "The code is wrong, or was used already.";
const TOO_LATE =
  "That took too long, or too many codes were wrong. Log in again.";
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
    return show(ctx, { next, token });
  },

  async POST(ctx) {
    const { services } = ctx.state;
    const form = await readForm(ctx.req);
    const next = nextPage(form.get("next"));
    const token = form.get("token") ?? "";
    const login = (form.get("login") ?? "").trim();
    try {
      if (form.has("half")) return await secondFactor(ctx, form, next);
      return token !== ""
        ? await byLink(ctx, token, next)
        : await byPassword(ctx, login, form.get("password") ?? "", next);
    } catch (thrown) {
      const busy = thrown instanceof BusyError;
      if (!busy && !(thrown instanceof DatabaseError)) throw thrown;
      services.metrics.logins.inc({ outcome: "unavailable" });
      return show(ctx, { next, login, token, fault: busy ? BUSY : AWAY }, 503);
    }
  },
});

/** The page, and what it holds beyond the form. */
function show(
  ctx: Context<State>,
  view: Partial<LoginView> & { readonly next: string },
  status = 200,
  headers: Readonly<Record<string, string>> = {},
) {
  const oidc = ctx.state.services.oidc?.options.name ?? "";
  const whole = { token: "", half: "", login: "", fault: "", ...view };
  return page({ ...whole, oidc }, { status, headers });
}

async function byLink(ctx: Context<State>, token: string, next: string) {
  const { services, app } = ctx.state;
  const owner = await spendOneTimeToken(app, token);
  const user = owner === undefined
    ? undefined
    : await services.accounts.user(owner);
  if (user !== undefined) return await afterFirst(ctx, user, "link", next);
  services.metrics.logins.inc({ outcome: "bad_link" });
  await failed(ctx, owner ?? "", "link", owner ?? "");
  return show(ctx, { next, fault: SPENT }, 403);
}

async function byPassword(
  ctx: Context<State>,
  login: string,
  password: string,
  next: string,
) {
  const { services } = ctx.state;
  const place = placeOf(ctx);
  const waitMs = services.throttle.waitMs(login, place);
  if (waitMs > 0) return throttled(ctx, waitMs, { next, login });
  const user = isLogin(login)
    ? await services.accounts.check(login, password)
    : undefined;
  if (user !== undefined) {
    const answer = await afterFirst(ctx, user, "password", next);
    // With a second factor only the code shows that it was not a guess.
    if (answer instanceof Response) services.throttle.succeeded(login, place);
    return answer;
  }
  services.throttle.failed(login, place);
  services.metrics.logins.inc({ outcome: "wrong" });
  await failed(ctx, login, "password");
  return show(ctx, { next, login, fault: WRONG }, 403);
}

/** Lets somebody in, or asks for the code first. */
async function afterFirst(
  ctx: Context<State>,
  user: User,
  by: "password" | "link",
  next: string,
) {
  const { accounts, secondFactors } = ctx.state.services;
  const stored = await accounts.stored(user.login);
  if (stored === undefined || stored.totp_secret === "") {
    return await enter(ctx, user, by, next);
  }
  const half = secondFactors.logins.put({ login: user.login, by, next });
  return show(ctx, { next, half, login: user.login });
}

async function secondFactor(
  ctx: Context<State>,
  form: URLSearchParams,
  next: string,
) {
  const { services, now } = ctx.state;
  const half = form.get("half") ?? "";
  const waiting = services.secondFactors.logins.attempt(half);
  if (waiting === undefined) return show(ctx, { next, fault: TOO_LATE }, 403);
  const { login } = waiting;
  const place = placeOf(ctx);
  const waitMs = services.throttle.waitMs(login, place);
  if (waitMs > 0) return throttled(ctx, waitMs, { next, half, login });
  const shown = await services.accounts.checkCode(
    login,
    form.get("code") ?? "",
    now() / 1000,
  );
  const user = shown === undefined
    ? undefined
    : await services.accounts.user(login);
  if (shown === undefined || user === undefined) {
    services.throttle.failed(login, place);
    services.metrics.logins.inc({ outcome: "wrong_code" });
    await failed(ctx, login, "code");
    return show(ctx, { next, half, login, fault: WRONG_CODE }, 403);
  }
  services.secondFactors.logins.done(half);
  services.throttle.succeeded(login, place);
  return await enter(ctx, user, shown, waiting.next);
}

function throttled(
  ctx: Context<State>,
  waitMs: number,
  view: Partial<LoginView> & { readonly next: string },
) {
  const seconds = Math.ceil(waitMs / 1000);
  ctx.state.services.metrics.logins.inc({ outcome: "throttled" });
  const fault = `Too many failed attempts. Try again in ${seconds} seconds.`;
  return show(ctx, { ...view, fault }, 429, {
    "retry-after": String(seconds),
  });
}

/** Where an attempt comes from. Whoever has one IPv6 address usually has the 2^64 of its network. */
function placeOf(ctx: Context<State>): string {
  return maskIp(ctx.state.client_ip, { v4: 32, v6: 64 });
}

async function failed(
  ctx: Context<State>,
  login: string,
  by: LoginBy,
  actor = "",
): Promise<void> {
  await audit(ctx, {
    action: "login",
    object_kind: "user",
    object: login.slice(0, 64),
    actor,
    detail: { by },
    ok: false,
  });
}

export default define.page<typeof handler>(({ data }) => (
  <EntryCard
    title={data.half === "" ? "Log in" : "Second factor"}
    fault={data.fault}
  >
    <Head>
      <link rel="stylesheet" href={asset("/entry.css")} />
      <title>Log in · JA4 Platform</title>
    </Head>
    <form method="post" action="/login" class="entry-form">
      <input type="hidden" name="next" value={data.next} />
      {data.half !== ""
        ? (
          <>
            <input type="hidden" name="half" value={data.half} />
            <label class="field">
              <span>Code of your authenticator, or a recovery code</span>
              <input
                class="input mono"
                name="code"
                autocomplete="one-time-code"
                autocapitalize="none"
                spellcheck={false}
                required
                maxLength={40}
              />
            </label>
          </>
        )
        : data.token === ""
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
    {data.oidc === "" || data.half !== "" || data.token !== "" ? null : (
      <p>
        <a
          class="btn"
          href={`/auth/oidc/start?next=${encodeURIComponent(data.next)}`}
        >
          Log in by {data.oidc}
        </a>
      </p>
    )}
  </EntryCard>
));
