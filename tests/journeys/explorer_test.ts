/**
 * The Explorer as an analyst uses it: text, chips and builder that say the same; a fault that points at its
 * column; a search that is cancelled in the database too; a file of 100,000 rows; the keys of every page.
 *
 * J8 and J14 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import { sql } from "../../lib/sql.ts";
import { eventually } from "../../lib/testing.ts";
import { printable } from "../../lib/text.ts";
import { PAGE_ROWS } from "../../web/data/explore.ts";
import {
  chord,
  listening,
  startDashboard,
  timeText,
  WITH_BROWSER,
} from "../support/journey.ts";

/** Texts that begin a formula, hide, turn the direction, or are markup. */
const HOSTILE = [
  "=cmd|' /C calc'!A0",
  "+1+1",
  "-2+3",
  "@SUM(A1)",
  "\t=1",
  "<img src=x onerror=alert(1)>",
  '"><script>alert(1)</script>',
  "evil\u202egpj.exe",
  "nul\u0000byte\u0007",
  "x".repeat(8192),
  "{{constructor}}",
  "' OR 1=1 --",
];

Deno.test("the Explorer in a browser", WITH_BROWSER, async (t) => {
  await using dashboard = await startDashboard({ hours: 2, events: 3000 });
  const { base, db, web } = dashboard;
  const count = async (where: string): Promise<number> => {
    const [row] = await db.query<{ n: number }>(
      sql`SELECT toUInt32(count()) AS n FROM http_events WHERE ts > now() - INTERVAL 6 HOUR AND ${
        sql.trusted(where)
      }`,
    );
    return row?.n ?? 0;
  };
  await using tab = await dashboard.tab({
    viewport: { width: 1440, height: 900 },
  });
  const { page } = tab;
  await dashboard.enter(page, "/explore?from=-6h");
  const shown = async (): Promise<number> =>
    Number((await page.locator(".page-note").innerText()).replace(/\D/g, ""));
  const chips = (): Promise<string[]> =>
    page.locator(".query-parts .chip-text").allInnerTexts();

  await t.step("text, chips and builder say the same", async () => {
    await listening(page);
    await page.locator("#query").fill("status>=400 method:GET");
    assert.deepEqual(
      await chips(),
      ["Status at least 400", "Method is GET"],
      "before it is sent",
    );
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.waitForURL(/q=status/);
    await listening(page);
    assert.equal(
      await shown(),
      await count("status_code >= 400 AND http_method = 'GET'"),
    );
    await page.getByText("+ Condition").click();
    await page.locator(".builder select[name=field]").selectOption(
      "ja4.client",
    );
    await page.locator(".builder select[name=op]").selectOption("!:");
    await page.locator(".builder input[name=value]").fill("chrome");
    await page.locator(".builder button").click();
    await page.waitForURL(/ja4\.client/);
    await listening(page);
    assert.equal(
      await page.locator("#query").inputValue(),
      "status>=400 method:GET -ja4.client:chrome",
    );
    assert.equal(
      await shown(),
      await count(
        "status_code >= 400 AND http_method = 'GET' AND ja4_client != 'chrome'",
      ),
    );
    await page.getByLabel("Remove Status at least 400").click();
    await page.waitForURL((url) => !url.search.includes("status"));
    assert.equal(
      await shown(),
      await count("http_method = 'GET' AND ja4_client != 'chrome'"),
    );
    await page.goBack();
    assert.match(page.url(), /status/);
  });

  await t.step(
    "a fault points at its column, and what was meant is one click away",
    async () => {
      await listening(page);
      await page.locator("#query").fill("method:GET hots:www.example.com");
      const fault = page.locator(".query-fault");
      assert.equal(
        await fault.locator("pre").getAttribute("data-column"),
        "12",
      );
      assert.equal(await fault.locator("mark").innerText(), "hots");
      await page.keyboard.press("Enter");
      assert.match(page.url(), /status/, "it is not sent");
      await fault.getByText("Did you mean “host”?").click();
      assert.equal(
        await page.locator("#query").inputValue(),
        "method:GET host:www.example.com",
      );
      assert.equal(await fault.count(), 0);
    },
  );

  await t.step("the same without a script", async () => {
    await using plain = await dashboard.tab({ javaScriptEnabled: false });
    await dashboard.enter(plain.page, "/explore?from=-6h");
    await plain.page.locator(".builder summary").click();
    await plain.page.locator(".builder select[name=field]").selectOption(
      "status",
    );
    await plain.page.locator(".builder input[name=value]").fill("4xx");
    await plain.page.locator(".builder button").click();
    assert.equal(await plain.page.locator("#query").inputValue(), "status:4xx");
    const text = await plain.page.locator(".page-note").innerText();
    assert.equal(
      Number(text.replace(/\D/g, "")),
      await count("status_code BETWEEN 400 AND 499"),
    );
    await plain.page.goto(`${base}/explore?q=hots%3Aa`);
    await plain.page.getByText("Did you mean “host”?").click();
    assert.equal(await plain.page.locator("#query").inputValue(), "host:a");
    await plain.page.locator(".builder summary").click();
    assert.deepEqual(
      plain.faults.filter((fault) => !fault.includes("400")),
      [],
    );
  });

  await t.step("pages go back without a row lost or twice", async () => {
    await page.goto(
      `${base}/explore?from=-6h&q=method%3AGET&cols=time,ip,path`,
    );
    const seen: string[] = [];
    for (let step = 0; step < 3; step++) {
      const times = page.locator(".explorer-rows tbody tr td:first-child time");
      for (const time of await times.all()) {
        seen.push(await time.getAttribute("datetime") ?? "");
      }
      await page.locator("a[rel=next]").click();
      await page.waitForLoadState();
    }
    assert.equal(seen.length, 3 * PAGE_ROWS);
    assert.deepEqual(seen, seen.toSorted().toReversed());
  });

  await t.step(
    "a search that takes long is cancelled in the database too",
    async () => {
      await page.goto(`${base}/explore?from=-1h&q=method%3APUT`);
      await listening(page);
      // In place of a large table one on which each block waits.
      const query = web.db.query.bind(web.db);
      web.db.query = (statement, options) =>
        options?.queryId?.endsWith("-rows") === true
          ? query(
            sql`SELECT sleepEachRow(0.05) FROM numbers(2000) SETTINGS max_block_size = 20`,
            {
              ...options,
              settings: {
                ...options.settings,
                function_sleep_max_microseconds_per_block: 60_000_000,
              },
            },
          )
          : query(statement, options);
      const running = async (): Promise<number> => {
        const [row] = await db.query<{ n: number }>(
          sql`SELECT toUInt32(count()) AS n FROM system.processes WHERE query_id LIKE 'explore-%-rows'`,
        );
        return row?.n ?? 0;
      };
      // A browser takes no orders while a page is on its way: the hand that cancels is in the page.
      await page.evaluate(() => {
        const hand = setInterval(() => {
          const button = document.querySelector<HTMLButtonElement>(
            ".query-busy button",
          );
          if (button?.textContent !== "Cancel") return;
          clearInterval(hand);
          button.click();
        }, 500);
      });
      await page.locator("#query").fill("method:GET");
      await page.locator("#query").press("Enter", { noWaitAfter: true });
      await eventually("the search to run", async () => await running() === 1);
      await eventually(
        "the search to end",
        async () => await running() === 0,
        5000,
      );
      // The page is where it was, and can ask again.
      assert.match(page.url(), /PUT/);
      assert.equal(await page.locator("#query").inputValue(), "method:GET");
      assert.equal(web.services.searches.size, 0);
      web.db.query = query;
      await page.locator("#query").press("Enter");
      await page.waitForURL(/GET/);
      assert.ok(await shown() > 0);
    },
  );

  await t.step(
    "100,000 rows become a file, and hostile cells are inert in it and on the page",
    async () => {
      const now = Date.now();
      await db.command(
        sql`INSERT INTO http_events (ts, event_id, sensor, match, src_ip, client_ip, http_method, http_host, url_path, status_code, user_agent)
      SELECT toDateTime64(${
          timeText(now - 8 * 86_400_000)
        }, 6, 'UTC') + toIntervalMillisecond(number), generateUUIDv4(), 'bulk', 'none', toIPv6('192.0.2.1'), toIPv6('192.0.2.1'), 'GET', 'bulk.example.com',
        concat('/', toString(number)), 200, 'bulk' FROM numbers(100000)`,
      );
      await db.insertRows(
        "http_events",
        HOSTILE.map((text, index) => ({
          ts: timeText(now - 1000 * index),
          event_id: crypto.randomUUID(),
          sensor: "hostile",
          match: "none",
          src_ip: "192.0.2.66",
          client_ip: "192.0.2.66",
          http_method: "GET",
          http_host: text,
          url_path: text,
          url_query: text,
          referrer: text,
          user_agent: text,
          ja4_client: text,
          status_code: 200,
        })),
      );
      await page.goto(
        `${base}/explore?from=-10d&q=host%3Abulk.example.com&cols=path,status`,
      );
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        (async () => {
          await page.getByRole("button", { name: "Export" }).click();
          await page.getByRole("button", { name: /CSV/ }).click();
        })(),
      ]);
      const text = await Deno.readTextFile(await download.path());
      assert.equal(text.trimEnd().split("\n").length, 100_001);
      await page.goto(
        `${base}/explore?from=-1h&q=sensor%3Ahostile&cols=time,host,path,query,referrer,ua,ja4.client&by=ua`,
      );
      assert.equal(await page.locator("img, main script:not([id])").count(), 0);
      assert.match(
        await page.locator("main").innerText(),
        /evil\\u\{202e\}gpj\.exe/,
      );
      const cookie = await web.signIn("analyst");
      const file = await web.post("/explore/export", {
        q: "sensor:hostile",
        from: "-1h",
        to: "",
        cols: "host,path,query,referrer,ua,ja4.client",
        format: "csv",
      }, { cookie });
      const cells = [...(await file.text()).matchAll(/"((?:[^"]|"")*)"/g)].map((
        [, cell],
      ) => cell ?? "");
      assert.ok(cells.length > HOSTILE.length * 6);
      for (const cell of cells) {
        assert.doesNotMatch(cell, /^[=+\-@\t\r]/);
        assert.equal(printable(cell), cell);
      }
      const lines = await web.post("/explore/export", {
        q: "sensor:hostile",
        from: "-1h",
        to: "",
        cols: "path",
        format: "ndjson",
      }, { cookie });
      const paths = (await lines.text()).trimEnd().split("\n").map((line) =>
        JSON.parse(line).path
      );
      assert.deepEqual(
        new Set(paths),
        new Set(HOSTILE),
        "programs get what was sent",
      );
      await page.goto(`${base}/live?q=host%3A*`);
      await page.goto(`${base}/audit`);
    },
  );

  await t.step("keys lead everywhere, and can be switched off", async () => {
    await page.goto(`${base}/explore?from=-6h`);
    await page.locator("body").click({ position: { x: 5, y: 400 } });
    await listening(page);
    await page.keyboard.press("?");
    await page.locator(".help-dialog[open]").waitFor();
    assert.match(await page.locator(".help-dialog").innerText(), /Go to/);
    await page.keyboard.press("Escape");
    await chord(page, "t", "ArrowLeft");
    await page.waitForURL(/to=2/);
    await chord(page, "t", "z");
    await page.waitForURL((url) => url.searchParams.get("from") !== "-6h");
    await chord(page, "g", "l");
    await page.waitForURL(`${base}/live`);
    await page.goto(`${base}/settings`);
    await page.locator("input[name=keys][value=off]").check();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.waitForURL(/done=preferences/);
    await chord(page, "g", "e");
    await page.keyboard.press("?");
    assert.match(page.url(), /settings/);
    assert.equal(await page.locator(".help-dialog[open]").count(), 0);
  });

  await t.step("a view is kept and leads back to the same", async () => {
    await page.goto(`${base}/explore?from=-6h&q=status%3A4xx&by=path`);
    await page.getByRole("button", { name: "Save this view" }).click();
    await page.locator("#save-view input[name=name]").fill("Client errors");
    await page.locator("#save-view button").click();
    await page.waitForURL(/views/);
    await page.getByRole("link", { name: "Client errors" }).click();
    await page.waitForURL(/explore/);
    assert.equal(
      new URL(page.url()).search,
      "?from=-6h&q=status%3A4xx&by=path",
    );
  });

  assert.deepEqual(tab.faults.filter((fault) => !fault.includes("403")), []);
});
