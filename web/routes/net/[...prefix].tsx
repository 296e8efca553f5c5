import { HttpError } from "fresh";
import { asset, Head } from "fresh/runtime";
import { EntityPage, entityTitle } from "../../components/entity_page.tsx";
import { PageContext } from "../../components/page_view.ts";
import { entityPage } from "../../data/entity_page.ts";
import { canonicalNetwork } from "../../data/paths.ts";
import { withRange } from "../../data/range.ts";
import { define } from "../../utils.ts";
import { pathParam } from "../../path_param.ts";

export const handler = define.handlers({
  async GET(ctx) {
    const text = pathParam(ctx, "prefix");
    const network = canonicalNetwork(text);
    if (network === undefined) {
      throw new HttpError(
        404,
        `"${
          text.slice(0, 60)
        }" is not a network, such as 192.0.2.0/24 or 2001:db8::/32.`,
      );
    }
    if (network !== text) {
      return ctx.redirect(withRange(`/net/${network}`, ctx.url), 301);
    }
    return await entityPage(ctx, { field: "net", value: network });
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
