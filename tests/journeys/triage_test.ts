/**
 * Triage in a browser: the inbox by keys alone and by forms alone, bulk actions that touch what was
 * looked at, one detection from its explanation to its raw rows, and a rule born from a verdict.
 *
 * J3 to J6 and J14 of docs/dashboard.md.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { sql } from "../../lib/sql.ts";
import type { UnixMicros } from "../../lib/events.ts";
import { CHROME_HELLO } from "../support/chrome_hello.ts";
import { applyRules } from "../../web/data/triage_rules.ts";
import {
  listening,
  startDashboard,
  timeText,
  WITH_BROWSER,
} from "../support/journey.ts";

Deno.test("triage in a browser", WITH_BROWSER, async (t) => {
  await using dashboard = await startDashboard();
  const { base, db, worst } = dashboard;
  const inState = async (state: string): Promise<number> => {
    const [row] = await db.query<{ n: number }>(
      sql`SELECT toUInt32(count()) AS n FROM detections_current WHERE state = ${state}`,
    );
    return row?.n ?? 0;
  };
  const arrive = (
    id: string,
    host: string,
    first_seen: number,
    more: Record<string, unknown> = {},
  ): Promise<void> =>
    db.insertRows("detections", [{
      id,
      first_seen: timeText(first_seen),
      last_seen: timeText(first_seen),
      src_ip: "198.51.100.9",
      http_host: host,
      severity: "low",
      title: id,
      rev: 1,
      ...more,
    }]);

  await t.step(
    "inbox by keys alone: j x j x e u archives two and restores what they were",
    async () => {
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, "/detections");
      const rows = page.locator("a[data-row]");
      const ids = await rows.evaluateAll((links) =>
        links.slice(0, 4).map((link) => link.getAttribute("data-row"))
      );
      await listening(page);
      // One of the two is acknowledged: that is what undoing has to bring back.
      await page.keyboard.press("j");
      await page.keyboard.press("a");
      await page.getByText("1 detection acknowledged").waitFor();
      assert.equal(await inState("acknowledged"), 1);
      await page.goto(`${base}/detections`);
      await listening(page);
      for (const [key, row] of [["j", 0], ["x", 0], ["j", 1], ["x", 1]]) {
        await page.keyboard.press(String(key));
        assert.equal(await focusedRow(page), ids[Number(row)], `after ${key}`);
      }
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
      assert.equal(await focusedRow(page), ids[3], "after e");
      assert.match(
        await page.locator(".notice.done[role=status] > span").innerText(),
        /^2 detections archived\.$/,
      );
      await page.keyboard.press("u");
      await page.getByRole("status").filter({
        hasText: "2 detections as before",
      }).waitFor();
      await page.waitForFunction(() =>
        document.activeElement?.hasAttribute("data-row")
      );
      assert.equal(await inState("archived"), 0);
      assert.equal(await inState("acknowledged"), 1);
      assert.equal(await rows.first().getAttribute("data-row"), ids[0]);
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step(
    "keys select ranges, all, none and those of one JA4; the panel follows; 2 gives a verdict",
    async () => {
      await using tab = await dashboard.tab({
        viewport: { width: 1440, height: 900 },
      });
      const { page } = tab;
      await dashboard.enter(page, "/detections");
      await listening(page);
      // Keys that leave the page as it is leave the hands in the list.
      const press = async (...keys: string[]): Promise<void> => {
        for (const key of keys) {
          await page.keyboard.press(key);
          if (key === "2" || key === "u") continue;
          assert.ok(
            await page.evaluate(() =>
              document.querySelector(
                ":is(table, .preview, #note) :focus",
              ) !== null
            ),
            `the focus is lost after ${key}`,
          );
        }
      };
      const ticked = (): Promise<number> =>
        page.locator("input[name=id]:checked").count();
      const rows = page.locator("a[data-row]");
      const all = await rows.count();
      await press("j", "x", "j", "j", "j", "Shift+X");
      assert.equal(await ticked(), 4);
      await press("*", "n");
      assert.equal(await ticked(), 0);
      await press("*", "a");
      assert.equal(await ticked(), all);
      await press("Escape");
      assert.equal(await ticked(), 0);
      const ja4 = await rows.nth(3).getAttribute("data-ja4");
      await press("*", "j");
      assert.equal(
        await ticked(),
        await page.locator(`a[data-ja4="${ja4}"]`).count(),
      );
      await press("*", "n", "j");
      const id = await rows.nth(4).getAttribute("data-row");
      await page.locator(`[data-preview="${id}"]`).waitFor();
      await press("p");
      assert.ok(!await page.locator(".preview").isVisible());
      await press("p");
      await press("2");
      await page.getByText("1 detection marked false positive").waitFor();
      await listening(page);
      await press("u");
      await page.getByText("1 detection as before").waitFor();
      await listening(page);
      await press("j", "x", "n");
      await page.keyboard.type("seen <b>twice</b>");
      await page.getByRole("button", { name: "Only add the note" }).click();
      await page.getByText("1 detection noted").waitFor();
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step("keys can be turned off, and leave fields alone", async () => {
    await using tab = await dashboard.tab();
    const { page } = tab;
    await dashboard.enter(page, "/detections");
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

  await t.step("all that match is the list as it was looked at", async () => {
    await using tab = await dashboard.tab();
    const { page } = tab;
    const host = "frozen.example.com";
    const before = Date.now() - 60_000;
    await arrive("D-FRZN0001", host, before);
    await arrive("D-FRZN0002", host, before);
    const take = async (): Promise<void> => {
      await page.getByLabel(/all \d that match/).check();
      await page.getByRole("button", { name: "Archive" }).click();
    };
    await dashboard.enter(page, `/detections?host=${host}`);
    // It begins after the list was made: nobody has seen it.
    await arrive("D-FRZN0003", host, Date.now() + 1000);
    await take();
    await page.getByRole("status").filter({ hasText: "2 detections archived" })
      .waitFor();
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
    await arrive("D-FRZN0004", host, before);
    await take();
    await page.getByText("The list has changed").waitFor();
    const [row] = await db.query<{ n: number }>(
      sql`SELECT toUInt32(count()) AS n FROM detections_current
        WHERE http_host = ${host} AND state = 'archived'`,
    );
    assert.equal(row?.n, 0);
  });

  await t.step("mine is what I took", async () => {
    await using tab = await dashboard.tab();
    const { page } = tab;
    await dashboard.enter(page, "/detections");
    await listening(page);
    const first = page.locator("a[data-row]").first();
    const id = await first.getAttribute("data-row");
    await page.keyboard.press("j");
    await page.keyboard.press("m");
    await page.getByText("1 detection assigned to you").waitFor();
    await page.getByRole("link", { name: /^Mine/ }).click();
    assert.equal(await page.locator(`a[data-row="${id}"]`).count(), 1);
    await page.locator("input[name=id]").first().check();
    await page.getByRole("button", { name: "Unassign" }).click();
    await page.getByText("Nothing is assigned to you").waitFor();
    assert.deepEqual(tab.faults, []);
  });

  await t.step("works without scripts, from the login on", async () => {
    await using tab = await dashboard.tab({ javaScriptEnabled: false });
    const { page } = tab;
    await dashboard.enter(page, "/?from=-24h");
    await page.getByText("Requests by traffic class").first().waitFor({
      state: "attached",
    });
    await page.getByText("View as table").first().click();
    assert.ok(await page.locator(".as-table table").first().isVisible());
    assert.ok(!await page.locator(".brush").first().isVisible());
    await page.getByRole("link", { name: "Open inbox" }).click();
    assert.ok(!await page.locator(".copy").first().isVisible());
    // The preview of another row is a link away.
    const row = page.locator("tbody tr").nth(2);
    const id = await row.locator("a[data-row]").getAttribute("data-row");
    await row.getByRole("link", { name: "preview" }).click();
    await page.locator(`[data-preview="${id}"]`).waitFor();
    // So is the menu of a value.
    await row.locator("a.pick").first().click();
    await page.getByRole("link", { name: "Filter out" }).click();
    await page.waitForURL(/q=-ip/);
    await page.locator("input[name=id]").first().check();
    await page.getByRole("button", { name: "Archive" }).click();
    await page.getByRole("status").filter({ hasText: "1 detection archived" })
      .waitFor();
    assert.equal(await inState("archived"), 1);
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("1 detection as before").waitFor();
    assert.equal(await inState("archived"), 0);
    assert.deepEqual(tab.faults, []);
  });

  await t.step(
    "one detection: its contributions add up, its requests by stretch are those of the copied statement",
    async () => {
      await db.insertRows("ja4_catalog", [CHROME_HELLO]);
      await using tab = await dashboard.tab({
        viewport: { width: 1440, height: 900 },
      });
      const { page } = tab;
      await dashboard.enter(page, `/detections/${worst.id}`);
      const [row] = await db.query<
        { score: number; base: number; reasons: string }
      >(
        sql`SELECT toFloat64(score) AS score, toFloat64(base) AS base, reasons FROM detections FINAL
          WHERE id = ${worst.id}`,
      );
      assert(row !== undefined);
      const reasons: { contribution: number }[] = JSON.parse(row.reasons);
      const sum = reasons.reduce(
        (all, one) => all + one.contribution,
        row.base,
      );
      // The score is stored with seven digits, the contributions with six.
      assert.ok(Math.abs(sum - row.score) < 1e-4, `${sum} is not ${row.score}`);

      const [whole] = await db.query<{ n: number }>(
        sql.trusted(
          `SELECT toUInt32(count()) AS n FROM (${await statement(page)})`,
        ),
      );
      assert.ok((whole?.n ?? 0) > 0);
      assert.ok(
        (await page.locator(".card-foot", { hasText: "Newest" }).innerText())
          .replaceAll(/\s/g, "").endsWith(`of${whole?.n}`),
      );
      // A stretch by the arrow keys: what a pointer can do, a keyboard can.
      const brush = page.locator(".lanes .brush");
      await page.locator(".lanes [data-brush-ready]").waitFor();
      await brush.focus();
      for (let step = 0; step < 40; step++) {
        await page.keyboard.press(step < 2 ? "ArrowRight" : "Shift+ArrowRight");
      }
      await page.keyboard.press("Enter");
      await page.waitForURL(/req_from=/);
      const shown = /selection .*\((\d[\d\s]*)\)/.exec(
        await page.locator(".card-note", { hasText: "selection" }).innerText(),
      )?.[1]?.replaceAll(/\D/g, "");
      const [part] = await db.query<{ n: number }>(
        sql.trusted(
          `SELECT toUInt32(count()) AS n FROM (${await statement(page)})`,
        ),
      );
      assert.equal(Number(shown), part?.n);
      assert.ok((part?.n ?? 0) < (whole?.n ?? 0));
      assert.deepEqual(tab.faults, []);
    },
  );

  await t.step("a JA4 is decoded to the names of its lists", async () => {
    await using tab = await dashboard.tab();
    const { page } = tab;
    await dashboard.enter(page, `/ja4/${CHROME_HELLO.ja4}`);
    const lists = page.locator(".code-lists");
    for (
      const text of [
        "TLS_AES_128_GCM_SHA256",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "application_layer_protocol_negotiation",
        "ecdsa_secp256r1_sha256",
        "x25519",
      ]
    ) {
      assert.ok(
        await lists.getByText(text, { exact: false }).first().isVisible(),
        text,
      );
    }
    assert.equal(
      await lists.locator("section").first().locator("li").count(),
      CHROME_HELLO.cipher_suites.length,
    );
    await page.getByText("first ALPN is HTTP/2").waitFor();
    assert.deepEqual(tab.faults, []);
  });

  await t.step("verdict, note, escalation and undo on its page", async () => {
    await using tab = await dashboard.tab();
    const { page } = tab;
    await dashboard.enter(page, `/detections/${worst.id}`);
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
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByText("1 detection as before").waitFor();
    assert.equal(await inState("escalated"), 0);
    assert.deepEqual(tab.faults, []);
  });

  await t.step(
    "a false positive offers a rule, tried before it is written; the next round archives and says why",
    async () => {
      const host = "health.example.com";
      await arrive("D-RXPE0001", host, Date.now() - 3_600_000);
      await using tab = await dashboard.tab();
      const { page } = tab;
      await dashboard.enter(page, "/detections/D-RXPE0001");
      await page.getByRole("button", { name: "False positive" }).click();
      await page.getByText("What comes like it").waitFor();
      await page.getByRole("link", { name: "This address on this host" })
        .click();
      await page.getByText(
        /In the last 7 days it would have met 1 detection; 1 of them/,
      ).waitFor();
      await page.getByLabel("Name").fill("health checks");
      await page.getByRole("button", { name: "Create" }).click();
      await page.getByText("The rule holds. It met 1 detection").waitFor();

      await arrive("D-RXPE0002", host, Date.now());
      await arrive("D-RXPE0003", "other.example.com", Date.now());
      const now = Date.now() * 1000 as UnixMicros;
      assert.equal(await applyRules(dashboard.web.app, now), 1);
      assert.equal(await applyRules(dashboard.web.app, now), 0);
      await page.goto(`${base}/detections/D-RXPE0002`);
      await page.getByText("rule:health checks").waitFor();
      await page.getByText("archived it", { exact: false }).waitFor();
      // What a person brings back stays: the rule acts on what nobody has touched.
      await page.getByRole("button", { name: "Back to inbox" }).click();
      await page.getByText("put it back into the inbox").waitFor();
      assert.equal(await applyRules(dashboard.web.app, now), 0);

      await page.goto(`${base}/rules`);
      await page.getByRole("button", { name: "Remove" }).click();
      await page.getByText("The rule is gone").waitFor();
      await arrive("D-RXPE0004", host, Date.now());
      assert.equal(await applyRules(dashboard.web.app, now), 0);
      const [audit] = await db.query<{ actions: string[] }>(
        sql`SELECT groupArray(action) AS actions FROM (
          SELECT action FROM audit_log WHERE object_kind = 'triage_rule' ORDER BY ts)`,
      );
      assert.deepEqual(audit?.actions, ["rule_create", "rule_remove"]);
      assert.deepEqual(tab.faults, []);
    },
  );
});

/** The detection whose row has the focus; null where the focus is elsewhere. */
async function focusedRow(page: Page): Promise<string | null> {
  return await page.evaluate(() =>
    document.activeElement?.getAttribute("data-row") ?? null
  );
}

/** The statement that "Copy SQL" copies. */
async function statement(page: Page): Promise<string> {
  return await page.getByRole("button", { name: "Copy SQL" })
    .getAttribute("data-text") ?? "";
}
