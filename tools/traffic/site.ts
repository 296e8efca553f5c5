/** The site that generated traffic visits: pages, assets and an API, with their sizes. @module */
import type { Random } from "../../detect/random.ts";
import { Zipf } from "./sampling.ts";

const SECTIONS = ["articles", "products", "guides", "news", "help"];
const popularity = new Zipf(300, 1.1);
const mediaPopularity = new Zipf(900, 0.9);

/** Path of page 0..299; page 0 is the start page. */
export function page(index: number): string {
  return index === 0
    ? "/"
    : `/${SECTIONS[index % SECTIONS.length]}/${1000 + index * 7}`;
}

/** Number of pages. */
export const PAGES = 300;

/** A page as people choose it: few are popular. */
export function popularPage(random: Random): number {
  return popularity.draw(random);
}

/** Bytes of the document of a page. */
export function pageBytes(index: number): number {
  return 9000 + (index * 7919) % 42_000;
}

/** Assets of every page, with the sec-fetch-dest that fetches them. */
export const COMMON_ASSETS: readonly (readonly [path: string, dest: string])[] =
  [
    ["/static/site.css", "style"],
    ["/static/theme.css", "style"],
    ["/static/app.js", "script"],
    ["/static/vendor.js", "script"],
    ["/static/text.woff2", "font"],
    ["/static/bold.woff2", "font"],
    ["/static/logo.svg", "image"],
    ["/favicon.ico", "image"],
  ];

/** Path of one of 900 images. */
export function media(random: Random): string {
  return `/media/${mediaPopularity.draw(random)}.webp`;
}

/** Paths of the API that apps and open tabs poll. */
export const API_PATHS = [
  "/api/v1/feed",
  "/api/v1/notifications",
  "/api/v1/profile",
  "/api/v1/status",
];

/** Where people sign in. */
export const SIGN_IN = "/account/login";

/** What a scanner tries. */
export const PROBES = [
  "/.env",
  "/.git/config",
  "/wp-login.php",
  "/wp-admin/",
  "/xmlrpc.php",
  "/phpmyadmin/",
  "/cgi-bin/luci",
  "/actuator/env",
  "/.aws/credentials",
  "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
  "/boaform/admin/formLogin",
  "/owa/auth/logon.aspx",
  "/solr/admin/info/system",
  "/manager/html",
  "/server-status",
  "/backup.zip",
  "/config.json",
  "/admin/",
  "/old/",
  "/test.php",
];
