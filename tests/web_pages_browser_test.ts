/**
 * The pages in a real browser on a generated morning: axe's rules in both themes, the keys, triage
 * without scripts, live numbers, and what a page may weigh.
 */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { chromium, type Page } from "playwright-core";
import { createOneTimeLogin } from "../lib/accounts.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql } from "../lib/sql.ts";
import { needs } from "../lib/testing.ts";
import { createApp } from "../web/app.ts";
import { attachBuild } from "../web/testing.ts";
import { findChromium } from "./support/browser.ts";
import { seedTraffic } from "./support/seed.ts";
import { startStore } from "./support/store.ts";
import { axeFaults, visit } from "./support/visit.ts";
import { startWeb } from "./support/web.ts";

/** What a page may weigh, KiB compressed. */
interface Budget {
  readonly script: number;
  readonly stylesheet: number;
  readonly document: number;
}
const ENTITY: Budget = { script: 26, stylesheet: 10, document: 14 };

const CHROMIUM = findChromium();

Deno.test(
  "the pages in Chromium",
  // The browser's own timers and pipes outlive the steps.
  {
    ...needs(CHROMIUM !== undefined, "no Chromium"),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async (t) => {
    await using store = await startStore();
    await using web = await startWeb(store);
    await using db = await store.database("ja4");
    await seedTraffic(db, {
      hours: 3,
      events: 6000,
      end: Date.now() * 1000 as UnixMicros,
    });
    const application = createApp(() => web.services);
    await attachBuild(application);
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      application.handler(),
    );
    const base = `http://127.0.0.1:${server.addr.port}`;
    const browser = await chromium.launch({
      executablePath: CHROMIUM ?? "",
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
    });
    const enter = async (page: Page, next: string): Promise<void> => {
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
    const [worst] = await db.query<{ id: string; src_ip: string; ja4: string }>(
      sql`SELECT id, replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, ja4 FROM detections FINAL
        WHERE ja4 != '' ORDER BY severity DESC, score DESC LIMIT 1`,
    );
    assert(worst !== undefined);
    const paths = [
      "/",
      "/detections",
      `/detections/${worst.id}`,
      `/ip/${worst.src_ip}`,
      `/ja4/${worst.ja4}`,
      "/health",
      "/search?q=***",
    ];
    const budgets: readonly (readonly [string, Budget])[] = [
      // A whole day: as many columns as a chart may have.
      ["/?from=-24h", { script: 24, stylesheet: 10, document: 14 }],
      ["/detections", { script: 30, stylesheet: 10, document: 12 }],
      [`/detections/${worst.id}`, ENTITY],
      [`/ip/${worst.src_ip}`, ENTITY],
      [`/ja4/${worst.ja4}`, ENTITY],
      ["/health", { script: 16, stylesheet: 10, document: 6 }],
    ];
    const inState = async (state: string): Promise<number> => {
      const [row] = await db.query<{ n: number }>(
        sql`SELECT toUInt32(count()) AS n FROM detections_current WHERE state = ${state}`,
      );
      return row?.n ?? 0;
    };

    for (const colorScheme of ["light", "dark"] as const) {
      for (const width of [1440, 360]) {
        await t.step(
          `break no rule that axe knows and fit, ${colorScheme} at ${width} px`,
          async () => {
            await using tab = await visit(browser, base, {
              colorScheme,
              viewport: { width, height: 900 },
            });
            const { page } = tab;
            await enter(page, "/health");
            for (const path of paths) {
              await page.goto(base + path);
              if (path.startsWith("/search")) tab.faults.length = 0; // its 404 is on the console
              assert.deepEqual(await axeFaults(page), [], path);
              const wide = await page.evaluate(() =>
                document.documentElement.scrollWidth
              );
              assert.equal(wide, width, path);
              assert.deepEqual(tab.faults, [], path);
            }
          },
        );
      }
    }

    await t.step("weigh no more than their budgets", async () => {
      await using tab = await visit(browser, base, {});
      const { page } = tab;
      await enter(page, "/health");
      for (const [path, budget] of budgets) {
        const weights = await weightsOf(page, base + path);
        for (const kind of ["script", "stylesheet", "document"] as const) {
          const weight = weights[kind] / 1024;
          assert.ok(
            weight > 0 && weight <= budget[kind],
            `${path}: ${kind} of ${weight.toFixed(1)} KiB, budget ${
              budget[kind]
            }`,
          );
        }
      }
    });

    await t.step(
      "inbox by keys: j x j x e u archives two and restores what they were",
      async () => {
        await using tab = await visit(browser, base, {});
        const { page } = tab;
        await enter(page, "/detections");
        const rows = page.locator("a[data-row]");
        const ids = await rows.evaluateAll((links) =>
          links.slice(0, 3).map((link) => link.getAttribute("data-row"))
        );
        await listening(page);
        // One of the two is acknowledged: that is what undoing has to bring back.
        await page.keyboard.press("j");
        await page.keyboard.press("a");
        await page.getByText("1 detection acknowledged").waitFor();
        assert.equal(await inState("acknowledged"), 1);
        await page.goto(`${base}/detections`);
        await listening(page);
        for (const key of ["j", "x", "j", "x"]) await page.keyboard.press(key);
        await page.getByText("2 selected").waitFor();
        await page.keyboard.press("e");
        await page.getByRole("status").filter({
          hasText: "2 detections archived",
        })
          .waitFor();
        assert.equal(await inState("archived"), 2);
        assert.equal(await rows.first().getAttribute("data-row"), ids[2]);
        // The cursor is where it was, so that the hands stay on the keys.
        await page.waitForFunction(() =>
          document.activeElement?.hasAttribute("data-row")
        );
        await listening(page);
        await page.keyboard.press("u");
        await page.getByRole("status").filter({
          hasText: "2 detections as before",
        }).waitFor();
        assert.equal(await inState("archived"), 0);
        assert.equal(await inState("acknowledged"), 1);
        assert.equal(await rows.first().getAttribute("data-row"), ids[0]);
        assert.deepEqual(tab.faults, []);
      },
    );

    await t.step("all that match is the list as it was looked at", async () => {
      await using tab = await visit(browser, base, {});
      const { page } = tab;
      const host = "frozen.example.com";
      const arrive = (id: string, first_seen: number): Promise<void> =>
        db.insertRows("detections", [{
          id,
          first_seen: timeText(first_seen),
          last_seen: timeText(first_seen),
          src_ip: "198.51.100.9",
          http_host: host,
          severity: "low",
          title: id,
          rev: 1,
        }]);
      const before = Date.now() - 60_000;
      await arrive("D-FRZN0001", before);
      await arrive("D-FRZN0002", before);
      const take = async (): Promise<void> => {
        await page.getByLabel(/all \d that match/).check();
        await page.getByRole("button", { name: "Archive" }).click();
      };
      await enter(page, `/detections?host=${host}`);
      // It begins after the list was made: nobody has seen it.
      await arrive("D-FRZN0003", Date.now() + 1000);
      await take();
      await page.getByRole("status").filter({
        hasText: "2 detections archived",
      }).waitFor();
      assert.deepEqual(
        await page.locator("a[data-row]").evaluateAll((links) =>
          links.map((link) => link.getAttribute("data-row"))
        ),
        ["D-FRZN0003"],
      );
      await page.getByRole("button", { name: "Undo" }).click();
      await page.getByText("2 detections as before").waitFor();
      assert.deepEqual(tab.faults, []);

      // Another one that began earlier turns up: the count is not what was agreed to.
      await page.goto(`${base}/detections?host=${host}&to=now&from=-10m`);
      await arrive("D-FRZN0004", before);
      await take();
      await page.getByText("The list has changed").waitFor();
      const [row] = await db.query<{ n: number }>(
        sql`SELECT toUInt32(count()) AS n FROM detections_current
          WHERE http_host = ${host} AND state = 'archived'`,
      );
      assert.equal(row?.n, 0);
    });

    await t.step("mine is what I took", async () => {
      await using tab = await visit(browser, base, {});
      const { page } = tab;
      await enter(page, "/detections");
      await listening(page);
      const first = page.locator("a[data-row]").first();
      const id = await first.getAttribute("data-row");
      await page.keyboard.press("j");
      await page.keyboard.press("m");
      await page.getByText("1 detection assigned to you").waitFor();
      await page.getByRole("link", { name: /^Mine/ }).click();
      assert.equal(
        await page.locator(`a[data-row="${id}"]`).count(),
        1,
      );
      await page.getByRole("checkbox").nth(0).check();
      await page.getByRole("button", { name: "Unassign" }).click();
      await page.getByText("Nothing is assigned to you").waitFor();
      assert.deepEqual(tab.faults, []);
    });

    await t.step("keys can be turned off, and leave fields alone", async () => {
      await using tab = await visit(browser, base, {});
      const { page } = tab;
      await enter(page, "/detections");
      await listening(page);
      await page.getByRole("button", { name: "Turn keys off" }).click();
      await page.keyboard.press("j");
      await page.keyboard.press("e");
      assert.equal(new URL(page.url()).pathname, "/detections");
      assert.equal(await inState("archived"), 0);
      await page.getByRole("button", { name: "Turn keys on" }).click();
      await page.locator("#search").fill("");
      await page.locator("#search").press("e");
      assert.equal(await page.locator("#search").inputValue(), "e");
      await page.locator("#search").blur();
      await page.keyboard.press("j");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/detections\/D-/);
      assert.deepEqual(tab.faults, []);
    });

    await t.step("one detection by keys: verdict, note, escalate", async () => {
      await using tab = await visit(browser, base, {});
      const { page } = tab;
      await enter(page, `/detections/${worst.id}`);
      await listening(page);
      await page.keyboard.press("1");
      await page.getByText("said: true positive").waitFor();
      await page.getByLabel("Note").fill("told the shop <b>today</b>");
      await page.getByRole("button", { name: "Add note" }).click();
      await page.getByText("told the shop <b>today</b>").waitFor();
      await listening(page);
      await page.locator("body").press("s");
      await page.getByText("escalated it").waitFor();
      assert.equal(await inState("escalated"), 1);
      assert.deepEqual(tab.faults, []);
    });

    await t.step("triage works without scripts", async () => {
      await using tab = await visit(browser, base, {
        javaScriptEnabled: false,
      });
      const { page } = tab;
      await enter(page, "/detections");
      assert.ok(!await page.locator(".copy").first().isVisible());
      await page.getByRole("checkbox").nth(1).check();
      await page.getByRole("button", { name: "Archive" }).click();
      await page.getByRole("status").filter({ hasText: "1 detection archived" })
        .waitFor();
      assert.equal(await inState("archived"), 1);
      await page.goto(`${base}/`);
      await page.getByText("Requests by traffic class").first().waitFor({
        state: "attached",
      });
      await page.getByText("View as table").first().click();
      assert.ok(await page.locator(".as-table table").first().isVisible());
      assert.deepEqual(tab.faults, []);
    });

    await t.step("Overview shows a new request without a reload", async () => {
      await using tab = await visit(browser, base, {});
      const { page } = tab;
      await enter(page, "/");
      await db.insertRows("http_events", [{
        ts: timeText(Date.now()),
        event_id: crypto.randomUUID(),
        match: "conn",
        src_ip: "198.51.100.77",
        client_ip: "198.51.100.77",
        http_method: "GET",
        http_host: "live.example.com",
        url_path: "/<b>now</b>",
        status_code: 200,
        ja4: worst.ja4,
      }]);
      const row = page.locator(".live-requests tr", {
        hasText: "198.51.100.77",
      });
      await row.waitFor({ timeout: 4000 });
      assert.match(await row.innerText(), /<b>now<\/b>/);
      await row.getByRole("link", { name: "198.51.100.77" }).click();
      await page.waitForURL(/\/ip\/198\.51\.100\.77/);
      assert.deepEqual(tab.faults, []);
    });

    await t.step(
      "live turns stale with the database and the stream",
      async () => {
        await using tab = await visit(browser, base, {});
        const { page } = tab;
        await enter(page, "/");
        const mark = page.locator(".live-line .live-mark");
        const says = (text: RegExp): Promise<void> =>
          mark.filter({ hasText: text }).waitFor({ timeout: 15_000 });
        await says(/^live$/);
        await store.stop();
        await says(/^stale, \d+\u202f?\s?s$/);
        await store.restart();
        await says(/^live$/);
        web.services.live[Symbol.dispose]();
        await says(/^stale, /);
        assert.equal(
          await mark.getAttribute("title"),
          "The dashboard does not answer",
        );
      },
    );

    await browser.close();
    await server.shutdown();
  },
);

/** An instant as ClickHouse reads a DateTime64. */
function timeText(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

/** Waits until the page's island listens to the keys. */
async function listening(page: Page): Promise<void> {
  await page.locator("[data-keys-ready]").waitFor({ state: "attached" });
}

/** Bytes of what a page loads by kind, each file compressed by itself. */
async function weightsOf(
  page: Page,
  url: string,
): Promise<Record<keyof Budget, number>> {
  const answer = await page.goto(url);
  assert(answer !== null);
  // The islands' scripts are asked for together; LivePulse is on every page.
  await page.waitForFunction(() =>
    performance.getEntriesByType("resource")
      .some(({ name }) => name.endsWith("/islands/LivePulse.js"))
  );
  const names = await page.evaluate(() =>
    performance.getEntriesByType("resource").map(({ name }) => name)
  );
  const weigh = async (end: string): Promise<number> => {
    const files = names.filter((name) => new URL(name).pathname.endsWith(end));
    const bodies = await Promise.all(
      files.map(async (name) => (await fetch(name)).bytes()),
    );
    return bodies.reduce((sum, body) => sum + gzipSync(body).byteLength, 0);
  };
  return {
    script: await weigh(".js"),
    stylesheet: await weigh(".css"),
    document: gzipSync(await answer.body()).byteLength,
  };
}
