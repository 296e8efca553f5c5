import { HttpError } from "fresh";
import { asset, Head } from "fresh/runtime";
import { EntityPage, entityTitle } from "../../components/entity_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import { entityPage } from "../../data/entity_page.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const host = pathParam(ctx, "host");
    if (host === "") throw new HttpError(404, "The link names no host.");
    return await entityPage(ctx, { field: "host", value: host });
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
