import { page } from "fresh";
import { type Endpoint, ENDPOINTS } from "../../api/endpoints.ts";
import { PROBLEMS } from "../../api/error.ts";
import { permissionOf } from "../../auth/permissions.ts";
import { DataTable } from "../../components/data_table.tsx";
import { PageContext } from "../../components/page_view.ts";
import { Card } from "../../components/panel.tsx";
import { WorkHead } from "../../components/work_head.tsx";
import { pageView } from "../../data/page.ts";
import { define } from "../../utils.ts";

/** The API for people: what the OpenAPI document says. */
export const handler = define.handlers({
  GET: (ctx) => page({ view: pageView(ctx) }),
});

export default define.page<typeof handler>(({ data }) => (
  <PageContext.Provider value={data.view}>
    <WorkHead title="API" />
    <div class="page-head">
      <h1>API</h1>
      <span class="page-note">
        <a href="/api/v1/openapi.json">OpenAPI document</a> ·{" "}
        <a href="/settings/tokens">Tokens</a>
      </span>
    </div>
    <div class="help">
      <Card title="Calls" class="flush">
        <DataTable<Endpoint>
          label="Calls"
          rows={ENDPOINTS}
          columns={[
            {
              head: "Method",
              class: "mono",
              cell: (row) =>
                row.method,
            },
            {
              head: "Path",
              names: true,
              class: "mono",
              cell: (row) => row.path,
            },
            { head: "What", class: "say", cell: (row) => row.summary },
            {
              head: "Takes",
              class: "mono wrap say",
              cell: (row) =>
                [...row.query ?? [], ...row.body ?? []].map((field) =>
                  field.name
                ).join(" "),
            },
            {
              head: "Needs",
              cell: (row) => permissionOf(row.path, row.method),
            },
          ]}
        />
      </Card>
      <Card title="Problems" class="flush">
        <DataTable<readonly [string, string]>
          label="Problems"
          rows={Object.entries(PROBLEMS)}
          columns={[
            {
              head: "Type",
              names: true,
              class: "mono",
              cell: ([kind]) => <a href={`/problems/${kind}`}>{kind}</a>,
            },
            { head: "Means", cell: ([, text]) => text },
          ]}
        />
      </Card>
    </div>
  </PageContext.Provider>
));
