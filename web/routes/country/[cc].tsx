import { HttpError } from "fresh";
import { asset, Head } from "fresh/runtime";
import { EntityPage, entityTitle } from "../../components/entity_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import { entityPage } from "../../data/entity_page.ts";
import { withRange } from "../../data/range.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const text = pathParam(ctx, "cc");
    const code = text.toUpperCase();
    if (!/^[A-Z]{2}$/.test(code)) {
      throw new HttpError(
        404,
        `"${text.slice(0, 60)}" is not the code of a country, such as DE.`,
      );
    }
    if (code !== text) {
      return ctx.redirect(withRange(`/country/${code}`, ctx.url), 301);
    }
    return await entityPage(ctx, { field: "country", value: code });
  },
});

export default define.page<typeof handler>(({ data: { view, ...data } }) => (
  <PageContext.Provider value={view}>
    <Head>
      <link rel="stylesheet" href={asset("/entity.css")} />
      <title>{`${entityTitle(data.entity)} · JA4 Platform`}</title>
    </Head>
    <EntityPage {...data} />
  </PageContext.Provider>
));
