import { HttpError, page } from "fresh";
import { asset, Head } from "fresh/runtime";
import { PROBLEM_STATUS, type ProblemKind, PROBLEMS } from "../../api/error.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

/** What a problem's type leads to: what it means and what to do. */
export const handler = define.handlers({
  GET(ctx) {
    const kind = pathParam(ctx, "kind");
    if (!Object.hasOwn(PROBLEMS, kind)) throw new HttpError(404);
    return page({ kind: kind as ProblemKind });
  },
});

export default define.page<typeof handler>(({ data: { kind } }) => (
  <>
    <Head>
      <link rel="stylesheet" href={asset("/entry.css")} />
      <title>{kind} · JA4 Platform</title>
    </Head>
    <section class="error-page">
      <p class="error-status">{PROBLEM_STATUS[kind].join(", ")}</p>
      <h1>{kind}</h1>
      <p>{PROBLEMS[kind]}</p>
      <p class="error-actions">
        <a class="btn" href="/docs/api">The API</a>
      </p>
    </section>
  </>
));
