/**
 * What people say and the detector hears: keys on a value under the pointer or the cursor, the lists, a
 * verdict, and whom a detection is given to. Each from the page to the detector's next cycle.
 *
 * J6 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import * as v from "valibot";
import {
  detectorOptions,
  schema as detectSchema,
} from "../../detect/config.ts";
import { Detector } from "../../detect/detector.ts";
import type { UnixMicros } from "../../lib/events.ts";
import { sql, typed } from "../../lib/sql.ts";
import {
  listening,
  startDashboard,
  timeText,
  WITH_BROWSER,
} from "../support/journey.ts";

Deno.test("people and the detector, in a browser", WITH_BROWSER, async (t) => {
  await using dashboard = await startDashboard();
  const { base, db, web } = dashboard;
  const detector = new Detector(db, detectorOptions(v.parse(detectSchema, {})));
  /** A window of a client. */
  interface Window {
    readonly src_ip: string;
    readonly ja4: string;
    readonly http_host: string;
    /** Seconds since the epoch. */
    readonly start: number;
  }
  /** A cycle in which `window` is judged anew, because a request of somebody else came late. */
  const cycle = async ({ start, http_host }: Window): Promise<void> => {
    await db.insertRows("http_events", [{
      ts: timeText(start * 1000 + 1000),
      event_id: crypto.randomUUID(),
      match: "none",
      src_ip: "198.51.100.201",
      client_ip: "198.51.100.201",
      http_method: "GET",
      http_host,
      url_path: "/",
      status_code: 200,
    }]);
    await detector.cycle(Date.now() * 1000 as UnixMicros);
  };
  /** Severity that a window has; "" without an alert. */
  const severityOf = async ({ src_ip, start }: Window): Promise<string> => {
    const [row] = await db.query<{ severity: string }>(
      sql`SELECT severity FROM scores FINAL WHERE src_ip = ${
        typed(src_ip, "IPv6")
      } AND toUnixTimestamp(window_start) = ${start} ORDER BY severity DESC LIMIT 1`,
    );
    return row?.severity ?? "not scored";
  };
  /** The busiest window of a client that no rule speaks of. */
  const busiest = async (kind: "a person" | "flagged"): Promise<Window> => {
    const flagged = kind === "flagged";
    const [row] = await db.query<Window>(
      sql`SELECT replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, http_host, ja4,
          toUnixTimestamp(window_start) AS start FROM scores FINAL
        WHERE alert = ${flagged} AND (traffic_class = 'human') = ${!flagged} AND ja4 != '' AND empty(rules)
          AND src_ip NOT IN (SELECT s.src_ip FROM scores AS s FINAL WHERE s.alert != ${flagged})
        ORDER BY requests DESC, src_ip LIMIT 1`,
    );
    assert(row !== undefined, `no client is ${kind}`);
    return row;
  };

  await t.step(
    "keys copy, filter for and filter out the value under the pointer or the cursor",
    async () => {
      await using tab = await dashboard.tab({
        permissions: ["clipboard-read", "clipboard-write"],
        viewport: { width: 1440, height: 900 },
      });
      const { page } = tab;
      await dashboard.enter(page, "/detections");
      await listening(page);
      const ip = await page.locator("tbody tr").first().locator(".v .value")
        .first().innerText();
      await page.keyboard.press("j");
      await page.keyboard.press("c");
      await page.locator(".said", { hasText: `Copied ${ip}` }).waitFor();
      assert.equal(
        await page.evaluate(() => navigator.clipboard.readText()),
        ip,
      );
      await page.keyboard.press("f");
      await page.waitForURL((url) => url.searchParams.get("q") === `ip:${ip}`);
      await listening(page);
      assert.ok(await page.locator("a[data-row]").count() > 0);
      await page.keyboard.press("j");
      await page.keyboard.press("Shift+F");
      await page.waitForURL((url) => url.searchParams.get("q") === `-ip:${ip}`);
      await listening(page);
      // The pointer says which value is meant, where it was moved last.
      const other = page.locator("tbody tr").nth(2).locator(".v").first();
      const pointed = await other.locator(".value").innerText();
      await page.keyboard.press("j");
      await other.hover();
      await page.keyboard.press("c");
      await page.locator(".said", { hasText: `Copied ${pointed}` }).waitFor();
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step("a click beside the links of a row shows it", async () => {
    await using tab = await dashboard.tab({
      viewport: { width: 1440, height: 900 },
    });
    const { page } = tab;
    await dashboard.enter(page, "/detections");
    await listening(page);
    const row = page.locator("tbody tr").nth(3);
    const id = await row.locator("a[data-row]").getAttribute("data-row");
    await row.locator(".mini-columns").click();
    await page.locator(`[data-preview="${id}"]`).waitFor();
    assert.equal(new URL(page.url()).pathname, "/detections");
    // Where its title is, the whole width of it, it opens.
    await row.locator("a[data-row]").click();
    await page.waitForURL(/\/detections\/D-/);
    assert.deepEqual(tab.faults, []);
  });

  await t.step(
    "escalated and archived by one key, taken back by another; given to somebody else",
    async () => {
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, "/detections");
      await listening(page);
      const state = async (
        id: string,
      ): Promise<{ state: string; assignee: string } | undefined> =>
        (await db.query<{ state: string; assignee: string }>(
          sql`SELECT state, assignee FROM detections_current WHERE id = ${id}`,
        ))[0];
      const id = await page.locator("a[data-row]").first().getAttribute(
        "data-row",
      ) ?? "";
      await page.keyboard.press("j");
      await page.keyboard.press("Shift+S");
      await page.getByText("1 detection escalated and archived").waitFor();
      assert.equal((await state(id))?.state, "archived");
      await listening(page);
      await page.keyboard.press("u");
      await page.getByText("1 detection as before").waitFor();
      assert.equal((await state(id))?.state, "open");
      await page.goto(`${base}/detections/${id}`);
      const activity = await page.locator(".activity").innerText();
      for (const deed of ["escalated it", "archived it", "put it back"]) {
        assert.ok(activity.includes(deed), deed);
      }

      await page.goto(`${base}/detections`);
      await page.locator("input[name=id]").first().check();
      await page.getByRole("button", { name: "Assign", exact: true }).click();
      const people = page.locator("#assignees button[name=assign_to]");
      assert.ok(!(await people.allInnerTexts()).includes("viewer"));
      await people.filter({ hasText: /^admin$/ }).click();
      await page.getByText("1 detection assigned to admin").waitFor();
      assert.equal((await state(id))?.assignee, "admin");
      const cookie = await web.signIn("analyst");
      const forged = await web.post(`/detections/${id}`, {
        assign_to: "viewer",
      }, { cookie });
      assert.equal(forged.status, 400);
      assert.equal((await state(id))?.assignee, "admin");
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step(
    "an address denied from its page is flagged by the next cycle, and no longer once the entry is gone",
    async () => {
      const person = await busiest("a person");
      const { src_ip } = person;
      await cycle(person);
      assert.equal(await severityOf(person), "");
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, `/ip/${src_ip}`);
      await listening(page);
      await page.keyboard.press("l");
      await page.waitForURL(/\/lists\?value=/);
      await page.getByText(/In the last 7 days it sent \d/).waitFor();
      await page.getByLabel("Because").fill("fills forms <b>by hand</b>");
      await page.getByRole("button", { name: "Add" }).click();
      await page.getByText("The entry holds from").waitFor();
      await page.getByText("fills forms <b>by hand</b>").waitFor();
      await cycle(person);
      assert.equal(await severityOf(person), "high");
      await page.getByRole("link", { name: "Back to where you were" }).click();
      await page.waitForURL(`${base}/ip/${src_ip}`);
      await page.goto(`${base}/detections?q=ip:${src_ip}+list:deny`);
      await page.locator("a[data-row]").first().click();
      await page.getByText("deny_list").waitFor();
      assert.ok(await page.locator(".badge.list-deny").isVisible());
      await page.goto(`${base}/lists`);
      await page.getByRole("button", { name: `Remove ${src_ip}` }).click();
      await page.getByText("The entry is gone").waitFor();
      await cycle(person);
      assert.equal(await severityOf(person), "");
      const [audit] = await db.query<{ actions: string[] }>(
        sql`SELECT groupArray(action) AS actions FROM (
          SELECT action FROM audit_log WHERE object = ${src_ip} ORDER BY ts)`,
      );
      assert.deepEqual(audit?.actions, ["list_add", "list_remove"]);
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step(
    "a verdict is a label: a false positive is not flagged by the next cycle",
    async () => {
      const bot = await busiest("flagged");
      const { src_ip, ja4, http_host } = bot;
      await cycle(bot);
      assert.match(await severityOf(bot), /low|medium|high|critical/);
      const [shown] = await db.query<{ id: string }>(
        sql`SELECT id FROM detections FINAL WHERE src_ip = ${
          typed(src_ip, "IPv6")
        } AND ja4 = ${ja4} AND http_host = ${http_host} LIMIT 1`,
      );
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, `/detections/${shown?.id}`);
      await listening(page);
      await page.keyboard.press("2");
      await page.getByText("said: false positive").waitFor();
      await cycle(bot);
      assert.equal(await severityOf(bot), "");
      // Taken back it says nothing any more.
      await listening(page);
      await page.keyboard.press("2");
      await page.getByText("took the verdict back").waitFor();
      await cycle(bot);
      assert.match(await severityOf(bot), /low|medium|high|critical/);
      assert.deepEqual(tab.faults, []);
    },
  );
});
