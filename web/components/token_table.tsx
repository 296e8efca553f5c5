import type { VNode } from "preact";
import type { ApiToken } from "../auth/api_tokens.ts";
import { DataTable } from "./data_table.tsx";
import { Card, Empty } from "./panel.tsx";
import { When } from "./settings_parts.tsx";

/** The API tokens of an account with a button that revokes each. */
export function TokenCard(
  { tokens, action }: {
    tokens: readonly ApiToken[];
    /** Page that the button posts to. */
    action: string;
  },
): VNode {
  return (
    <Card title="API tokens" class="flush">
      {tokens.length === 0 ? <Empty title="No token" /> : (
        <DataTable<ApiToken>
          label="API tokens"
          rows={tokens}
          columns={[
            { head: "Name", names: true, cell: (row) => row.name },
            {
              head: "Begins with",
              class: "mono",
              cell: (row) => `ja4_${row.id}`,
            },
            { head: "May", cell: (row) => row.scopes.join(", ") },
            {
              head: "From",
              class: "mono",
              cell: (row) => row.networks.join(" ") || "anywhere",
            },
            {
              head: "Last used",
              cell: (row) => <When seconds={row.seen_at} />,
            },
            { head: "Ends", cell: (row) => <When seconds={row.expires_at} /> },
            {
              head: <span class="visually-hidden">Revoke</span>,
              cell: (row) => (
                <form method="post" action={action}>
                  <input type="hidden" name="id" value={row.id} />
                  <button
                    class="btn btn-danger"
                    type="submit"
                    name="do"
                    value="revoke"
                    aria-label={`Revoke ${row.name}`}
                  >
                    Revoke
                  </button>
                </form>
              ),
            },
          ]}
        />
      )}
    </Card>
  );
}
