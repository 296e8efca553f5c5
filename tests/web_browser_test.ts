/**
 * The dashboard in a real browser: logging in, the theme, live numbers, the drawer of narrow
 * windows, the keyboard, without scripts, and axe's rules on each page in both themes. A message on
 * the browser's console, such as a violation of the policy, is a failure, and so is a request to
 * any other host.
 */
import assert from "node:assert/strict";
import {
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { createOneTimeLogin } from "../lib/accounts.ts";
import type { Database } from "../lib/clickhouse.ts";
import { exists, needs } from "../lib/testing.ts";
import { createApp } from "../web/app.ts";
import { attachBuild } from "../web/testing.ts";
import { startStore } from "./support/store.ts";
import { axeFaults, type Visit, visit } from "./support/visit.ts";
import { startWeb } from "./support/web.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  exists,
);

Deno.test(
  "the dashboard in Chromium",
  // The browser's own timers and pipes outlive the steps.
  {
    ...needs(CHROMIUM !== undefined, "no Chromium"),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async (t) => {
    await using store = await startStore();
    await using web = await startWeb(store);
    await using writer = await store.database("ja4");
    const application = createApp(() => web.services);
    await attachBuild(application);
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      application.handler(),
    );
    const base = `http://127.0.0.1:${server.addr.port}`;
    const browser = await chromium.launch({
      executablePath: CHROMIUM ?? "",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
      ],
    });
    const open = (options: BrowserContextOptions = {}): Promise<Visit> =>
      visit(browser, base, options);
    const enter = async (page: Page, next = "/"): Promise<void> => {
      const token = await createOneTimeLogin(web.app, {
        login: "anne",
        display_name: "Anne",
        role: "analyst",
        expires_s: 60,
      });
      await page.goto(`${base}/login?token=${token}&next=${next}`);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.waitForURL(base + next);
    };

    await t.step(
      "logs in by password, shows who it is, and logs out",
      async () => {
        await using tab = await open();
        const { page } = tab;
        await page.goto(`${base}/detections`);
        assert.equal(new URL(page.url()).pathname, "/login");
        await page.getByLabel("Login").fill("viewer");
        await page.getByLabel("Password").fill("wrong password");
        await page.keyboard.press("Enter");
        await page.getByRole("alert").waitFor();
        tab.faults.length = 0; // the 403 of the wrong password is on the console
        await page.getByLabel("Password").fill("correct horse battery");
        await page.keyboard.press("Enter");
        await page.waitForURL(`${base}/detections`);
        await page.getByRole("button", { name: "viewer" }).click();
        await page.getByRole("button", { name: "Log out" }).click();
        await page.waitForURL(`${base}/login`);
        await page.goBack();
        await page.waitForURL(/\/login/);
        assert.deepEqual(tab.faults, []);
      },
    );

    await t.step("keeps the theme, on the server too", async () => {
      await using tab = await open({ colorScheme: "light" });
      const { page } = tab;
      await enter(page, "/health");
      const background = (): Promise<string> =>
        page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(await background(), "rgb(244, 246, 248)");
      await page.getByRole("button", { name: "Theme: System" }).click();
      await page.getByRole("button", { name: "Dark" }).click();
      await page.getByRole("button", { name: "Theme: Dark" }).waitFor();
      assert.equal(new URL(page.url()).pathname, "/health");
      assert.equal(await background(), "rgb(12, 16, 23)");
      assert.equal(
        await page.locator("html").getAttribute("data-theme"),
        "dark",
      );
      assert.deepEqual(tab.faults, []);
    });

    await t.step(
      "shows numbers that change, over one stream for two tabs",
      async () => {
        await using tab = await open();
        const { page } = tab;
        await enter(page);
        const shown = page.locator(".live-pulse strong");
        await shown.filter({ hasText: /^0$/ }).waitFor();
        await addRequests(writer, 3);
        await shown.filter({ hasText: /^3$/ }).waitFor({ timeout: 2000 });
        const second = await page.context().newPage();
        await second.goto(`${base}/health`);
        await addRequests(writer, 2);
        const there = second.locator(".live-pulse strong");
        await there.filter({ hasText: /^5$/ }).waitFor({ timeout: 2000 });
        assert.equal(web.services.live.streams, 1);
        await page.close();
        await addRequests(writer, 1);
        await there.filter({ hasText: /^6$/ }).waitFor({ timeout: 5000 });
        assert.deepEqual(tab.faults, []);
      },
    );

    await t.step("can be used by keyboard alone", async () => {
      await using tab = await open();
      const { page } = tab;
      await enter(page, "/health");
      await page.keyboard.press("Tab");
      await page.getByRole("link", { name: "Skip to the content" }).press(
        "Enter",
      );
      assert.equal(
        await page.evaluate(() => document.activeElement?.id),
        "main",
      );
      await page.locator("body").press("/");
      assert.equal(
        await page.evaluate(() => document.activeElement?.id),
        "search",
      );
      await page.keyboard.type("/ip");
      assert.equal(await page.locator("#search").inputValue(), "/ip");
      assert.deepEqual(tab.faults, []);
    });

    await t.step(
      "opens its navigation as a drawer, and fits 320 px",
      async () => {
        await using tab = await open({ viewport: { width: 320, height: 640 } });
        const { page } = tab;
        await enter(page, "/health");
        const wide = await page.evaluate(() =>
          document.documentElement.scrollWidth
        );
        assert.equal(wide, 320);
        const link = page.getByRole("link", { name: "Detections" }).first();
        assert.ok(!await link.isVisible());
        await page.getByRole("button", { name: "Pages" }).click();
        await link.click();
        await page.waitForURL(/\/detections/);
        assert.deepEqual(tab.faults, []);
      },
    );

    await t.step("works without scripts", async () => {
      await using tab = await open({ javaScriptEnabled: false });
      const { page } = tab;
      await enter(page, "/health");
      await page.getByRole("link", { name: "Overview" }).first().click();
      await page.waitForURL(`${base}/`);
      await page.getByRole("button", { name: /^Theme/ }).click();
      await page.getByRole("button", { name: "Light" }).click();
      await page.getByRole("button", { name: "Theme: Light" }).waitFor();
      assert.deepEqual(tab.faults, []);
    });

    for (const colorScheme of ["light", "dark"] as const) {
      for (const width of [1440, 360]) {
        await t.step(
          `has no fault that axe knows, ${colorScheme} at ${width} px`,
          async () => {
            await using tab = await open({
              colorScheme,
              viewport: { width, height: 900 },
            });
            const { page } = tab;
            await page.goto(`${base}/login`);
            assert.deepEqual(await axeFaults(page), [], "/login");
            await enter(page, "/nowhere");
            assert.deepEqual(await axeFaults(page), [], "/nowhere");
            await page.getByRole("button", { name: /^Theme/ }).click();
            assert.deepEqual(await axeFaults(page), [], "the menu of themes");
          },
        );
      }
    }

    await browser.close();
    await server.shutdown();
  },
);

/** Stores requests that begin now. */
async function addRequests(database: Database, count: number): Promise<void> {
  const ts = new Date().toISOString().slice(0, -1).replace("T", " ");
  await database.insertRows(
    "http_events",
    Array.from({ length: count }, () => ({
      ts,
      event_id: crypto.randomUUID(),
      match: "conn",
      src_ip: "::ffff:192.0.2.1",
      http_method: "GET",
      http_host: "shop.example",
      url_path: "/",
      status_code: 200,
    })),
  );
}
