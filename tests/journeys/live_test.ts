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
import type { LiveRow } from "../../web/live.ts";
import { LiveHub } from "../../web/live_hub.ts";
import { askLive } from "../../web/live_query.ts";
import { BATCH_MAX } from "../../web/live_tail.ts";
import { insertNow, startDashboard, WITH_BROWSER } from "../support/journey.ts";
import { visit } from "../support/visit.ts";
import { startWeb } from "../support/web.ts";

/** `JA4_TEST_LIVE=hour`: a minute as it comes, and an hour compressed in time. */
const HOUR = Deno.env.get("JA4_TEST_LIVE") === "hour";
/** Seconds of traffic as it comes. */
const SECONDS = HOUR ? 60 : 4;
/** Seconds of traffic that are compressed: an hour, or two minutes. */
const COMPRESSED = HOUR ? 3600 : 120;
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
  await page.locator(".live-pulse strong").waitFor();
  const start = await reading(page, db);

  await t.step(
    "counts every request that is stored, and shows the newest",
    async () => {
      for (let second = 0; second < SECONDS; second++) {
        const startMs = performance.now();
        await insertNow(db, PER_SECOND, `s${second}`);
        const restMs = 1000 - (performance.now() - startMs);
        await new Promise((resolve) =>
          setTimeout(resolve, Math.max(0, restMs))
        );
      }
      const all = SECONDS * PER_SECOND;
      await counted(page, "received", start + all, "lost");
      const [row] = await db.query<{ n: number }>(
        sql`SELECT toUInt32(count()) AS n FROM http_events
          WHERE sensor = 'live' AND url_path LIKE '/s%'`,
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
      await insertNow(db, 40, "paused");
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
    await insertNow(db, 10, "odd");
    await insertNow(db, 10, "even");
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
    await insertNow(db, 25, "tabs");
    for (const other of others) {
      await eventually(
        "the other tabs",
        async () => await numberOf(other, "received") >= before + 25,
      );
    }
    assert.equal(dashboard.web.services.live.streams, 1);
    for (const other of others) await other.close();
  });

  await t.step(
    "goes on where it was with the dashboard's next process",
    async () => {
      const before = await startWeb(dashboard.store, {}, { accounts: false });
      const served = before.serve();
      await using other = await visit(dashboard.browser, served.base, {});
      const [name = "", value = ""] = (await before.signIn("analyst")).split(
        "=",
      );
      await other.page.context().addCookies([
        { name, value, url: served.base },
      ]);
      await other.page.goto(`${served.base}/live`);
      await reading(other.page, db);
      const again = other.page.waitForRequest(async (request) =>
        request.url().includes("requests=1") &&
        "last-event-id" in await request.allHeaders()
      );
      await served.shutdown();
      await before[Symbol.asyncDispose]();
      await using after = await startWeb(dashboard.store, {}, {
        accounts: false,
      });
      const next = after.serve(Number(new URL(served.base).port));
      const headers = await (await again).allHeaders();
      assert.match(headers["last-event-id"] ?? "", /^\d+\.\d+$/);
      await eventually(
        "the stream",
        () => Promise.resolve(after.services.live.streams === 1),
      );
      await other.page.locator(".live-mark:not(.is-bad)").first().waitFor();
      const there = await numberOf(other.page, "received");
      await eventually("new requests", async () => {
        await insertNow(db, 1, "after");
        return await numberOf(other.page, "received") > there;
      });
      await next.shutdown();
    },
  );

  await t.step("an hour leaves the page's memory as it was", async () => {
    let stored = 0;
    const failures: unknown[] = [];
    const hub = new LiveHub({
      ask: () => askLive(dashboard.web.db),
      askTail() {
        const count = stored < COMPRESSED * PER_SECOND ? BATCH_MAX : 0;
        stored += count;
        return Promise.resolve({ rows: generated(stored, count), missed: 0 });
      },
      nowMs: Date.now,
      onFailure: (thrown) => void failures.push(thrown),
      onStreams: () => {},
      intervalMs: 50,
    });
    const services = dashboard.web.services as { live: LiveHub };
    const { live } = services;
    services.live = hub;
    await using other = await visit(dashboard.browser, base, {});
    await dashboard.enter(other.page, "/live");
    const session = await other.page.context().newCDPSession(other.page);
    const came = async (): Promise<number> =>
      await numberOf(other.page, "received") +
      await numberOf(other.page, "lost");
    const heapMb = async (): Promise<number> => {
      await session.send("HeapProfiler.collectGarbage");
      await session.send("HeapProfiler.collectGarbage");
      return (await session.send("Runtime.getHeapUsage")).usedSize / 1e6;
    };
    const all = COMPRESSED * PER_SECOND;
    await eventually(
      "the first tenth",
      async () => await came() >= all / 10,
      120_000,
    );
    const early = await heapMb();
    await eventually("all of it", async () => await came() >= all, 480_000);
    const late = await heapMb();
    assert.equal(await came(), all, "every request is counted once");
    assert.ok(late - early <= 30, `from ${early} MB to ${late} MB`);
    if (HOUR) {
      // deno-lint-ignore no-console -- the figures are what the long run is for
      console.log(
        `an hour: from ${early.toFixed(1)} MB to ${
          late.toFixed(1)
        } MB, ${await numberOf(
          other.page,
          "lost",
        )} of ${all} not sent`,
      );
    }
    assert.deepEqual(failures, []);
    services.live = live;
    hub[Symbol.dispose]();
  });

  await t.step("comes back by itself when the database does", async () => {
    await dashboard.store.kill();
    await page.locator(".live-counts .is-bad").waitFor({ timeout: 20_000 });
    await dashboard.store.restart();
    await page.locator(".live-counts .live-mark:not(.is-bad)").waitFor({
      timeout: 20_000,
    });
    const before = await numberOf(page, "received");
    await insertNow(db, 5, "again");
    await eventually(
      "new requests",
      async () => await numberOf(page, "received") >= before + 5,
    );
  });

  assert.deepEqual(tab.faults, []);
});

/** The last `count` of `stored` rows as the stream carries them. */
function generated(stored: number, count: number): LiveRow[] {
  return Array.from({ length: count }, (_, index) => ({
    event_id: String(stored - count + index),
    ts: Date.now() * 1000,
    src_ip: `192.0.2.${index % 256}`,
    ja4: "t13d1516h2_8daaf6152771_b186095e22b6",
    ja4_client: "chrome",
    match: "conn",
    http_method: "GET",
    http_host: "live.example.com",
    url_path: `/hour/${stored - count + index}`,
    url_query: "",
    status_code: 200,
    user_agent: "live/1.0",
    asn: 64501,
    country: "DE",
    response_bytes: 1000,
    duration_us: 1500,
    http_version: "2",
  }));
}

/**
 * Stores requests until the page has received one: those from before its stream was read are no news. Then one
 * more, behind which all that were stored have been counted. Returns how many have.
 */
async function reading(page: Page, db: Database): Promise<number> {
  await eventually("the stream", async () => {
    await insertNow(db, 1, "first");
    return await numberOf(page, "received") > 0;
  });
  await insertNow(db, 1, "last");
  await page.locator(".live-box tbody tr", { hasText: "/last/" }).first()
    .waitFor();
  return await numberOf(page, "received");
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
