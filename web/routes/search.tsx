import { page } from "fresh";
import { Head } from "fresh/runtime";
import { withRange } from "../data/range.ts";
import { destinationOf } from "../data/search.ts";
import { define } from "../utils.ts";

export const handler = define.handlers({
  GET(ctx) {
    const text = ctx.url.searchParams.get("q") ?? "";
    const path = destinationOf(text);
    if (path !== undefined) return ctx.redirect(withRange(path, ctx.url), 303);
    return page({}, { status: 404 });
  },
});

export default define.page<typeof handler>(() => (
  <>
    <Head>
      <title>Search · JA4 Platform</title>
    </Head>
    <div class="page-head">
      <h1>Search</h1>
    </div>
    <section class="card">
      <div class="panel-state">
        <p>
          <strong>
            Nothing to search for
          </strong>
        </p>
        <p>
          Type an address (192.0.2.1, 2001:db8::1), a network (192.0.2.0/24), a
          JA4 (t13d1516h2_8daaf6152771_b186095e22b6) or a part of one, an AS
          number (AS64501), a detection (D-7F3K2QAB), a host
          (login.example.com), a User-Agent, or a query (status:4xx -ua:*bot*).
        </p>
      </div>
    </section>
  </>
));
