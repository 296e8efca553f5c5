import { page } from "fresh";
import { DataTable } from "../../components/data_table.tsx";
import { dayClock, zoneLabel } from "../../components/format.ts";
import { Icon } from "../../components/icon.tsx";
import { PageContext } from "../../components/page_view.ts";
import { Empty, Panel } from "../../components/panel.tsx";
import { hostileText } from "../../components/text.tsx";
import { Field } from "../../components/settings_parts.tsx";
import { WorkHead } from "../../components/work_head.tsx";
import { attempt } from "../../data/ask.ts";
import {
  AUDIT_ROWS,
  type AuditRow,
  loadAudit,
  readAuditFilter,
} from "../../data/audit.ts";
import { pageRange, pageView } from "../../data/page.ts";
import { withParams } from "../../data/range.ts";
import { define } from "../../utils.ts";

/** Who did what: the audit log. */
export const handler = define.handlers({
  async GET(ctx) {
    const { searchParams } = ctx.url;
    const range = searchParams.has("from") || searchParams.has("to")
      ? await pageRange(ctx)
      : undefined;
    const filter = readAuditFilter(ctx.url, range);
    return page({
      view: pageView(ctx),
      filter,
      rows: await attempt(loadAudit(ctx.state.db, filter)),
    });
  },
});

export default define.page<typeof handler>(({ data }) => {
  const { filter, view } = data;
  const { zone, url } = view;
  const kept = ["from", "to", "tz"].flatMap((name) => {
    const value = url.searchParams.get(name);
    return value === null || value === "" ? [] : [[name, value] as const];
  });
  const last = data.rows.ok ? data.rows.value[AUDIT_ROWS - 1] : undefined;
  const more = data.rows.ok && data.rows.value.length > AUDIT_ROWS;
  return (
    <PageContext.Provider value={view}>
      <WorkHead title="Audit log" />
      <div class="page-head">
        <h1>Audit log</h1>
        <form class="page-actions" method="post" action="/audit/export">
          {[...kept, ["actor", filter.actor], ["action", filter.action], [
            "object",
            filter.object,
          ]].map(([name, value]) => (
            <input key={name} type="hidden" name={name} value={value} />
          ))}
          <button class="btn" type="submit" name="format" value="csv">
            <Icon name="download" /> CSV
          </button>
          <button class="btn" type="submit" name="format" value="ndjson">
            <Icon name="download" /> NDJSON
          </button>
        </form>
      </div>
      <form class="filter-row" method="get" action="/audit">
        {kept.map(([name, value]) => (
          <input key={name} type="hidden" name={name} value={value} />
        ))}
        {(["actor", "action", "object"] as const).map((name) => (
          <Field key={name} label={FILTER_WORDS[name]}>
            <input
              class="input"
              name={name}
              value={filter[name]}
              maxLength={200}
            />
          </Field>
        ))}
        <button class="btn" type="submit">Show</button>
        <a href="/audit">All</a>
      </form>
      <Panel
        title="Entries"
        class="flush"
        note="newest first"
        loaded={data.rows}
      >
        {(rows) =>
          rows.length === 0 ? <Empty title="No such entry" /> : (
            <>
              <DataTable<AuditRow>
                label="Entries"
                rows={rows.slice(0, AUDIT_ROWS)}
                columns={[
                  {
                    head: `Time (${zoneLabel(zone)})`,
                    class: "mono nowrap",
                    cell: (row) => dayClock(row.ts / 1000, zone),
                  },
                  {
                    head: "Who",
                    class: "nowrap",
                    cell: (row) =>
                      row.actor === "" ? <span class="muted">nobody</span> : (
                        <a
                          class="value"
                          href={withParams(url, {
                            actor: row.actor,
                            after: "",
                          })}
                        >
                          {hostileText(row.actor, 60)}
                        </a>
                      ),
                  },
                  { head: "From", class: "mono", cell: (row) => row.src_ip },
                  {
                    head: "Action",
                    cell: (row) => (
                      <a
                        class="value"
                        href={withParams(url, {
                          action: row.action,
                          after: "",
                        })}
                      >
                        {hostileText(row.action, 40)}
                      </a>
                    ),
                  },
                  {
                    head: "What",
                    class: "nowrap",
                    cell: (row) =>
                      `${hostileText(row.object_kind, 40)} ${
                        hostileText(row.object, 60)
                      }`,
                  },
                  {
                    head: "Details",
                    class: "clip wide mono",
                    cell: (row) =>
                      row.detail === "{}" ? "" : hostileText(row.detail, 160),
                    title: (row) => hostileText(row.detail, 1000),
                  },
                  {
                    head: "Done",
                    cell: (row) =>
                      row.ok
                        ? <span class="badge ok">yes</span>
                        : <span class="badge bad">refused</span>,
                  },
                ]}
              />
              <div class="card-foot">
                {filter.before === undefined
                  ? null
                  : <a href={withParams(url, { after: "" })}>Newest</a>}
                {more && last !== undefined
                  ? (
                    <a
                      class="btn"
                      rel="next"
                      href={withParams(url, { after: String(last.ts) })}
                    >
                      Older <Icon name="chevron-right" />
                    </a>
                  )
                  : <span>No more.</span>}
              </div>
            </>
          )}
      </Panel>
    </PageContext.Provider>
  );
});

const FILTER_WORDS = {
  actor: "Who (login)",
  action: "Action",
  object: "What (a part of it)",
} as const;
