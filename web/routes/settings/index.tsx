import { type Context, HttpError, page } from "fresh";
import { AccountError } from "../../auth/accounts.ts";
import { audit } from "../../auth/audit.ts";
import { BusyError, PASSWORD_MIN, passwordFault } from "../../auth/password.ts";
import type { StoredAccount } from "../../auth/session_store.ts";
import {
  createRecoveryCodes,
  createSecret,
  hashRecoveryCode,
  secretUri,
  stepOf,
} from "../../auth/totp.ts";
import { PasswordField } from "../../components/entry_card.tsx";
import { PageContext } from "../../components/page_view.ts";
import { Card } from "../../components/panel.tsx";
import {
  Field,
  FormCard,
  Notice,
  QrCode,
  Secret,
  SessionTable,
  SettingsTabs,
} from "../../components/settings_parts.tsx";
import { WorkHead } from "../../components/work_head.tsx";
import { pageView } from "../../data/page.ts";
import { readForm } from "../../form.ts";
import { DENSITIES, THEMES } from "../../preferences.ts";
import { define, type State } from "../../utils.ts";

/** What a form led to. */
interface Outcome {
  readonly done?: string;
  readonly fault?: string;
  /** The secret of a second factor whose first code is awaited. */
  readonly secret?: string;
  /** Recovery codes, shown this once. */
  readonly codes?: readonly string[];
}

const DONE_WORDS: Readonly<Record<string, string>> = {
  preferences: "The appearance is saved on this browser.",
  session: "The session has ended.",
  sessions: "All other sessions have ended.",
  factor: "The second factor is off.",
};

export const handler = define.handlers({
  async GET(ctx) {
    const done = DONE_WORDS[ctx.url.searchParams.get("done") ?? ""];
    return await show(ctx, done === undefined ? {} : { done });
  },

  async POST(ctx) {
    const form = await readForm(ctx.req);
    const change = CHANGES[form.get("do") ?? ""];
    if (change === undefined) throw new HttpError(400);
    const { services, user } = ctx.state;
    const account = await services.accounts.stored(user.login);
    if (account === undefined) throw new HttpError(403);
    try {
      const outcome = await change(ctx, form, account);
      return outcome instanceof Response ? outcome : await show(
        ctx,
        outcome,
        outcome.fault === undefined ? 200 : 422,
      );
    } catch (thrown) {
      if (thrown instanceof BusyError) {
        return await show(ctx, {
          fault: "Too many passwords are being checked. Try again in a moment.",
        }, 503);
      }
      if (!(thrown instanceof AccountError)) throw thrown;
      return await show(ctx, { fault: thrown.message }, 422);
    }
  },
});

type Change = (
  ctx: Context<State>,
  form: URLSearchParams,
  account: StoredAccount,
) => Promise<Outcome | Response>;

const CHANGES: Readonly<Record<string, Change>> = {
  password: changePassword,
  factor_begin: beginFactor,
  factor_confirm: confirmFactor,
  factor_off: endFactor,
  end_session: endSession,
  end_sessions: endSessions,
};

async function changePassword(
  ctx: Context<State>,
  form: URLSearchParams,
  account: StoredAccount,
): Promise<Outcome> {
  const { services, session } = ctx.state;
  const { login } = account;
  const place = ctx.state.client_ip;
  if (services.throttle.waitMs(login, place) > 0) {
    return { fault: "Too many failed attempts. Try again later." };
  }
  const known = account.password_hash === "" ||
    await services.accounts.verify(form.get("old") ?? "", account);
  if (!known) {
    services.throttle.failed(login, place);
    await note(ctx, "password", false);
    return { fault: "The present password is wrong." };
  }
  const password = form.get("new") ?? "";
  const fault = password !== form.get("repeated")
    ? "The two new passwords differ"
    : passwordFault(password, login);
  if (fault !== undefined) return { fault: `${fault}.` };
  await services.accounts.setPassword(login, password);
  const ended = await services.sessions.closeAll(login, session);
  await note(ctx, "password", true, { ended });
  return { done: "The password is changed. All other sessions have ended." };
}

function beginFactor(
  ctx: Context<State>,
  _form: URLSearchParams,
  account: StoredAccount,
): Promise<Outcome> {
  const secret = createSecret();
  ctx.state.services.secondFactors.secrets.put(secret, account.login);
  return Promise.resolve({ secret });
}

async function confirmFactor(
  ctx: Context<State>,
  form: URLSearchParams,
  account: StoredAccount,
): Promise<Outcome> {
  const { services, now, session } = ctx.state;
  const { login } = account;
  const secret = services.secondFactors.secrets.attempt(login);
  if (secret === undefined) {
    return { fault: "That took too long. Begin again." };
  }
  const step = await stepOf(form.get("code") ?? "", secret, {
    nowMs: now() / 1000,
    lastStep: 0,
  });
  if (step === undefined) {
    return {
      secret,
      fault: "The code is wrong. Is the telephone's clock right?",
    };
  }
  services.secondFactors.secrets.done(login);
  const codes = createRecoveryCodes();
  await services.accounts.setSecondFactor(login, {
    totp_secret: secret,
    totp_step: step,
    recovery: await Promise.all(codes.map(hashRecoveryCode)),
  });
  await services.sessions.closeAll(login, session);
  await note(ctx, "second_factor_on", true);
  return { codes, done: "The second factor is on." };
}

async function endFactor(
  ctx: Context<State>,
  form: URLSearchParams,
  account: StoredAccount,
): Promise<Outcome | Response> {
  const { services, now } = ctx.state;
  const { login } = account;
  const place = ctx.state.client_ip;
  const shown = services.throttle.waitMs(login, place) > 0
    ? undefined
    : await services.accounts.checkCode(
      login,
      form.get("code") ?? "",
      now() / 1000,
    );
  if (shown === undefined) {
    services.throttle.failed(login, place);
    await note(ctx, "second_factor_off", false);
    return { fault: "The code is wrong, or was used already." };
  }
  await services.accounts.setSecondFactor(login, {
    totp_secret: "",
    totp_step: 0,
    recovery: [],
  });
  await note(ctx, "second_factor_off", true, { by: shown });
  return ctx.redirect("/settings?done=factor", 303);
}

async function endSession(
  ctx: Context<State>,
  form: URLSearchParams,
  { login }: StoredAccount,
): Promise<Response> {
  const { sessions } = ctx.state.services;
  const session = (await sessions.list(login)).find((one) =>
    one.token_sha256 === form.get("session")
  );
  if (session !== undefined) await sessions.close(session);
  await note(ctx, "end_session", session !== undefined);
  return ctx.redirect("/settings?done=session", 303);
}

async function endSessions(
  ctx: Context<State>,
  _form: URLSearchParams,
  { login }: StoredAccount,
): Promise<Response> {
  const ended = await ctx.state.services.sessions.closeAll(
    login,
    ctx.state.session,
  );
  await note(ctx, "end_session", true, { ended });
  return ctx.redirect("/settings?done=sessions", 303);
}

async function note(
  ctx: Context<State>,
  action: string,
  ok: boolean,
  detail: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await audit(ctx, {
    action,
    object_kind: "user",
    object: ctx.state.user.login,
    detail,
    ok,
  });
}

async function show(ctx: Context<State>, outcome: Outcome, status = 200) {
  const { services, user, session, preferences } = ctx.state;
  const account = await services.accounts.stored(user.login);
  return page({
    view: pageView(ctx),
    user,
    own: session?.token_sha256,
    hasPassword: (account?.password_hash ?? "") !== "",
    hasFactor: (account?.totp_secret ?? "") !== "",
    recovery: account?.recovery.length ?? 0,
    local: (account?.subject ?? "") === "",
    sessions: await services.sessions.list(user.login),
    preferences,
    outcome,
  }, { status });
}

export default define.page<typeof handler>(({ data }) => {
  const { outcome, user, preferences } = data;
  return (
    <PageContext.Provider value={data.view}>
      <WorkHead title="Settings" />
      <div class="page-head">
        <h1>Settings</h1>
        <span class="page-note">
          {user.display_name}, {user.role}
        </span>
        <SettingsTabs at="account" />
      </div>
      <Notice done={outcome.done} fault={outcome.fault} />
      {outcome.codes === undefined ? null : (
        <Secret
          label="Recovery codes, each good once"
          text={outcome.codes.join("  ")}
        >
          <p>
            Keep them where your telephone is not. They are not shown again.
          </p>
        </Secret>
      )}
      <div class="cards">
        <Card title="Appearance" note="of this browser">
          <form method="post" action="/preferences" class="card-form">
            <input
              type="hidden"
              name="back"
              value="/settings?done=preferences"
            />
            <Choice
              name="theme"
              label="Colours"
              value={preferences.theme}
              options={THEMES}
            />
            <Choice
              name="density"
              label="Rows"
              value={preferences.density}
              options={DENSITIES}
            />
            <Choice
              name="keys"
              label="Single keys as commands"
              value={preferences.keys ? "on" : "off"}
              options={["on", "off"]}
            />
            <p class="muted">
              <a href="/help#keys">What the keys do</a>
            </p>
            <div>
              <button class="btn" type="submit">Save</button>
            </div>
          </form>
        </Card>
        {data.local
          ? (
            <FormCard
              title="Password"
              action="/settings"
              what="password"
              button="Change password"
            >
              {data.hasPassword
                ? <PasswordField label="Present password" name="old" />
                : <p class="muted">Your account has no password yet.</p>}
              <PasswordField
                label={`New password, ${PASSWORD_MIN} characters or more`}
                name="new"
                minLength={PASSWORD_MIN}
              />
              <PasswordField
                label="New password again"
                name="repeated"
                minLength={PASSWORD_MIN}
              />
            </FormCard>
          )
          : null}
        {!data.local ? null : outcome.secret !== undefined
          ? (
            <FormCard
              title="Second factor"
              action="/settings"
              what="factor_confirm"
              button="Turn on"
              note="Read the code with your authenticator app, then type the six digits that it shows."
            >
              <QrCode
                text={secretUri(outcome.secret, user.login)}
                label="QR code of the secret"
              />
              <p class="mono wrap">
                {outcome.secret.replaceAll(/(.{4})(?=.)/g, "$1 ")}
              </p>
              <Field label="Code">
                <input
                  class="input mono"
                  name="code"
                  autocomplete="one-time-code"
                  inputMode="numeric"
                  required
                  maxLength={10}
                />
              </Field>
            </FormCard>
          )
          : data.hasFactor
          ? (
            <FormCard
              title="Second factor"
              action="/settings"
              what="factor_off"
              button="Turn off"
              danger
              note={`On. ${data.recovery} recovery codes are left. To turn it off, type a code.`}
            >
              <Field label="Code, or a recovery code">
                <input
                  class="input mono"
                  name="code"
                  autocomplete="one-time-code"
                  required
                  maxLength={40}
                />
              </Field>
            </FormCard>
          )
          : (
            <FormCard
              title="Second factor"
              action="/settings"
              what="factor_begin"
              button="Set up"
              note="Off. With it a stolen password is not enough: logging in also needs a code of your telephone."
            />
          )}
      </div>
      <Card
        title="Sessions"
        class="flush"
        note="where you are logged in"
        actions={
          <form method="post" action="/settings">
            <button class="btn" type="submit" name="do" value="end_sessions">
              End all others
            </button>
          </form>
        }
      >
        <SessionTable
          sessions={data.sessions}
          own={data.own}
          action="/settings"
        />
      </Card>
    </PageContext.Provider>
  );
});

function Choice(
  { name, label, value, options }: {
    name: string;
    label: string;
    value: string;
    options: readonly string[];
  },
) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {options.map((one) => (
        <label key={one}>
          <input
            type="radio"
            name={name}
            value={one}
            checked={one === value}
          />{" "}
          {one}
        </label>
      ))}
    </fieldset>
  );
}
