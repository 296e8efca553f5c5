/** web/fresh in a real browser: its fixture's islands come alive, and share what they were given. */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { exists, needs } from "../lib/testing.ts";
import { App } from "../web/fresh/app.ts";
import { Builder } from "../web/fresh/dev.ts";
import { csp, staticFiles } from "../web/fresh/middlewares.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(
  exists,
);

Deno.test(
  "islands in Chromium",
  // The browser's own timers and pipes outlive the steps.
  {
    ...needs(CHROMIUM !== undefined, "no Chromium"),
    sanitizeOps: false,
    sanitizeResources: false,
  },
  async (t) => {
    const app = new App<unknown>()
      .use(csp({
        useNonce: true,
        csp: ["script-src 'self' 'unsafe-inline'", "style-src 'self'"],
      }))
      .use(staticFiles())
      .get("/favicon.ico", () => new Response())
      .fsRoutes();
    const root = new URL("../web/fresh/fixture", import.meta.url).pathname;
    (await new Builder({ root }).build({ snapshot: "memory" }))(app);
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      app.handler(),
    );
    const browser = await chromium.launch({
      executablePath: CHROMIUM ?? "",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
      ],
    });
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        faults.push(message.text());
      }
    });
    await page.goto(`http://127.0.0.1:${server.addr.port}/`);
    const shown = (id: string): Promise<string> =>
      page.locator(`#${id} output`).innerText();
    const press = (id: string): Promise<void> =>
      page.locator(`#${id} button`).click();

    await t.step("one signal given to two islands stays one", async () => {
      await page.waitForFunction(() => {
        document.querySelector<HTMLElement>("#one button")?.click();
        return document.querySelector("#two output")?.textContent !== "3";
      });
      const before = Number(await shown("one"));
      await press("two");
      assert.deepEqual([await shown("one"), await shown("two")], [
        String(before + 1),
        String(before + 1),
      ]);
    });
    await t.step("props arrive as they were", async () => {
      assert.equal(
        await page.locator("#one").getAttribute("title"),
        '</script><b>"x"',
      );
      assert.equal(
        await page.locator("#one time").innerText(),
        "2026-11-22T09:00:00.000Z",
      );
    });
    await t.step(
      "children stay the server's, and islands among them come alive again",
      async () => {
        await press("inner");
        assert.equal(await shown("inner"), "1");
        await page.locator("#toggle").click();
        assert.equal(await page.locator("#slot").count(), 0);
        await page.locator("#toggle").click();
        assert.equal(await page.locator("#slot").innerText(), "server HTML");
        await press("inner");
        assert.notEqual(await shown("inner"), "0");
      },
    );
    await t.step(
      "the policy was not violated",
      () => assert.deepEqual(faults, []),
    );

    await browser.close();
    await server.shutdown();
  },
);
