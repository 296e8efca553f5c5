import { page } from "fresh";
import { DataTable } from "../components/data_table.tsx";
import { PageContext } from "../components/page_view.ts";
import { Card } from "../components/panel.tsx";
import { WorkHead } from "../components/work_head.tsx";
import { pageView } from "../data/page.ts";
import { KEY_GROUPS } from "../keys.ts";
import { type Field, FIELDS, opsOf } from "../query/fields.ts";
import { define } from "../utils.ts";

/** Keys and the query language, in full. */
export const handler = define.handlers({
  GET: (ctx) => page({ view: pageView(ctx) }),
});

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["status:4xx host:shop.example.com", "both hold"],
  ["ip:192.0.2.0/24 or asn:AS64501", "one of them holds"],
  ["-ua:*bot*", "does not hold; * stands for anything"],
  ["path:(/login or /wp-login.php)", "one of the values"],
  ["bytes>=1M dur:2s..10s", "at least; from and to"],
  ['ua:"exactly this * text"', "in quotes nothing has a meaning"],
  ["path~^/api/v[0-9]+/", "an RE2 expression"],
  ["is:anomalous has:ja4", "a state; a field that is there"],
  ["wp-login", "a word in path, query, User-Agent, host, JA4 or referrer"],
];

export default define.page<typeof handler>(({ data }) => (
  <PageContext.Provider value={data.view}>
    <WorkHead title="Help" />
    <div class="page-head">
      <h1>Help</h1>
      <span class="page-note">
        <a href="#keys">Keys</a> · <a href="#query">Query language</a> ·{" "}
        <a href="/docs/api">API</a>
      </span>
    </div>
    <div class="help">
      <section id="keys" class="card">
        <header class="card-head">
          <h2>Keys</h2>
          <span class="card-note">
            can be switched off in <a href="/settings">Settings</a>
          </span>
        </header>
        <div class="key-groups">
          {KEY_GROUPS.map(({ title, keys }) => (
            <div key={title}>
              <h3>{title}</h3>
              <dl class="key-list">
                {keys.map(([key, what]) => (
                  <div key={key}>
                    <dt>
                      {key.split(" ").map((one) => <kbd key={one}>{one}</kbd>)}
                    </dt>
                    <dd>{what}</dd>
                  </div>
                ))}
              </dl>
            </div>
          ))}
        </div>
      </section>
      <div id="query">
        <Card title="Query language" class="flush">
          <DataTable<readonly [string, string]>
            label="Examples"
            rows={EXAMPLES}
            columns={[
              {
                head: "Query",
                class: "mono wrap",
                cell: ([query]) => (
                  <a href={`/explore?q=${encodeURIComponent(query)}`}>
                    {query}
                  </a>
                ),
              },
              {
                head: "Finds",
                cell: ([, what]) =>
                  what,
              },
            ]}
          />
        </Card>
      </div>
      <Card title="Fields" class="flush">
        <DataTable<Field>
          label="Fields"
          rows={FIELDS}
          columns={[
            {
              head: "Field",
              names: true,
              class: "mono",
              cell: (row) => row.name,
            },
            { head: "Holds", cell: (row) => row.label },
            {
              head: "Comparisons",
              class: "mono",
              cell: (row) => opsOf(row).join(" "),
            },
            {
              head: "Example",
              class: "mono wrap",
              cell: (row) => row.choices?.join(", ") ?? row.example,
            },
          ]}
        />
      </Card>
    </div>
  </PageContext.Provider>
));
