import { type Context, HttpError, page } from "fresh";
import { createOneTimeLogin, ROLES } from "../../../lib/accounts.ts";
import { AccountError } from "../../auth/accounts.ts";
import { audit } from "../../auth/audit.ts";
import type { StoredAccount } from "../../auth/session_store.ts";
import { invitation, INVITE_H } from "../../auth/invitation.ts";
import { PageContext } from "../../components/page_view.ts";
import { Card, Empty } from "../../components/panel.tsx";
import {
  Field,
  FormCard,
  Notice,
  Secret,
  SessionTable,
} from "../../components/settings_parts.tsx";
import { TokenCard } from "../../components/token_table.tsx";
import { WorkHead } from "../../components/work_head.tsx";
import { pageView } from "../../data/page.ts";
import { readForm } from "../../form.ts";
import { define, type State } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

interface Outcome {
  readonly done?: string;
  readonly fault?: string;
  readonly link?: string;
}

type Change = (
  ctx: Context<State>,
  login: string,
  form: URLSearchParams,
) => Promise<{
  readonly outcome: Outcome;
  /** For the audit log. */
  readonly detail?: Readonly<Record<string, unknown>>;
}>;

/** By the value of `do`; each ends what the account could still do as it was. */
const CHANGES: Readonly<Record<string, Change>> = {
  async role(ctx, login, form) {
    const { accounts, sessions } = ctx.state.services;
    const role = ROLES.find((one) => one === form.get("role"));
    if (role === undefined) throw new HttpError(400, "There is no such role");
    await accounts.setRole(login, role);
    // A session is of the role that it began with (ASVS 4.0, 3.3.3).
    await sessions.closeAll(login);
    return {
      outcome: { done: `The role is ${role}; all sessions have ended.` },
      detail: { role },
    };
  },
  async disable(ctx, login) {
    const { accounts, sessions } = ctx.state.services;
    await accounts.setDisabled(login, true);
    const ended = await sessions.closeAll(login);
    return {
      outcome: {
        done: "The account is disabled; sessions and tokens are worth nothing.",
      },
      detail: { ended },
    };
  },
  async enable(ctx, login) {
    await ctx.state.services.accounts.setDisabled(login, false);
    return { outcome: { done: "The account is active again." } };
  },
  async link(ctx, login) {
    const account = await ctx.state.services.accounts.stored(login);
    if (account === undefined) {
      throw new AccountError("The account is disabled.");
    }
    if (account.subject !== "") {
      throw new AccountError("The account logs in elsewhere.");
    }
    const token = await createOneTimeLogin(ctx.state.app, {
      ...account,
      expires_s: INVITE_H * 3600,
    });
    return { outcome: { link: invitation(ctx, token) } };
  },
  async password_off(ctx, login) {
    const { store, sessions } = ctx.state.services;
    const account = await store.anyAccount(login);
    if (account === undefined) throw new HttpError(404);
    await store.putAccount({ ...account, password_hash: "" });
    const ended = await sessions.closeAll(login);
    return {
      outcome: { done: "The password is worth nothing; give them a link." },
      detail: { ended },
    };
  },
  async factor_off(ctx, login) {
    await ctx.state.services.accounts.setSecondFactor(login, {
      totp_secret: "",
      totp_step: 0,
      recovery: [],
    });
    return { outcome: { done: "The second factor is off." } };
  },
  async end_session(ctx, login, form) {
    const { sessions } = ctx.state.services;
    const session = (await sessions.list(login)).find((one) =>
      one.token_sha256 === form.get("session")
    );
    if (session !== undefined) await sessions.close(session);
    return { outcome: { done: "The session has ended." } };
  },
  async revoke(ctx, login, form) {
    const token = await ctx.state.services.tokens.revoke(
      form.get("id") ?? "",
      login,
    );
    if (token === undefined) throw new HttpError(404, "There is no such token");
    return {
      outcome: { done: "The token is revoked." },
      detail: { id: token.id, name: token.name },
    };
  },
};

/** What the audit log keeps of an account. */
function standingOf(
  { role, disabled, totp_secret }: StoredAccount,
): Readonly<Record<string, unknown>> {
  return { role, disabled, second_factor: totp_secret !== "" };
}

export const handler = define.handlers({
  GET: (ctx) => show(ctx, {}),

  async POST(ctx) {
    const form = await readForm(ctx.req);
    const what = form.get("do") ?? "";
    const change = Object.hasOwn(CHANGES, what) ? CHANGES[what] : undefined;
    if (change === undefined) throw new HttpError(400);
    const before = await accountOf(ctx);
    const { login } = before;
    try {
      const { outcome, detail = {} } = await change(ctx, login, form);
      const after = await accountOf(ctx);
      await audit(ctx, {
        action: what,
        object_kind: "user",
        object: login,
        detail: {
          ...detail,
          before: standingOf(before),
          after: standingOf(after),
        },
        ok: true,
      });
      return await show(ctx, outcome);
    } catch (thrown) {
      if (!(thrown instanceof AccountError)) throw thrown;
      await audit(ctx, {
        action: what,
        object_kind: "user",
        object: login,
        detail: { error: thrown.message },
        ok: false,
      });
      return await show(ctx, { fault: thrown.message }, 409);
    }
  },
});

async function accountOf(ctx: Context<State>) {
  const login = pathParam(ctx, "login");
  const account = await ctx.state.services.store.anyAccount(login);
  if (account === undefined) {
    throw new HttpError(404, `There is no account "${login.slice(0, 64)}".`);
  }
  return account;
}

async function show(ctx: Context<State>, outcome: Outcome, status = 200) {
  const { services, session } = ctx.state;
  const account = await accountOf(ctx);
  return page({
    view: pageView(ctx),
    account: {
      login: account.login,
      display_name: account.display_name,
      role: account.role,
      disabled: account.disabled,
      local: account.subject === "",
      hasPassword: account.password_hash !== "",
      hasFactor: account.totp_secret !== "",
    },
    own: session?.token_sha256,
    sessions: await services.sessions.list(account.login),
    tokens: await services.tokens.list(account.login),
    outcome,
  }, { status });
}

export default define.page<typeof handler>(({ data }) => {
  const { account, outcome } = data;
  const action = `/users/${encodeURIComponent(account.login)}`;
  return (
    <PageContext.Provider value={data.view}>
      <WorkHead title={account.login} />
      <div class="page-head">
        <h1>{account.login}</h1>
        <span class="page-note">
          {account.display_name}, {account.role}
          {account.disabled ? ", disabled" : ""}
        </span>
        <div class="page-actions">
          <a
            class="btn"
            href={`/audit?actor=${encodeURIComponent(account.login)}`}
          >
            What they did
          </a>
          <a class="btn" href="/users">All users</a>
        </div>
      </div>
      <Notice done={outcome.done} fault={outcome.fault} />
      {outcome.link === undefined ? null : (
        <Secret
          label={`Link to log in once, for ${INVITE_H} hours`}
          text={outcome.link}
        />
      )}
      <div class="cards">
        <FormCard title="Role" action={action} what="role" button="Change role">
          <Field label="Role">
            <select class="input" name="role" value={account.role}>
              {ROLES.map((role) => (
                <option
                  key={role}
                  value={role}
                  selected={role === account.role}
                >
                  {role}
                </option>
              ))}
            </select>
          </Field>
        </FormCard>
        <FormCard
          title="Access"
          action={action}
          what={account.disabled ? "enable" : "disable"}
          button={account.disabled ? "Enable" : "Disable"}
          danger={!account.disabled}
          note={account.disabled
            ? "The account is disabled: nobody can log in with it."
            : "A disabled account keeps its name and history, and opens nothing."}
        />
        {account.local
          ? (
            <>
              <FormCard
                title="Link"
                action={action}
                what="link"
                button="Make a link"
                note="Logs them in once, such as to choose a new password."
              />
              {account.hasPassword
                ? (
                  <FormCard
                    title="Password"
                    action={action}
                    what="password_off"
                    button="Take it away"
                    danger
                    note="They have one. Without it they log in by a link."
                  />
                )
                : null}
              {account.hasFactor
                ? (
                  <FormCard
                    title="Second factor"
                    action={action}
                    what="factor_off"
                    button="Turn off"
                    danger
                    note="It is on. Turn it off if the telephone is lost."
                  />
                )
                : null}
            </>
          )
          : null}
      </div>
      <Card title="Sessions" class="flush">
        {data.sessions.length === 0
          ? <Empty title="Not logged in" />
          : (
            <SessionTable
              sessions={data.sessions}
              own={data.own}
              action={action}
            />
          )}
      </Card>
      <TokenCard tokens={data.tokens} action={action} />
    </PageContext.Provider>
  );
});
