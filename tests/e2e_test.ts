/**
 * The demonstration as its user meets it: from the command to an explained detection in the browser
 * within a minute, and the same connection on both sides of every request.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { CLIENTS } from "../tools/demo/clients.ts";
import { SITE_HOST } from "../tools/demo/httpd.ts";
import { sql, typed } from "../lib/sql.ts";
import { eventually, exists, needs } from "../lib/testing.ts";
import { findChromium, startBrowser } from "./support/browser.ts";
import {
  descendants,
  listens,
  processes,
  RunningDemo,
  untilGone,
} from "./support/demo.ts";

/** From the start to a detection on the screen. */
const TARGET_MS = 60_000;

/** Addresses of four clients that are truly different, and one request of each. */
const REAL_CLIENTS = [
  { name: "curl", address: "127.0.0.11", path: "/lamps.html" },
  { name: "openssl", address: "127.0.0.13", path: "/robots.txt" },
  { name: "python", address: "127.0.0.14", path: "/prices.json" },
  { name: "Chromium", address: "127.0.0.1", path: "/shop.js" },
] as const;

const root = needs(Deno.uid() === 0, "needs root: live capture");
const chromium = needs(findChromium() !== undefined, "no Chromium");

Deno.test({
  name:
    "the demonstration: real clients joined, a detection explained, nothing left behind",
  ignore: root.ignore || chromium.ignore,
  // The browser's driver keeps pipes and timers of its own.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async (t) => {
    await using demo = await RunningDemo.start();
    const browser = await startBrowser();
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(15_000);

      await t.step("the printed link logs in, once", async () => {
        const link = demo.loginUrl ?? "";
        await page.goto(link);
        await page.getByRole("button", { name: "Log in" }).click();
        await page.waitForURL(`${demo.base}/`);
        await page.context().clearCookies();
        await page.goto(link);
        await page.getByRole("button", { name: "Log in" }).click();
        await page.getByText("used already").waitFor();
        await logIn(demo, page);
      });

      for (const client of REAL_CLIENTS) {
        await t.step(
          `${client.name} is seen with its handshake`,
          () => seeClient(demo, page, client),
        );
      }

      await t.step("the four clients have four fingerprints", async () => {
        await using database = await demo.database();
        const rows = await database.query<{ ja4: string }>(sql`
          SELECT any(ja4) AS ja4 FROM http_events
          WHERE match = 'conn' AND toString(src_ip) IN ${
          REAL_CLIENTS.map(({ address }) => `::ffff:${address}`)
        }
          GROUP BY src_ip`);
        assert.equal(
          new Set(rows.map(({ ja4 }) => ja4)).size,
          REAL_CLIENTS.length,
        );
      });

      await t.step("a detection is explained", async () => {
        const link = await eventually("a detection in the list", async () => {
          await page.goto(`${demo.base}/detections`);
          const links = page.locator('main a[href^="/detections/D-"]');
          return await links.count() > 0 && links.first();
        }, TARGET_MS);
        // At its beginning: in its middle the row has a link to the preview.
        await link.click({ position: { x: 12, y: 12 } });
        await page.waitForURL("**/detections/D-*");
        const text = await page.locator("main").innerText();
        assert.match(text, /typical|usual|because|why/i);
      });

      await t.step("all of it within a minute of the start", () => {
        const tookMs = performance.now() - demo.startedMs;
        assert(tookMs < TARGET_MS, `it took ${Math.round(tookMs)} ms`);
      });

      await t.step(
        "both sides have the same port on 100 % of 200 requests",
        () => samePorts(demo),
      );
    } finally {
      await browser.close();
    }

    await t.step("Ctrl-C leaves no process, no port, no file", async () => {
      const before = await descendants(demo.pid);
      assert(before.length > CLIENTS.length, "the parts and clients run");
      assert.equal(await demo.stop(), 0, demo.lines.join("\n"));
      await untilGone(before);
      const base = new URL(demo.base);
      for (const port of [Number(base.port), demo.httpsPort, demo.storePort]) {
        assert(!await listens(port), `something listens on ${port}`);
      }
      assert(!exists(demo.folder), "the folder is gone");
      const commands = (await processes()).map(({ command }) => command);
      assert(!commands.some((command) => command.includes(demo.folder)));
    });
  },
});

/** Logs in with a link of its own, as `ja4ctl login` makes one. */
async function logIn(demo: RunningDemo, page: Page): Promise<void> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "ctl/main.ts", "login", "demo"],
    env: {
      JA4_APP__URL: `http://127.0.0.1:${demo.storePort}`,
      JA4_APP__PASSWORD_FILE: `${demo.folder}/store/secrets/app.password`,
    },
  }).output();
  assert.equal(code, 0);
  const token = new URL(new TextDecoder().decode(stdout).trim()).search;
  await page.goto(`${demo.base}/login${token}`);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(`${demo.base}/`);
}

/** The address page of a client shows its fingerprint and a request of it. */
async function seeClient(
  demo: RunningDemo,
  page: Page,
  { name, address, path }: typeof REAL_CLIENTS[number],
): Promise<void> {
  await eventually(`${name} on its page`, async () => {
    const answer = await page.goto(`${demo.base}/ip/${address}`);
    if (answer?.status() !== 200) return false;
    const text = await page.locator("main").innerText();
    const fingerprints = await page.locator(
      'main a[href^="/ja4/t13d"], main a[href^="/ja4/t12d"]',
    ).count();
    return fingerprints > 0 && text.includes(path);
  }, 30_000);
}

/** A hundred requests over one HTTP/1.1 connection and a hundred over HTTP/2, counted on both sides. */
async function samePorts(demo: RunningDemo): Promise<void> {
  const requests = 100;
  for (const version of ["1.1", "2"]) {
    const marker = `ports-${version}`;
    const wanted = await curlPorts(demo, { version, marker, requests });
    assert.equal(wanted.length, requests);
    await using database = await demo.database();
    const seen = await eventually(
      `${requests} requests over HTTP/${version}`,
      async () => {
        const rows = await database.query<
          { n: string; src_port: number; match: string; ja4: string }
        >(sql`
        SELECT extract(url_query, 'n=(\\\\d+)') AS n, src_port, match, ja4 FROM http_events
        WHERE user_agent = ${marker} AND src_ip = ${
          typed("::ffff:127.0.0.21", "IPv6")
        }`);
        return rows.length >= requests && rows;
      },
      20_000,
    );
    assert.equal(seen.length, requests);
    const ports = new Map(seen.map(({ n, src_port }) => [Number(n), src_port]));
    for (const [n, port] of wanted.entries()) {
      assert.equal(ports.get(n), port, `request ${n} over HTTP/${version}`);
    }
    assert(seen.every(({ match, ja4 }) => match === "conn" && ja4 !== ""));
    assert(
      new Set(wanted).size < requests / 10,
      "the connections were kept alive",
    );
  }
}

/** Local port of each request, as curl tells it. */
async function curlPorts(
  demo: RunningDemo,
  { version, marker, requests }: {
    version: string;
    marker: string;
    requests: number;
  },
): Promise<number[]> {
  const { stdout, success } = await new Deno.Command("curl", {
    args: [
      `--http${version}`,
      "--silent",
      "--insecure",
      "--interface",
      "127.0.0.21",
      "--user-agent",
      marker,
      "--resolve",
      `${SITE_HOST}:${demo.httpsPort}:127.0.0.1`,
      "--write-out",
      "%{local_port}\n",
      ...Array.from({ length: requests }, (_, n) => [
        "--output",
        "/dev/null",
        `https://${SITE_HOST}:${demo.httpsPort}/prices.json?n=${n}`,
      ]).flat(),
    ],
  }).output();
  assert(success);
  return new TextDecoder().decode(stdout).trim().split("\n").map(Number);
}
