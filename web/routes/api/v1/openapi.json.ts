import { openApi } from "../../../api/openapi.ts";
import { define } from "../../../utils.ts";

/** The API's description. */
export const handler = define.handlers({
  GET(ctx) {
    const { publicOrigin, basePath } = ctx.state.services;
    return ctx.json(openApi((publicOrigin ?? ctx.url.origin) + basePath));
  },
});
