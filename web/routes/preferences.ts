import { HttpError } from "fresh";
import { nextPage } from "../auth/next_page.ts";
import { writeCookie } from "../cookies.ts";
import { readForm } from "../form.ts";
import { parseTheme, THEME_COOKIE } from "../preferences.ts";
import { isHttps } from "../security.ts";
import { define } from "../utils.ts";

/** Seconds for which a browser keeps the choice. */
const YEAR_S = 365 * 86_400;

export const handler = define.handlers({
  async POST(ctx) {
    const form = await readForm(ctx.req);
    const theme = parseTheme(form.get("theme") ?? undefined);
    if (theme === undefined) throw new HttpError(400, "There is no such theme");
    const response = ctx.redirect(nextPage(form.get("back")), 303);
    const secure = isHttps(ctx.state.services.publicOrigin ?? ctx.url.origin);
    response.headers.append(
      "set-cookie",
      writeCookie(THEME_COOKIE, theme, { secure, maxAgeS: YEAR_S }),
    );
    return response;
  },
});
