import assert from "node:assert/strict";
import { readPreferences } from "./preferences.ts";

Deno.test.each([
  { cookie: "", query: "", theme: "system", zone: "UTC" },
  { cookie: "theme=dark", query: "", theme: "dark", zone: "UTC" },
  {
    cookie: "a=b; theme=light; zone=Europe%2FParis",
    query: "?tz=local",
    theme: "light",
    zone: "Europe/Paris",
  },
  { cookie: "zone=Europe%2FParis", query: "", theme: "system", zone: "UTC" },
  {
    cookie: "theme=%22%3E; zone=Mars%2FBase",
    query: "?tz=local",
    theme: "system",
    zone: "UTC",
  },
  { cookie: "zone=%ff", query: "?tz=local", theme: "system", zone: "UTC" },
])(
  "readPreferences() of $cookie and $query",
  ({ cookie, query, theme, zone }) => {
    const found = readPreferences(
      new Headers({ cookie }),
      new URL(`http://site.test/${query}`),
    );
    assert.deepEqual([found.theme, found.zone], [theme, zone]);
  },
);
