/** What pages and islands use on either side: on the server, and in the browser. @module */
import type { ComponentChildren } from "preact";
export { HttpError } from "./error.ts";

/** Set by whichever side this runs on: the renderer, or the boot script in the browser. */
export const shared = {
  buildId: "dev",
  hoist: (_children: ComponentChildren): void => {},
};

/** Whether this runs in a browser. */
export const IS_BROWSER: boolean = typeof document !== "undefined";

/** A URL under static/ that changes with each build, so that it may be cached for good. */
export function asset(path: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}v=${shared.buildId}`;
}

/** Puts its children into <head>. A <title> takes the place of the app's. */
export function Head(props: { readonly children?: ComponentChildren }): null {
  shared.hoist(props.children);
  return null;
}
