import { page } from "fresh";
import { Head } from "fresh/runtime";
import { PageContext } from "../components/page_view.ts";
import { ErrorCard } from "../components/panel.tsx";
import { WorkHead } from "../components/work_head.tsx";
import { attempt } from "../data/ask.ts";
import { pageView } from "../data/page.ts";
import LiveTail from "../islands/LiveTail.tsx";
import { TailReader } from "../live_tail.ts";
import { liveFault, matches } from "../query/match.ts";
import { parseQuery } from "../query/parse.ts";
import { define } from "../utils.ts";

/** Seconds after which a browser without scripts asks anew. */
const REFRESH_S = 10;

/** Requests as they come in. */
export const handler = define.handlers({
  async GET(ctx) {
    const text = ctx.url.searchParams.get("q") ?? "";
    const parsed = parseQuery(text);
    const query = parsed.ok && liveFault(parsed.query) === undefined
      ? parsed.query
      : undefined;
    const newest = await attempt(new TailReader(ctx.state.db).read());
    return page({
      view: pageView(ctx),
      text,
      newest: newest.ok
        ? {
          ok: true as const,
          value: newest.value.rows.toReversed().filter((row) =>
            query === undefined || matches(query, row)
          ),
        }
        : newest,
    });
  },
});

export default define.page<typeof handler>((
  { data: { view, text, newest } },
) => (
  <PageContext.Provider value={view}>
    <WorkHead title="Live" sheet="/explorer.css" />
    <Head>
      <noscript>
        <meta http-equiv="refresh" content={String(REFRESH_S)} />
      </noscript>
    </Head>
    <div class="page-head">
      <h1>Live</h1>
      <span class="page-note">
        requests as they are stored; <kbd>Space</kbd> stops
      </span>
    </div>
    {newest.ok ? null : <ErrorCard message={newest.message} />}
    <LiveTail
      initial={newest.ok ? newest.value : []}
      text={text}
      zone={view.zone}
    />
  </PageContext.Provider>
));
