import { type Context, page } from "fresh";
import { createOneTimeLogin, isLogin, ROLES } from "../../../lib/accounts.ts";
import { audit } from "../../auth/audit.ts";
import type { ListedAccount } from "../../auth/session_store.ts";
import { DataTable } from "../../components/data_table.tsx";
import { count, plural } from "../../components/format.ts";
import { PageContext } from "../../components/page_view.ts";
import { Card } from "../../components/panel.tsx";
import {
  Field,
  FormCard,
  Notice,
  Secret,
  When,
} from "../../components/settings_parts.tsx";
import { WorkHead } from "../../components/work_head.tsx";
import { invitation, INVITE_H } from "../../auth/invitation.ts";
import { pageView } from "../../data/page.ts";
import { readForm } from "../../form.ts";
import { define, type State } from "../../utils.ts";

interface Outcome {
  readonly done?: string;
  readonly fault?: string;
  readonly link?: string;
}

export const handler = define.handlers({
  GET: (ctx) => show(ctx, {}),

  async POST(ctx) {
    const { app, services } = ctx.state;
    const form = await readForm(ctx.req);
    const login = (form.get("login") ?? "").trim();
    const role = ROLES.find((one) => one === form.get("role"));
    if (!isLogin(login) || role === undefined) {
      return await show(ctx, {
        fault:
          "The login may hold letters, digits and . _ @ -, and needs a role.",
      }, 422);
    }
    if (await services.store.anyAccount(login) !== undefined) {
      return await show(ctx, {
        fault: `There is an account "${login}" already.`,
      }, 422);
    }
    const token = await createOneTimeLogin(app, {
      login,
      display_name: (form.get("display_name") ?? "").trim().slice(0, 100) ||
        login,
      role,
      expires_s: INVITE_H * 3600,
    });
    await audit(ctx, {
      action: "create",
      object_kind: "user",
      object: login,
      detail: { role },
      ok: true,
    });
    return await show(ctx, {
      done: `The account "${login}" is made.`,
      link: invitation(ctx, token),
    });
  },
});

async function show(ctx: Context<State>, outcome: Outcome, status = 200) {
  return page({
    view: pageView(ctx),
    accounts: await ctx.state.services.store.listAccounts(),
    outcome,
  }, { status });
}

export default define.page<typeof handler>(({ data }) => (
  <PageContext.Provider value={data.view}>
    <WorkHead title="Users" />
    <div class="page-head">
      <h1>Users</h1>
      <span class="page-note">{plural(data.accounts.length, "account")}</span>
    </div>
    <Notice done={data.outcome.done} fault={data.outcome.fault} />
    {data.outcome.link === undefined ? null : (
      <Secret
        label={`Link to log in once, for ${INVITE_H} hours`}
        text={data.outcome.link}
      >
        <p>Give it to them on a safe way. It is not shown again.</p>
      </Secret>
    )}
    <Card title="Accounts" class="flush">
      <DataTable<ListedAccount>
        label="Accounts"
        rows={data.accounts}
        columns={[
          {
            head: "Login",
            names: true,
            class: "nowrap",
            cell: (row) => (
              <a href={`/users/${encodeURIComponent(row.login)}`}>
                {row.login}
              </a>
            ),
          },
          {
            head: "Name",
            class: "nowrap",
            cell: (row) =>
              row.display_name,
          },
          { head: "Role", cell: (row) => row.role },
          {
            head: "State",
            cell: (row) =>
              row.disabled
                ? <span class="badge bad">disabled</span>
                : <span class="badge ok">active</span>,
          },
          {
            head: "Logs in by",
            cell: (row) =>
              row.subject.startsWith("proxy ")
                ? "proxy"
                : row.subject !== ""
                ? "OpenID"
                : row.password_hash === ""
                ? "link"
                : row.totp_secret === ""
                ? "password"
                : "password and code",
          },
          { head: "Sessions", num: true, cell: (row) => count(row.sessions) },
          {
            head: "Last seen",
            class: "nowrap",
            cell: (row) => <When seconds={row.seen_at} />,
          },
        ]}
      />
    </Card>
    <div class="cards">
      <FormCard
        title="New account"
        action="/users"
        what="create"
        button="Make account"
        note="You get a link by which they log in once and choose a password."
      >
        <Field label="Login">
          <input
            class="input"
            name="login"
            required
            maxLength={64}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
          />
        </Field>
        <Field label="Name">
          <input
            class="input"
            name="display_name"
            maxLength={100}
            autocomplete="off"
          />
        </Field>
        <Field label="Role">
          <select class="input" name="role">
            {ROLES.map((role) => <option key={role} value={role}>{role}
            </option>)}
          </select>
        </Field>
      </FormCard>
    </div>
  </PageContext.Provider>
));
