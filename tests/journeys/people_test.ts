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
import { listening, startDashboard, WITH_BROWSER } from "../support/journey.ts";

Deno.test("people and the detector, in a browser", WITH_BROWSER, async (t) => {
  await using dashboard = await startDashboard();
  const { base, db, web } = dashboard;
  const detector = new Detector(db, detectorOptions(v.parse(detectSchema, {})));
  const cycle = async (): Promise<void> => {
    await detector.cycle(Date.now() * 1000 as UnixMicros);
  };
  /** Severity that the newest window of a client has; "" without an alert. */
  const severityOf = async (src_ip: string): Promise<string> => {
    const [row] = await db.query<{ severity: string }>(
      sql`SELECT severity FROM scores FINAL WHERE src_ip = ${
        typed(src_ip, "IPv6")
      } ORDER BY window_start DESC LIMIT 1`,
    );
    return row?.severity ?? "not scored";
  };
  /** A client of the newest windows that no rule speaks of. */
  const client = async (
    kind: "a person" | "flagged",
  ): Promise<{ src_ip: string; http_host: string; ja4: string }> => {
    const flagged = kind === "flagged";
    const [row] = await db.query<
      { src_ip: string; http_host: string; ja4: string }
    >(
      sql`SELECT replaceOne(toString(src_ip), '::ffff:', '') AS src_ip, http_host, ja4 FROM scores FINAL
        WHERE alert = ${flagged} AND (traffic_class = 'human') = ${!flagged} AND ja4 != '' AND empty(rules)
          AND window_start >= (SELECT max(window_start) - INTERVAL 15 MINUTE FROM scores)
          AND src_ip NOT IN (SELECT s.src_ip FROM scores AS s FINAL WHERE s.alert != ${flagged})
        ORDER BY window_start DESC, requests DESC LIMIT 1`,
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
      await page.keyboard.press("j");
      await page.keyboard.press("c");
      const ip = await page.locator("tbody tr").first().locator(".v .value")
        .first().innerText();
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
      await page.keyboard.press("j");
      await other.hover();
      await page.keyboard.press("c");
      await page.locator(".said", {
        hasText: `Copied ${await other.locator(".value").innerText()}`,
      }).waitFor();
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
      await cycle();
      const { src_ip } = await client("a person");
      assert.equal(await severityOf(src_ip), "");
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
      await cycle();
      assert.equal(await severityOf(src_ip), "high");
      await page.getByRole("link", { name: "Back to where you were" }).click();
      await page.waitForURL(`${base}/ip/${src_ip}`);
      await page.goto(`${base}/detections?q=ip:${src_ip}+list:deny`);
      await page.locator("a[data-row]").first().click();
      await page.getByText("deny_list").waitFor();
      assert.ok(await page.locator(".badge.list-deny").isVisible());
      await page.goto(`${base}/lists`);
      await page.getByRole("button", { name: `Remove ${src_ip}` }).click();
      await page.getByText("The entry is gone").waitFor();
      await cycle();
      assert.equal(await severityOf(src_ip), "");
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
      const { src_ip, ja4, http_host } = await client("flagged");
      assert.notEqual(await severityOf(src_ip), "");
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
      await cycle();
      assert.equal(await severityOf(src_ip), "");
      // Taken back it says nothing any more.
      await listening(page);
      await page.keyboard.press("2");
      await page.getByText("took the verdict back").waitFor();
      await cycle();
      assert.notEqual(await severityOf(src_ip), "");
      assert.deepEqual(tab.faults, []);
    },
  );
});
