/**
 * The dashboard as a person meets it: the real application on a real store with a seeded day, served on
 * a port, and a browser in front of it. What the journeys share.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { createOneTimeLogin, type Role } from "../../lib/accounts.ts";
import type { Database } from "../../lib/clickhouse.ts";
import type { UnixMicros } from "../../lib/events.ts";
import { sql } from "../../lib/sql.ts";
import { needs } from "../../lib/testing.ts";
import { createApp } from "../../web/app.ts";
import type { ServiceParts } from "../../web/main.ts";
import { attachBuild } from "../../web/testing.ts";
import { findChromium, startBrowser } from "./browser.ts";
import { seedTraffic } from "./seed.ts";
import { startStore, type Store } from "./store.ts";
import { type Visit, visit } from "./visit.ts";
import { startWeb, type Web } from "./web.ts";

/** What a journey starts with. */
export interface DashboardOptions {
  /** Of seeded traffic; 0 leaves the store empty. @default 3 */
  readonly hours?: number;
  /** About how many requests. @default 6000 */
  readonly events?: number;
  /** Parts of the application other than those of every test. */
  readonly parts?: Partial<ServiceParts>;
}

/** A running dashboard and its visitors. */
export interface Dashboard extends AsyncDisposable {
  readonly store: Store;
  readonly web: Web;
  /** As the user that owns the tables. */
  readonly db: Database;
  /** `http://127.0.0.1:port`, without a slash. */
  readonly base: string;
  readonly browser: Browser;
  /** The detection at the top of the inbox that has a JA4; empty texts without traffic. */
  readonly worst: {
    readonly id: string;
    readonly src_ip: string;
    readonly ja4: string;
    readonly http_host: string;
  };
  /** A tab with a profile of its own. */
  tab(options?: BrowserContextOptions): Promise<Visit>;
  /** Logs a tab in and opens `path`. */
  enter(page: Page, path: string, role?: Role): Promise<void>;
}

/** Options of a Deno.test with a browser in it: the browser's own timers and pipes outlive the steps. */
export const WITH_BROWSER = {
  ...needs(findChromium() !== undefined, "no Chromium"),
  sanitizeOps: false,
  sanitizeResources: false,
};

/** Starts it. */
export async function startDashboard(
  { hours = 3, events = 6000, parts = {} }: DashboardOptions = {},
): Promise<Dashboard> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(await startStore());
  const db = stack.use(await store.database("ja4"));
  const web = stack.use(await startWeb(store, parts));
  if (hours > 0) {
    await seedTraffic(db, {
      hours,
      events,
      end: Date.now() * 1000 as UnixMicros,
    });
  }
  const [worst] = await db.query<Dashboard["worst"]>(
    sql`SELECT id, replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, ja4, http_host FROM detections FINAL
      WHERE ja4 != '' ORDER BY severity DESC, score DESC, id DESC LIMIT 1`,
  );
  assert(hours === 0 || worst !== undefined, "the traffic has no detection");
  const application = createApp(() => web.services);
  await attachBuild(application);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    application.handler(),
  );
  stack.defer(() => server.shutdown());
  // Streams of the live numbers would keep the server open.
  stack.defer(() => web.services.live[Symbol.dispose]());
  const browser = await startBrowser();
  stack.defer(() => browser.close());
  const base = `http://127.0.0.1:${server.addr.port}`;
  const owned = stack.move();
  return {
    store,
    web,
    db,
    base,
    browser,
    worst: worst ?? { id: "", src_ip: "", ja4: "", http_host: "" },
    tab: (options = {}) => visit(browser, base, options),
    async enter(page, path, role = "analyst") {
      const token = await createOneTimeLogin(web.app, {
        login: `anne-${role}`,
        display_name: "Anne",
        role,
        expires_s: 60,
      });
      const next = encodeURIComponent(path);
      await page.goto(`${base}/login?token=${token}&next=${next}`);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.waitForURL(base + path);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** An instant as ClickHouse reads a DateTime64: a bare number would be read as ticks. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

/** Stores requests of now, each with a path of `/NAME/0` and up. */
export async function insertNow(
  db: Database,
  count: number,
  name: string,
): Promise<void> {
  const nowMs = Date.now();
  await db.insertRows(
    "http_events",
    Array.from({ length: count }, (_, index) => ({
      ts: timeText(nowMs),
      event_id: crypto.randomUUID(),
      sensor: "live",
      match: "none",
      src_ip: "192.0.2.1",
      client_ip: "192.0.2.1",
      http_method: "GET",
      http_host: "live.example.com",
      url_path: `/${name}/${index}`,
      status_code: 200,
      user_agent: "live/1.0",
    })),
  );
}

/** Waits until every island of the page that takes keys or text listens to them. */
export async function listening(page: Page): Promise<void> {
  await page.locator("[data-listens=yes]").first().waitFor({
    state: "attached",
  });
  await page.locator("[data-listens=no]").first().waitFor({
    state: "detached",
  });
}

/** Two keys that belong together, pressed as fast as a person does, however busy the page is. */
export async function chord(
  page: Page,
  first: string,
  second: string,
): Promise<void> {
  await listening(page);
  await Promise.all([
    page.keyboard.press(first),
    page.keyboard.press(second),
  ]);
}
