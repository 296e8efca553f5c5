import { type Context, HttpError, page } from "fresh";
import type { QueryOptions } from "../../../lib/clickhouse.ts";
import { WorkHead } from "../../components/work_head.tsx";
import { ExplorerPage } from "../../components/explorer.tsx";
import { PageContext } from "../../components/page_view.ts";
import { attempt, type Loaded } from "../../data/ask.ts";
import {
  loadHistogram,
  loadRows,
  loadValues,
  PAGE_ROWS,
  readExplore,
  rowsSql,
  SEARCH_LIMITS,
} from "../../data/explore.ts";
import { exportMaxOf } from "../../data/export.ts";
import { pageRange, pageView } from "../../data/page.ts";
import { withParams } from "../../data/range.ts";
import { conjuncts, group } from "../../query/ast.ts";
import { conditionText } from "../../query/condition.ts";
import { formatQuery } from "../../query/format.ts";
import { literalSql } from "../../query/literal.ts";
import { parseQuery } from "../../query/parse.ts";
import { define, type State } from "../../utils.ts";

export const handler = define.handlers({
  async GET(ctx) {
    if (ctx.url.searchParams.has("field")) return addCondition(ctx);
    const { db, services, user } = ctx.state;
    const range = await pageRange(ctx);
    const state = readExplore(ctx.url, range, ctx.state.now() / 1000);
    const view = pageView(ctx);
    const exportMax = exportMaxOf(ctx.state);
    if (!state.parsed.ok) {
      return page({ view, explorer: { state, range, exportMax } }, {
        status: 400,
      });
    }
    const { where } = state.parsed;
    const run = ctx.url.searchParams.get("run") || crypto.randomUUID();
    using search = services.searches.begin(run.slice(0, 64), user.login);
    if (search === undefined) {
      throw new HttpError(
        429,
        "You have too many searches running. Wait for one to end, or cancel it.",
      );
    }
    const options = (name: string): QueryOptions => ({
      signal: search.signal,
      timeoutMs: SEARCH_LIMITS.max_execution_time * 1000 + 1000,
      settings: SEARCH_LIMITS,
      queryId: `explore-${ctx.state.request_id}-${name}`,
    });
    const asked = { ...state, where };
    const [histogram, values, rows] = await Promise.all([
      panel(loadHistogram(db, where, range, options("time"))),
      panel(loadValues(db, asked, options("values"))),
      panel(loadRows(db, asked, options("rows"))),
    ]);
    return page({
      view,
      explorer: {
        state,
        range,
        exportMax,
        panels: { histogram, values, rows },
        ...(ctx.state.can("sql")
          ? { statement: literalSql(rowsSql(asked, PAGE_ROWS)) }
          : {}),
      },
    });
  },
});

/** {@linkcode attempt}, also of what was cancelled. */
async function panel<T>(question: Promise<T>): Promise<Loaded<T>> {
  try {
    return await attempt(question);
  } catch (thrown) {
    if (!(thrown instanceof DOMException)) throw thrown;
    return { ok: false, message: "It was cancelled." };
  }
}

/** Without a script the builder asks for a page, which leads to that of the longer query. */
function addCondition(ctx: Context<State>): Response {
  const { searchParams } = ctx.url;
  const text = searchParams.get("q") ?? "";
  const condition = conditionText((name) => searchParams.get(name) ?? "");
  const [before, made] = [parseQuery(text), parseQuery(condition)];
  // What cannot be read is shown as typed, with what is wrong.
  const q = before.ok && made.ok
    ? formatQuery(
      group("and", [...conjuncts(before.query), ...conjuncts(made.query)]),
    )
    : `${text} ${condition}`.trim();
  return ctx.redirect(
    withParams(ctx.url, {
      q,
      field: "",
      op: "",
      value: "",
      after: "",
      run: "",
    }),
    303,
  );
}

export default define.page<typeof handler>(({ data: { view, explorer } }) => (
  <PageContext.Provider value={view}>
    <WorkHead title="Explorer" sheet="/explorer.css" />
    <ExplorerPage {...explorer} />
  </PageContext.Provider>
));
