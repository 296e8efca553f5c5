import { asset } from "fresh/runtime";
import { define } from "../utils.ts";

/** Identifier of the last element of every page. */
const END = "end";

/** The document around every page. Later style sheets may rely on the layers that tokens.css names. */
export default define.page(({ Component, state }) => (
  <html
    lang="en"
    data-theme={themeAttribute(state.preferences.theme)}
    data-density={state.preferences.density}
    data-keys={state.preferences.keys ? "on" : "off"}
  >
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>JA4 Platform</title>
      <link rel="icon" href={asset("/favicon.svg")} type="image/svg+xml" />
      {/* Painted when all of it is there: the columns of half a table move with each row that follows. */}
      <link rel="expect" href={`#${END}`} {...{ blocking: "render" }} />
      <link rel="stylesheet" href={asset("/tokens.css")} />
      <link rel="stylesheet" href={asset("/base.css")} />
      <link rel="stylesheet" href={asset("/pages.css")} />
    </head>
    <body>
      <Component />
      <span id={END} hidden />
    </body>
  </html>
));

/** Absent for `system`: the style sheet then follows the operating system. */
function themeAttribute(theme: string): string | undefined {
  return theme === "system" ? undefined : theme;
}
