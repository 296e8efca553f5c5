/** A browser's window on the dashboard, which notes everything that should not happen. @module */
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Rules of WCAG 2.2 up to level AA that axe can check. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** A profile of its own with one tab. */
export interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What went wrong so far, in words: console messages, errors, requests to other hosts. */
  readonly faults: string[];
}

/** Opens one; a violation of the policy is a console message and so a fault. */
export async function visit(
  browser: Browser,
  base: string,
  options: BrowserContextOptions,
): Promise<Visit> {
  const context = await browser.newContext(options);
  const faults: string[] = [];
  context.on(
    "weberror",
    (event) => faults.push(`error: ${event.error().message}`),
  );
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      faults.push(message.text());
    }
  });
  context.on("request", (request) => {
    if (!request.url().startsWith(base)) faults.push(`asked ${request.url()}`);
  });
  return {
    page: await context.newPage(),
    faults,
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** Rules broken on the page, each with where. */
export async function axeFaults(page: Page): Promise<string[]> {
  // The protocol's evaluate is not under the page's policy, as a script element would be.
  if (!await page.evaluate(() => "axe" in globalThis)) {
    await page.evaluate(axe.source);
  }
  return await page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document, {
      runOnly: { type: "tag", values: tags },
      resultTypes: ["violations"],
    });
    return violations.map(({ id, nodes }) =>
      `${id}: ${nodes.map((node) => node.html).join(" | ")}`
    );
  }, RULES);
}
