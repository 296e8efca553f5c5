/**
 * Pictures of every page for docs/images: both themes, as wide as a desk and as a phone, of the last of two
 * generated days in a store of its own.
 *
 *     deno task screenshots [NAME...]
 *
 * @module
 */
import type { Page } from "playwright-core";
import { sql } from "../lib/sql.ts";
import {
  type Dashboard,
  listening,
  startDashboard,
} from "../tests/support/journey.ts";
import { startStore } from "../tests/support/store.ts";
import { visit } from "../tests/support/visit.ts";
import { startWeb } from "../tests/support/web.ts";
import { userAgentHash } from "../web/data/paths.ts";

const FOLDER = new URL("../docs/images/", import.meta.url);
const SIZES = [
  { width: 1440, height: 1000 },
  { width: 390, height: 844 },
] as const;
/** Of WebP: text stays sharp, a picture has some 60 kB. */
const QUALITY = 70;

async function save(page: Page, name: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", {
    format: "webp",
    quality: QUALITY,
  });
  await Deno.writeFile(
    new URL(`${name}.webp`, FOLDER),
    Uint8Array.fromBase64(data),
  );
  await session.detach();
}

if (import.meta.main) {
  await using dashboard = await startDashboard({ hours: 48, events: 36_000 });
  const { db } = dashboard;
  // Of the day that is shown.
  const [worst] = await db.query<Dashboard["worst"]>(
    sql`SELECT id, replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, ja4, http_host FROM detections FINAL
      WHERE ja4 != '' AND first_seen > now() - INTERVAL 20 HOUR ORDER BY severity DESC, score DESC, id DESC LIMIT 1`,
  );
  if (worst === undefined) throw new Error("the traffic has no detection");
  const [agent] = await db.query<{ user_agent: string }>(
    sql`SELECT user_agent FROM detections FINAL WHERE user_agent LIKE '%Chrome/%' ORDER BY score DESC LIMIT 1`,
  );
  const range = "from=-24h";
  const pages: readonly (readonly [name: string, path: string])[] = [
    ["overview", `/?${range}`],
    ["detections", "/detections"],
    ["detection", `/detections/${worst.id}`],
    ["ja4", `/ja4/${worst.ja4}?${range}`],
    ["address", `/ip/${worst.src_ip}?${range}`],
    ["network", `/asn/64501?${range}`],
    ["country", `/country/NL?${range}`],
    ["host", `/hosts/${worst.http_host}?${range}`],
    ["user-agent", `/ua/${userAgentHash(agent?.user_agent ?? "")}?${range}`],
    ["rules", `/rules?query=ja4:${worst.ja4}`],
    ["lists", `/lists?value=${worst.ja4}`],
    ["explorer", `/explore?q=status:4xx&${range}`],
    ["live", "/live"],
    ["health", "/health"],
    ["settings", "/settings"],
    ["tokens", "/settings/tokens"],
    ["users", "/users"],
    ["audit", "/audit"],
    ["help", "/help"],
    ["api", "/docs/api"],
    ["problem", "/problems/precondition-failed"],
  ];
  await Deno.mkdir(FOLDER, { recursive: true });
  await shoot(dashboard, pages);
  await shootEntry(dashboard);
}

/** Whether the command line asks for a picture. */
function isWanted(name: string): boolean {
  return Deno.args.length === 0 || Deno.args.includes(name);
}

/** Pictures of pages in both themes and both sizes; of those that the command line names, if it names any. */
async function shoot(
  { base, tab: newTab, enter }: Dashboard,
  pages: readonly (readonly [name: string, path: string])[],
): Promise<void> {
  const wanted = pages.filter(([name]) => isWanted(name));
  for (const theme of ["light", "dark"] as const) {
    for (const viewport of SIZES) {
      await using tab = await newTab({ colorScheme: theme, viewport });
      const { page } = tab;
      await enter(page, "/health", "admin");
      for (const [name, path] of wanted) {
        const answer = await page.goto(base + path);
        if (answer?.status() !== 200) {
          throw new Error(`${path} answered ${answer?.status()}`);
        }
        await listening(page);
        // The live numbers are there.
        await page.locator(".live-pulse strong").waitFor({ state: "attached" });
        await save(page, `${name}-${theme}-${viewport.width}`);
      }
    }
  }
}

/** Pictures of what is seen before one is logged in; the first account is made where there is none. */
async function shootEntry({ base, browser }: Dashboard): Promise<void> {
  await using store = await startStore();
  await using empty = await startWeb(store, {}, { accounts: false });
  const fresh = empty.serve();
  const token = await empty.services.firstAdmin.offer() ?? "";
  const pages = [
    ["login", base, "/login"],
    ["setup", fresh.base, `/setup?token=${token}`],
  ] as const;
  for (const [name, server, path] of pages) {
    if (!isWanted(name)) continue;
    for (const colorScheme of ["light", "dark"] as const) {
      for (const viewport of SIZES) {
        await using tab = await visit(browser, server, {
          colorScheme,
          viewport,
        });
        const answer = await tab.page.goto(server + path);
        if (answer?.status() !== 200) {
          throw new Error(`${name} answered ${answer?.status()}`);
        }
        await save(tab.page, `${name}-${colorScheme}-${viewport.width}`);
      }
    }
  }
  await fresh.shutdown();
}
