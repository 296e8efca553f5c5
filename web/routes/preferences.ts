import { HttpError } from "fresh";
import { nextPage } from "../auth/next_page.ts";
import { writeCookie } from "../cookies.ts";
import { readForm } from "../form.ts";
import {
  DENSITY_COOKIE,
  KEYS_COOKIE,
  parseDensity,
  parseTheme,
  THEME_COOKIE,
} from "../preferences.ts";
import { isHttps } from "../security.ts";
import { define } from "../utils.ts";

/** Seconds for which a browser keeps the choice. */
const YEAR_S = 365 * 86_400;

export const handler = define.handlers({
  async POST(ctx) {
    const form = await readForm(ctx.req);
    const read = (name: string): string | undefined =>
      form.get(name) ?? undefined;
    const chosen = [
      [THEME_COOKIE, read("theme"), parseTheme(read("theme"))],
      [DENSITY_COOKIE, read("density"), parseDensity(read("density"))],
      [
        KEYS_COOKIE,
        read("keys"),
        ["on", "off"].find((one) => one === read("keys")),
      ],
    ] as const;
    if (chosen.every(([, text]) => text === undefined)) {
      throw new HttpError(400, "Nothing is chosen");
    }
    const response = ctx.redirect(nextPage(form.get("back")), 303);
    const secure = isHttps(ctx.state.services.publicOrigin ?? ctx.url.origin);
    for (const [name, text, value] of chosen) {
      if (text === undefined) continue;
      if (value === undefined) {
        throw new HttpError(400, `There is no such ${name}`);
      }
      response.headers.append(
        "set-cookie",
        writeCookie(name, value, {
          secure,
          maxAgeS: YEAR_S,
          // The pages of keys switch it too.
          httpOnly: name !== KEYS_COOKIE,
        }),
      );
    }
    return response;
  },
});
