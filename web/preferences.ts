/** What a browser asks of every page: colours and time zone. No secret, so plain cookies. @module */
import { readCookie } from "./cookies.ts";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = typeof THEMES[number];

export const DENSITIES = ["compact", "cosy"] as const;
export type Density = typeof DENSITIES[number];

export interface Preferences {
  readonly theme: Theme;
  readonly density: Density;
  /** Whether single keys are commands (WCAG 2.2, criterion 2.1.4). */
  readonly keys: boolean;
  /** How times are shown: parameter `tz` of the URL. */
  readonly tz: "utc" | "local";
  /** IANA name of the zone to show times in: `UTC`, or the browser's where `tz` is `local`. */
  readonly zone: string;
}

/** Cookies that hold the theme, the density and, where the keys are off, that. */
export const THEME_COOKIE = "theme";
export const DENSITY_COOKIE = "density";
export const KEYS_COOKIE = "keys";
/** Cookie in which the browser's own script leaves the name of its time zone, URI-encoded. */
export const ZONE_COOKIE = "zone";

/** Reads a request's preferences; what is not understood counts as not given. */
export function readPreferences(headers: Headers, url: URL): Preferences {
  const tz = url.searchParams.get("tz") === "local" ? "local" : "utc";
  return {
    theme: parseTheme(readCookie(headers, THEME_COOKIE)) ?? "system",
    density: parseDensity(readCookie(headers, DENSITY_COOKIE)) ?? "compact",
    keys: readCookie(headers, KEYS_COOKIE) !== "off",
    tz,
    zone: tz === "utc"
      ? "UTC"
      : parseZone(readCookie(headers, ZONE_COOKIE)) ?? "UTC",
  };
}

/** One of {@linkcode THEMES}, or undefined. */
export function parseTheme(text: string | undefined): Theme | undefined {
  return THEMES.find((theme) => theme === text);
}

/** One of {@linkcode DENSITIES}, or undefined. */
export function parseDensity(text: string | undefined): Density | undefined {
  return DENSITIES.find((density) => density === text);
}

function parseZone(text: string | undefined): string | undefined {
  if (text === undefined || text.length > 64) return undefined;
  try {
    const zone = decodeURIComponent(text);
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return undefined;
  }
}
