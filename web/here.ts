import { IS_BROWSER } from "fresh/runtime";

/**
 * A path of the dashboard as the browser must ask for it: behind a proxy under a folder of the site,
 * `/ip/::1` is `/ja4/ip/::1`. For islands; what the server renders is rewritten on its way out
 * (base_path.ts).
 */
export function here(path: string): string {
  return IS_BROWSER
    ? (document.documentElement.dataset["base"] ?? "") + path
    : path;
}
