/**
 * Where the cards of six pages lie and what colours they have, in both themes, against
 * tests/golden/layout.json: `JA4_TEST_UPDATE=1` writes it anew. docs/dashboard.md says why these and not
 * pictures are compared.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startDashboard, WITH_BROWSER } from "../support/journey.ts";

const GOLDEN = new URL("../golden/layout.json", import.meta.url);
const WIDTH = 1440;

/** Of one page: cards in order, `title: left, width`, and the colours that text and surfaces have. */
interface Layout {
  readonly cards: readonly string[];
  readonly colours: Readonly<Record<string, string>>;
}

Deno.test(
  "cards of the pages lie where they lay, in their colours",
  WITH_BROWSER,
  async () => {
    await using dashboard = await startDashboard();
    const { worst, base } = dashboard;
    const pages = {
      overview: "/?from=-6h",
      inbox: "/detections",
      detection: `/detections/${worst.id}`,
      address: `/ip/${worst.src_ip}?from=-6h`,
      ja4: `/ja4/${worst.ja4}?from=-6h`,
      explorer: "/explore?from=-6h",
    };
    const found: Record<string, Layout> = {};
    for (const colorScheme of ["light", "dark"] as const) {
      await using tab = await dashboard.tab({
        colorScheme,
        reducedMotion: "reduce",
        viewport: { width: WIDTH, height: 1000 },
      });
      await dashboard.enter(tab.page, "/health");
      for (const [name, path] of Object.entries(pages)) {
        // Each panel is there, however slow the machine is.
        await tab.page.goto(
          `${base}${path}${path.includes("?") ? "&" : "?"}wait=1`,
        );
        found[`${name} ${colorScheme}`] = await tab.page.evaluate(layoutOf);
      }
      assert.deepEqual(tab.faults, []);
    }
    if (Deno.env.get("JA4_TEST_UPDATE") === "1") {
      await Deno.writeTextFile(GOLDEN, JSON.stringify(found, null, 2) + "\n");
    }
    assert.deepEqual(found, JSON.parse(await Deno.readTextFile(GOLDEN)));
  },
);

/** Runs in the page. Heights are left out: they follow the traffic and the fonts. */
function layoutOf(): Layout {
  const shown = [...document.querySelectorAll<HTMLElement>(".main .card")]
    .filter((card) => card.checkVisibility());
  const colours = (selector: string): readonly [string, string][] => {
    const element = document.querySelector(selector);
    if (element === null) return [];
    const { color, backgroundColor, borderTopColor } = getComputedStyle(
      element,
    );
    return [[selector, `${color}, ${backgroundColor}, ${borderTopColor}`]];
  };
  return {
    cards: shown.map((card) => {
      const title = card.querySelector("h2")?.textContent ??
        card.getAttribute("aria-label") ?? card.className;
      const { left, width } = card.getBoundingClientRect();
      return `${title}: ${Math.round(left)}, ${Math.round(width)}`;
    }),
    colours: Object.fromEntries(
      ["body", ".nav", ".card", ".btn", ".ja4-a", ".ja4-b", ".ja4-c"].flatMap(
        (selector) => [...colours(selector)],
      ),
    ),
  };
}
