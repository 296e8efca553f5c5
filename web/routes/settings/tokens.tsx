import { type Context, HttpError, page } from "fresh";
import { TOKEN_DAYS, TOKEN_DAYS_MAX } from "../../auth/api_tokens.ts";
import { mayScope, type Scope, SCOPES } from "../../auth/permissions.ts";
import { PageContext } from "../../components/page_view.ts";
import {
  Field,
  FormCard,
  Notice,
  Secret,
  SettingsTabs,
} from "../../components/settings_parts.tsx";
import { TokenCard } from "../../components/token_table.tsx";
import { WorkHead } from "../../components/work_head.tsx";
import { pageView } from "../../data/page.ts";
import { readForm } from "../../form.ts";
import { addToken, revokeToken } from "../../auth/tokens_post.ts";
import { readTokenRequest } from "../../auth/token_request.ts";
import { define, type State } from "../../utils.ts";

interface Outcome {
  readonly done?: string;
  readonly fault?: string;
  /** The token, shown this once. */
  readonly text?: string;
}

const SCOPE_WORDS: Readonly<Record<Scope, string>> = {
  read: "read what the pages show",
  export: "export, and see statements",
  triage: "change detections and rules",
  "lists:read":
    "read the lists; with this scope alone also by ?key= in the address of a list",
  "lists:write": "change the lists",
  admin: "users and the audit log",
};

export const handler = define.handlers({
  async GET(ctx) {
    const done = ctx.url.searchParams.get("done") === "revoked";
    return await show(ctx, done ? { done: "The token is revoked." } : {});
  },

  async POST(ctx) {
    const form = await readForm(ctx.req);
    if (form.get("do") === "revoke") {
      if (await revokeToken(ctx, form.get("id") ?? "") === undefined) {
        throw new HttpError(404, "You have no such token");
      }
      return ctx.redirect("/settings/tokens?done=revoked", 303);
    }
    const request = readTokenRequest({
      name: form.get("name") ?? "",
      scopes: form.getAll("scope"),
      networks: (form.get("networks") ?? "").split(/[\s,]+/)
        .filter((text) => text !== ""),
      days: Number(form.get("days")),
    });
    if (!request.ok) return await show(ctx, { fault: request.fault }, 422);
    const { text } = await addToken(ctx, request.value);
    return await show(ctx, { text });
  },
});

async function show(ctx: Context<State>, outcome: Outcome, status = 200) {
  const { services, user } = ctx.state;
  return page({
    view: pageView(ctx),
    scopes: SCOPES.filter((scope) => mayScope(user.role, scope)),
    tokens: await services.tokens.list(user.login),
    outcome,
  }, { status });
}

export default define.page<typeof handler>(({ data }) => (
  <PageContext.Provider value={data.view}>
    <WorkHead title="API tokens" />
    <div class="page-head">
      <h1>Settings</h1>
      <SettingsTabs at="tokens" />
    </div>
    <Notice done={data.outcome.done} fault={data.outcome.fault} />
    {data.outcome.text === undefined
      ? null
      : (
        <Secret label="The token" text={data.outcome.text}>
          <p>It is not shown again. Send it as “Authorization: Bearer …”.</p>
        </Secret>
      )}
    <div class="cards">
      <FormCard
        title="New token"
        action="/settings/tokens"
        what="create"
        button="Make token"
        note={
          <>
            For programs that use the <a href="/docs/api">API</a>{" "}
            in your name. It can never do more than you.
          </>
        }
      >
        <Field label="Name">
          <input class="input" name="name" required maxLength={80} />
        </Field>
        <fieldset class="choice column">
          <legend>It may</legend>
          {data.scopes.map((scope) => (
            <label key={scope}>
              <input
                type="checkbox"
                name="scope"
                value={scope}
                checked={scope === "read"}
              />{" "}
              {SCOPE_WORDS[scope]}
            </label>
          ))}
        </fieldset>
        <Field label={`Days that it is good for, at most ${TOKEN_DAYS_MAX}`}>
          <input
            class="input"
            type="number"
            name="days"
            min="1"
            max={TOKEN_DAYS_MAX}
            value={TOKEN_DAYS}
            required
          />
        </Field>
        <Field label="Only from these networks (CIDR; empty: from anywhere)">
          <input class="input mono" name="networks" maxLength={500} />
        </Field>
      </FormCard>
    </div>
    <TokenCard tokens={data.tokens} action="/settings/tokens" />
  </PageContext.Provider>
));
