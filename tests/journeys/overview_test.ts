/**
 * The way of an analyst through the pages: a stretch of the chart becomes the range and the way back
 * restores it; from value to value without losing a filter or the range; live numbers and when they stop.
 *
 * J2, J7 and J12 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Database } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import {
  listening,
  startDashboard,
  timeText,
  WITH_BROWSER,
} from "../support/journey.ts";
import { axeFaults, visit } from "../support/visit.ts";
import { startWeb } from "../support/web.ts";

Deno.test("through the pages in a browser", WITH_BROWSER, async (t) => {
  await using dashboard = await startDashboard();
  const { base, db, store, web, worst } = dashboard;

  await t.step(
    "a stretch of the chart is the range: reload keeps its numbers, back restores",
    async () => {
      await using tab = await dashboard.tab({
        viewport: { width: 1440, height: 900 },
      });
      const { page } = tab;
      await dashboard.enter(page, "/?from=-6h");
      const before = await requestsShown(page);
      const brush = page.locator(".brush").first();
      await page.locator("[data-brush-ready]").first().waitFor();
      const box = await brush.boundingBox();
      assert(box !== null);
      const y = box.y + box.height / 2;
      // What stands where the pointer is.
      await page.mouse.move(box.x + box.width * 0.8, y);
      await page.locator(".brush-text").waitFor();
      assert.match(
        await page.locator(".brush-text").innerText(),
        /UTC/,
      );
      await page.mouse.move(box.x + box.width * 0.6, y);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.85, y, { steps: 4 });
      await page.mouse.up();
      await page.waitForURL(/from=2.*to=2/);
      const { searchParams } = new URL(page.url());
      const [from = "", to = ""] = ["from", "to"].map((name) =>
        searchParams.get(name) ?? ""
      );
      const within = await requestsShown(page);
      assert.ok(within > 0 && within < before);
      const figures = await figuresShown(page);
      assert.ok(figures.anomalous > 0 && figures.open > 0 && figures.ja4s > 1);
      assert.deepEqual(figures, await figuresOfApi(page, { from, to }));
      assert.deepEqual(figures, await figuresInSql(db, { from, to }));
      await page.reload();
      assert.equal(await requestsShown(page), within);
      // The numbers of the chart's table add up to the same.
      await page.getByText("View as table").first().click();
      const all = await page.locator(".as-table").first().locator(
        "tbody td:nth-child(2)",
      ).allInnerTexts();
      assert.equal(
        all.reduce((sum, text) => sum + Number(text.replaceAll(/\D/g, "")), 0),
        within,
      );
      await page.goBack();
      await page.waitForURL(/from=-6h/);
      assert.ok(await requestsShown(page) >= before);
      // The same by keys, and twice as long by a double click.
      await page.locator("[data-brush-ready]").first().waitFor();
      await brush.focus();
      await page.keyboard.press("End");
      await page.keyboard.press("Shift+ArrowLeft");
      await page.keyboard.press("Shift+ArrowLeft");
      await page.keyboard.press("Enter");
      await page.waitForURL(/from=2.*to=2/);
      const narrow = lengthOf(page);
      await page.locator("[data-brush-ready]").first().waitFor();
      await brush.dblclick();
      await page.waitForURL((url) =>
        url.href !== "" && lengthOf(page) > narrow
      );
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step(
    "ten hops from value to value lose neither the range nor a filter",
    async () => {
      await using tab = await dashboard.tab({
        viewport: { width: 1440, height: 900 },
      });
      const { page } = tab;
      const range = "from=-12h";
      await dashboard.enter(page, `/?${range}`);
      const kept = (): void =>
        assert.ok(page.url().includes(range), page.url());
      const pick = async (value: string, action: string): Promise<void> => {
        const mark = page.locator(".v", { hasText: value }).first()
          .locator("a.pick");
        // Before the menu listens the mark is a link to its page.
        await listening(page);
        await mark.focus();
        await page.keyboard.press("Enter");
        await page.locator(".value-menu a").first().waitFor();
        await page.locator(".value-menu").getByRole("link", {
          name: action,
          exact: true,
        }).click();
        await page.waitForLoadState();
        kept();
      };
      // 1-6: pages of values.
      await page.goto(`${base}/ip/${worst.src_ip}?${range}`);
      await page.locator(".facts-strip a.value").first().click(); // its network
      await page.waitForURL(/\/asn\//);
      kept();
      await page.locator("a.value[href^='/ip/']").first().click();
      await page.waitForURL(/\/ip\//);
      kept();
      await page.locator("a.value[href^='/ja4/']").first().click();
      await page.waitForURL(/\/ja4\//);
      kept();
      await page.locator("a.value[href^='/hosts/']").first().click();
      await page.waitForURL(/\/hosts\//);
      kept();
      await page.locator("a.value[href^='/ua/']").first().click();
      await page.waitForURL(/\/ua\//);
      kept();
      await page.goto(`${base}/country/NL?${range}`);
      await page.getByRole("heading", { name: "Netherlands" }).waitFor();
      // 7-10: filters of the list, each beside the one before.
      await page.goto(`${base}/detections?${range}`);
      const terms = async (): Promise<string> =>
        await Promise.resolve(
          new URL(page.url()).searchParams.get("q") ?? "",
        );
      await pick(worst.src_ip, "Filter for");
      assert.equal(await terms(), `ip:${worst.src_ip}`);
      const network = page.locator(".preview .v", { hasText: "AS" }).first();
      const asn = (await network.innerText()).replaceAll(/\D/g, "");
      await pick(`AS${asn}`, "Filter for");
      assert.equal(await terms(), `ip:${worst.src_ip} asn:${asn}`);
      await pick(worst.http_host, "Filter out");
      assert.equal(
        await terms(),
        `ip:${worst.src_ip} asn:${asn} -host:${worst.http_host}`,
      );
      await page.getByText("No detection matches").waitFor();
      assert.equal(await page.locator(".chip").count(), 4);
      await page.getByRole("link", {
        name: `Remove the filter -host:${worst.http_host}`,
      }).click();
      await page.waitForLoadState();
      assert.equal(await terms(), `ip:${worst.src_ip} asn:${asn}`);
      await pick(worst.src_ip, "Only this");
      assert.equal(await terms(), `ip:${worst.src_ip}`);
      await pick(worst.src_ip, "Its requests");
      assert.equal(new URL(page.url()).pathname, "/explore");
      assert.equal(await terms(), `ip:${worst.src_ip}`);
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step(
    "the menu of a value opens by the right button and by '.', and closes to where it was",
    async () => {
      await using tab = await dashboard.tab({
        viewport: { width: 1440, height: 900 },
      });
      const { page } = tab;
      await dashboard.enter(page, `/ip/${worst.src_ip}?from=-12h`);
      await listening(page);
      const value = page.locator("a.value[href^='/ja4/']").first();
      await value.click({ button: "right" });
      const menu = page.locator(".value-menu");
      await menu.getByRole("link", { name: "Filter for" }).waitFor();
      await page.keyboard.press("Escape");
      assert.ok(!await menu.isVisible());
      await value.focus();
      await page.keyboard.press(".");
      await menu.getByRole("link", { name: "Filter out" }).waitFor();
      await page.keyboard.press("ArrowDown");
      assert.equal(
        await page.evaluate(() =>
          document.activeElement?.getAttribute("data-does")
        ),
        "for",
      );
      await page.keyboard.press("Escape");
      assert.ok(
        await page.evaluate(() =>
          document.activeElement?.classList.contains("value")
        ),
      );
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step(
    "what needs attention takes the keys of the inbox: j j s k e u",
    async () => {
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, "/?from=-6h");
      await listening(page);
      const rows = page.locator(".attention a[data-row]");
      const shown = (): Promise<(string | null)[]> =>
        rows.evaluateAll((links) =>
          links.map((link) => link.getAttribute("data-row"))
        );
      const [first, second] = await shown();
      for (const key of ["j", "j", "s"]) await page.keyboard.press(key);
      await page.getByRole("status").filter({
        hasText: "1 detection escalated",
      }).waitFor();
      assert.equal(new URL(page.url()).searchParams.get("from"), "-6h");
      await listening(page);
      assert.ok(!(await shown()).includes(second ?? ""));
      // The cursor is where it was.
      await page.keyboard.press("k");
      await page.keyboard.press("e");
      await page.getByRole("status").filter({
        hasText: "1 detection archived",
      }).waitFor();
      assert.ok(!(await shown()).includes(first ?? ""));
      await listening(page);
      await page.keyboard.press("u");
      await page.getByRole("status").filter({
        hasText: "1 detection as before",
      }).waitFor();
      assert.equal((await shown())[0], first);
      await page.waitForFunction(() =>
        document.activeElement?.hasAttribute("data-row")
      );
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step("a new request shows without a reload", async () => {
    await using tab = await dashboard.tab();
    const { page } = tab;
    await dashboard.enter(page, "/");
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
    await row.waitFor({ timeout: 8000 });
    assert.match(await row.innerText(), /<b>now<\/b>/);
    await row.getByRole("link", { name: "198.51.100.77" }).click();
    await page.waitForURL(/\/ip\/198\.51\.100\.77/);
    assert.deepEqual(tab.faults, []);
  });

  await t.step(
    "what takes long is said to be loading, and comes by itself; without a script by a link",
    async () => {
      // A page that waits for nothing: the database is late for all of it.
      await using hasty = await startWeb(store, { patienceMs: 0 }, {
        accounts: false,
      });
      const served = hasty.serve();
      const url = `${served.base}/asn/64501?from=-6h`;
      const [name = "", value = ""] = (await hasty.signIn("analyst")).split(
        "=",
      );
      for (const javaScriptEnabled of [false, true]) {
        await using tab = await visit(dashboard.browser, served.base, {
          javaScriptEnabled,
        });
        const { page } = tab;
        await page.context().addCookies([{ name, value, url: served.base }]);
        await page.goto(url);
        const waiting = page.getByText("Still loading");
        if (!javaScriptEnabled) {
          assert.ok(await waiting.count() > 3);
          assert.deepEqual(
            await page.locator("h1").allInnerTexts(),
            ["AS64501"],
          );
          await page.getByRole("link", { name: "Wait for them" }).click();
        }
        await page.locator(".chart-plot").first().waitFor();
        assert.equal(await waiting.count(), 0);
        if (javaScriptEnabled) await page.waitForURL(url);
        assert.deepEqual(tab.faults, []);
      }
      // As long as it is loading the page holds the rules too.
      await using tab = await visit(dashboard.browser, served.base, {
        reducedMotion: "reduce",
      });
      await tab.page.context().addCookies([{ name, value, url: served.base }]);
      await tab.page.route(
        /wait=1/,
        (route) => route.fulfill({ status: 204 }),
      );
      await tab.page.goto(url);
      await tab.page.getByText("Still loading").first().waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await tab.page.emulateMedia({ colorScheme });
        assert.deepEqual(await axeFaults(tab.page), [], colorScheme);
      }
      await served.shutdown();
    },
  );

  await t.step(
    "the database slow: pages wait for it; paused: they stand, with a sentence in each panel",
    async () => {
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, "/?from=-6h");
      const requests = await requestsShown(page);
      Deno.kill(store.pid, "SIGSTOP");
      const resume = setTimeout(() => Deno.kill(store.pid, "SIGCONT"), 1500);
      try {
        await page.goto(`${base}/?from=-6h`);
        assert.ok(await requestsShown(page) >= requests);
        assert.equal(await page.getByText("could not be loaded").count(), 0);
      } finally {
        clearTimeout(resume);
        Deno.kill(store.pid, "SIGCONT");
      }
      Deno.kill(store.pid, "SIGSTOP");
      try {
        // The page that waits for all of it.
        const answer = await page.goto(`${base}/asn/64501?from=-6h&wait=1`, {
          timeout: 60_000,
        });
        assert.equal(answer?.status(), 200);
        await page.getByRole("heading", { name: "AS64501" }).waitFor();
        assert.ok(await page.getByText("could not be loaded").count() > 3);
      } finally {
        Deno.kill(store.pid, "SIGCONT");
      }
    },
  );

  await t.step(
    "the database stopped: every page stands, says so, and claims nothing; it comes back by itself",
    async () => {
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, "/");
      const mark = page.locator(".live-line .live-mark");
      const says = (text: RegExp): Promise<void> =>
        mark.filter({ hasText: text }).waitFor({ timeout: 15_000 });
      await says(/^live$/);
      await store.stop();
      await says(/^stale, \d+\u202f?\s?s$/);
      for (
        const path of [
          "/?from=-6h",
          "/detections",
          `/ip/${worst.src_ip}`,
          "/asn/64501",
          `/ja4/${worst.ja4}`,
          "/hosts/www.example.com",
          "/health",
        ]
      ) {
        await page.goto(base + path);
        assert.ok(
          await page.getByRole("navigation", { name: "Pages" }).count() > 0,
          path,
        );
        await page.getByText("does not answer").first().waitFor();
      }
      // What cannot be written is not said to be done.
      await store.restart();
      const written = async (): Promise<number | undefined> => {
        const [row] = await db.query<{ n: number }>(
          sql`SELECT toUInt32(count()) AS n FROM triage_events`,
        );
        return row?.n;
      };
      const before = await written();
      await page.goto(`${base}/detections`);
      await page.locator("input[name=id]").first().check();
      await store.stop();
      await page.getByRole("button", { name: "Archive" }).click();
      await page.getByText("does not answer").first().waitFor();
      assert.equal(await page.getByText("archived.").count(), 0);
      await store.restart();
      assert.equal(await written(), before);
      await page.goto(`${base}/?from=-6h`);
      await says(/^live$/);
      assert.ok(await requestsShown(page) > 0);
      web.services.live[Symbol.dispose]();
      await says(/^stale, /);
      assert.equal(
        await mark.getAttribute("title"),
        "The dashboard does not answer",
      );
    },
  );
});

/** The number on the tile of requests. */
async function requestsShown(page: Page): Promise<number> {
  return Number(
    await page.locator(".kpis data").first().getAttribute("value"),
  );
}

/** The numbers of the tiles, from whichever side they are asked for. */
interface Figures {
  readonly requests: number;
  readonly anomalous: number;
  readonly open: number;
  readonly ja4s: number;
  readonly newJa4s: number;
}

interface Span {
  readonly from: string;
  readonly to: string;
}

/** {@linkcode Figures} as they stand on the Overview. */
async function figuresShown(page: Page): Promise<Figures> {
  const tile = (title: string) =>
    page.locator(".kpi", {
      has: page.getByRole("heading", { name: title, exact: true }),
    });
  const [anomalous, open, ja4s, newJa4s] = await Promise.all([
    tile("Anomalous share").locator(".kpi-aside span").getAttribute("title"),
    tile("Open detections").locator("[data-live]").innerText(),
    tile("JA4 seen").locator(".kpi-value").innerText(),
    tile("JA4 seen").locator(".kpi-aside").innerText(),
  ]);
  return {
    requests: await requestsShown(page),
    anomalous: digitsOf(anomalous ?? ""),
    open: digitsOf(open),
    ja4s: digitsOf(ja4s),
    newJa4s: digitsOf(newJa4s),
  };
}

/** {@linkcode Figures} as the API tells them to who is logged in. */
async function figuresOfApi(
  page: Page,
  { from, to }: Span,
): Promise<Figures> {
  const answer = await page.request.get(
    new URL("/api/v1/overview", page.url()).href,
    { params: { from, to } },
  );
  assert.equal(answer.status(), 200);
  const told = await answer.json();
  const all = Object.values<number>(told.classes);
  assert.equal(all.reduce((sum, one) => sum + one, 0), told.requests);
  return {
    requests: told.requests,
    anomalous: told.classes.anomalous,
    open: told.detections.inbox,
    ja4s: told.ja4s.seen,
    newJa4s: told.ja4s.new,
  };
}

/** {@linkcode Figures} counted from the raw rows, without the counters that the dashboard asks. */
async function figuresInSql(db: Database, span: Span): Promise<Figures> {
  const [from, to] = [new Date(span.from), new Date(span.to)];
  const [row] = await db.query<Figures>(
    // JA4s are counted in whole buckets of five minutes; a request is as anomalous as the hour of its client.
    sql`WITH toDateTime(${from}) AS first, toDateTime(${to}) AS last,
        (SELECT groupArray((http_host, toString(ja4), src_ip, window_start)) FROM scores FINAL
          WHERE traffic_class = 'anomalous') AS bad
      SELECT toUInt32(countIf(ts >= ${from} AND ts < ${to} AND match != 'tls_only')) AS requests,
        toUInt32(countIf(ts >= ${from} AND ts < ${to} AND match != 'tls_only'
          AND has(bad, (http_host, toString(ja4), src_ip, toStartOfHour(toDateTime(ts, 'UTC')))))) AS anomalous,
        (SELECT toUInt32(count()) FROM detections_current WHERE state IN ('open', 'acknowledged')) AS open,
        toUInt32(uniqExactIf(ja4, ja4 != '' AND ts >= toStartOfFiveMinutes(first))) AS ja4s,
        toUInt32(uniqExactIf(ja4, ja4 != '' AND ts >= toStartOfFiveMinutes(first)
          AND ja4 NOT IN (SELECT ja4 FROM http_events WHERE ts < ${from}))) AS newJa4s
      FROM http_events WHERE ts < toStartOfFiveMinutes(last - INTERVAL 1 SECOND) + INTERVAL 5 MINUTE`,
  );
  assert(row !== undefined);
  return row;
}

/** The number that a text begins with, its thousands apart or not. */
function digitsOf(text: string): number {
  return Number(/^\s*\d[\d\s]*/.exec(text)?.[0].replaceAll(/\s/g, ""));
}

/** Milliseconds of the range in a page's address. */
function lengthOf(page: Page): number {
  const { searchParams } = new URL(page.url());
  return Date.parse(searchParams.get("to") ?? "") -
    Date.parse(searchParams.get("from") ?? "");
}
