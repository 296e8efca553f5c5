import { page } from "fresh";
import { Head } from "fresh/runtime";
import { withRange } from "../data/range.ts";
import { destinationOf } from "../data/search.ts";
import { printable, shorten } from "../../lib/text.ts";
import { define } from "../utils.ts";

export const handler = define.handlers({
  GET(ctx) {
    const text = ctx.url.searchParams.get("q") ?? "";
    const path = destinationOf(text);
    if (path !== undefined) return ctx.redirect(withRange(path, ctx.url), 303);
    return page({ text: shorten(printable(text), 200) }, { status: 404 });
  },
});

export default define.page<typeof handler>(({ data: { text } }) => (
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
            {text === "" ? "Nothing to search for" : (
              <>
                <bdi>{text}</bdi> is not something the search knows
              </>
            )}
          </strong>
        </p>
        <p>
          Type an IP address (192.0.2.1, 2001:db8::1), a JA4
          (t13d1516h2_8daaf6152771_b186095e22b6), the identifier of a detection
          (D-7F3K2QAB) or a host name (login.example.com).
        </p>
      </div>
    </section>
  </>
));
