/**
 * Live at 500 requests a second: every request is counted once, by all tabs of a browser over one stream;
 * the page stands still where one reads; it comes back after the dashboard was gone.
 *
 * J9 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { eventually } from "../../lib/testing.ts";
import { startDashboard, timeText, WITH_BROWSER } from "../support/journey.ts";

/** Seconds of traffic; `JA4_TEST_LIVE=hour` takes a minute of it. */
const SECONDS = Deno.env.get("JA4_TEST_LIVE") === "hour" ? 60 : 6;
const PER_SECOND = 500;

Deno.test("Live in a browser", WITH_BROWSER, async (t) => {
  await using dashboard = await startDashboard({ hours: 0 });
  const { base, db } = dashboard;
  await using tab = await dashboard.tab({
    viewport: { width: 1440, height: 900 },
  });
  const { page } = tab;
  const asked = page.waitForRequest(/requests=1/);
  await dashboard.enter(page, "/live");
  await asked;
  // The first snapshot comes after the first reading: requests count from there on.
  await page.locator(".live-pulse strong").waitFor();
  await page.locator(".live-mark:not(.is-bad)").first().waitFor();
  await insert(db, 1, "first");
  await counted(page, "received", 1);

  await t.step(
    "counts every request that is stored, and shows the newest",
    async () => {
      for (let second = 0; second < SECONDS; second++) {
        const startMs = performance.now();
        await insert(db, PER_SECOND, `s${second}`);
        const restMs = 1000 - (performance.now() - startMs);
        await new Promise((resolve) =>
          setTimeout(resolve, Math.max(0, restMs))
        );
      }
      const all = SECONDS * PER_SECOND + 1;
      await counted(page, "received", all, "lost");
      const [row] = await db.query<{ n: number }>(
        sql`SELECT toUInt32(count()) AS n FROM http_events WHERE sensor = 'live'`,
      );
      assert.equal(row?.n, all);
      assert.equal(await page.locator(".live-box tbody tr").count(), 200);
    },
  );

  await t.step(
    "stands still where one has scrolled, says how many wait, and goes on",
    async () => {
      const box = page.locator(".live-box");
      await box.evaluate((element) => element.scrollTop = 400);
      await page.locator(".live-paused").waitFor();
      const first = await page.locator(".live-box tbody tr").first()
        .innerText();
      await insert(db, 40, "paused");
      await counted(page, "waiting", 40);
      assert.equal(
        await page.locator(".live-box tbody tr").first().innerText(),
        first,
      );
      await page.locator(".live-paused").getByRole("button", { name: "Go on" })
        .click();
      await page.locator(".live-paused").waitFor({ state: "detached" });
      assert.match(
        await page.locator(".live-box tbody tr").first().innerText(),
        /\/paused\//,
      );
      await page.locator("h1").click();
      await page.keyboard.press("Space");
      await page.locator(".live-paused").waitFor();
      await page.keyboard.press("Space");
      await page.locator(".live-paused").waitFor({ state: "detached" });
    },
  );

  await t.step("filters in the browser, and says what it cannot", async () => {
    await page.locator("#query").fill("path:/odd/*");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    const before = await numberOf(page, "filtered");
    await insert(db, 10, "odd");
    await insert(db, 10, "even");
    await counted(page, "filtered", before + 10);
    assert.equal(await page.locator(".live-box tbody tr").count(), 10);
    assert.match(page.url(), /q=path/);
    await page.locator("#query").fill("score>0.5");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    assert.match(await page.locator("#live-fault").innerText(), /Explorer/);
  });

  await t.step("eight tabs load, and share one stream", async () => {
    const context = page.context();
    const others: Page[] = [];
    for (let i = 0; i < 7; i++) {
      const other = await context.newPage();
      others.push(other);
      await other.goto(`${base}/live`, { timeout: 15_000 });
    }
    const before = await numberOf(others[6] ?? page, "received");
    await insert(db, 25, "tabs");
    for (const other of others) {
      await eventually(
        "the other tabs",
        async () => await numberOf(other, "received") >= before + 25,
      );
    }
    assert.equal(dashboard.web.services.live.streams, 1);
    for (const other of others) await other.close();
  });

  await t.step("comes back by itself when the database does", async () => {
    await dashboard.store.kill();
    await page.locator(".live-counts .is-bad").waitFor({ timeout: 20_000 });
    await dashboard.store.restart();
    await page.locator(".live-counts .live-mark:not(.is-bad)").waitFor({
      timeout: 20_000,
    });
    const before = await numberOf(page, "received");
    await insert(db, 5, "again");
    await eventually(
      "new requests",
      async () => await numberOf(page, "received") >= before + 5,
    );
  });

  assert.deepEqual(tab.faults, []);
});

/** Stores requests of now. */
async function insert(
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

async function numberOf(page: Page, name: string): Promise<number> {
  const text = await page.locator(`[data-count="${name}"]`).first().innerText();
  return Number(text.replace(/\D/g, ""));
}

/** Waits until a count is `want`; with `lost`, what was lost counts too. */
async function counted(
  page: Page,
  name: string,
  want: number,
  lost?: string,
): Promise<void> {
  let seen = -1;
  try {
    await eventually(`${want} ${name}`, async () => {
      seen = await numberOf(page, name) +
        (lost === undefined ? 0 : await numberOf(page, lost));
      return seen >= want;
    }, 30_000);
  } catch (cause) {
    const counts = await page.locator(".live-counts").innerText();
    throw new Error(`${want} ${name}: the page says "${counts}"`, { cause });
  }
  assert.equal(seen, want);
}
