/** What the people and the bots of unfamiliar traffic share: the site, a browser's name, the homes. @module */
import type { Random } from "../../detect/random.ts";
import type { IpAddress } from "../../lib/events.ts";
import type { Client } from "./recorder.ts";
import { Zipf } from "./sampling.ts";
import { TCP } from "./stacks.ts";

/** `shop`: images and scripts by URLs without endings. `text`: no assets. `app`: one page and an API. */
export type SiteKind = "shop" | "text" | "app";

/** The site of a draw. */
export interface Site {
  readonly kind: SiteKind;
  page(random: Random): string;
  /** Page `index` of 0..PAGES-1. */
  pageAt(index: number): string;
  bytes(path: string): number;
  /** Assets of a page, with their sec-fetch-dest. */
  assets(random: Random): readonly (readonly [path: string, dest: string])[];
  readonly api: readonly string[];
}

/** Pages of every site. */
export const PAGES = 800;

const popularity = new Zipf(PAGES, 0.9);
const KINDS: readonly SiteKind[] = ["shop", "text", "app"];

/** The site of a seed. */
export function siteOf(seed: number): Site {
  const kind = KINDS[seed % KINDS.length] as SiteKind;
  const pageAt = (index: number): string =>
    index === 0
      ? "/"
      : kind === "shop"
      ? `/p/${(index * 2654435761 % 1e9).toString(36)}?ref=list`
      : kind === "text"
      ? `/wiki/Article_${index}`
      : `/items/${index}`;
  return {
    kind,
    pageAt,
    page: (random) => pageAt(popularity.draw(random)),
    bytes: (path) => 4000 + path.length * 977 % 30_000,
    assets: (random) => {
      switch (kind) {
        case "text":
          return [];
        case "app":
          return [["/bundle", "script"], ["/style", "style"]];
        case "shop":
          return [
            ["/_next/chunk-a", "script"],
            ["/_next/chunk-b", "script"],
            ["/_next/site", "style"],
            ...Array.from(
              { length: 3 + random.below(14) },
              () => [`/image/${random.below(4000)}/w640`, "image"] as const,
            ),
          ];
      }
    },
    api: ["/graphql", "/api/cart", "/api/suggest", "/api/session"],
  };
}

/** A Chromium of `version`; `brand` as its client hints call it. */
export function chromium(
  version: number,
  system: "windows" | "macos" | "linux" | "android",
  brand = "Google Chrome",
  extra = "",
): Pick<Client, "userAgent" | "clientHints" | "tcp"> & { mobile: boolean } {
  const mobile = system === "android";
  const names = {
    windows: ["Windows NT 10.0; Win64; x64", "Windows"],
    macos: ["Macintosh; Intel Mac OS X 10_15_7", "macOS"],
    linux: ["X11; Linux x86_64", "Linux"],
    android: ["Linux; Android 10; K", "Android"],
  } as const;
  const [os, platform] = names[system];
  return {
    mobile,
    tcp: TCP[system],
    userAgent:
      `Mozilla/5.0 (${os}) AppleWebKit/537.36 (KHTML, like Gecko) ${extra}Chrome/${version}.0.0.0${
        mobile ? " Mobile" : ""
      } Safari/537.36`,
    clientHints: {
      ua:
        `"${brand}";v="${version}", "Chromium";v="${version}", "Not)A;Brand";v="8"`,
      platform,
      mobile,
    },
  };
}

/** An address of a home; exits of proxies are among them. */
export function homeAddress(random: Random): IpAddress {
  return `198.${18 + random.below(2)}.${random.below(256)}.${
    1 + random.below(254)
  }` as IpAddress;
}
