/**
 * The colours of web/static/tokens.css: every pair of text and ground that the style sheets use has a
 * contrast of 4.5, every mark and edge of a control 3 (WCAG 2.2, 1.4.3 and 1.4.11), in both themes; and
 * severities keep their order of lightness, so that they are told apart without hue.
 */
import assert from "node:assert/strict";

const TOKENS = await Deno.readTextFile(
  new URL("../web/static/tokens.css", import.meta.url),
);

type Theme = "light" | "dark";

function colour(name: string, theme: Theme): readonly [number, number, number] {
  const match = new RegExp(
    `--${name}:\\s*light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`,
  ).exec(TOKENS);
  assert(match !== null, `--${name} is not a pair of colours`);
  const hex = (theme === "light" ? match[1] : match[2]) ?? "";
  const part = (at: number): number =>
    parseInt(hex.slice(at, at + 2), 16) / 255;
  return [part(1), part(3), part(5)];
}

/** Relative luminance (WCAG 2.2, definitions). */
function luminance(rgb: readonly [number, number, number]): number {
  const [r, g, b] = rgb.map((value) =>
    value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  ) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string, theme: Theme): number {
  const [a, b] = [one, other].map((name) => luminance(colour(name, theme))) as [
    number,
    number,
  ];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const SURFACES = ["bg", "surface", "surface-2", "nav"];
const TEXT: readonly (readonly [string, string])[] = [
  ...["text", "text-2"].flatMap((text) =>
    [...SURFACES, "surface-3", "accent-soft"].map((ground) =>
      [text, ground] as const
    )
  ),
  ...SURFACES.map((ground) => ["text-3", ground] as const),
  ...SURFACES.map((ground) => ["accent", ground] as const),
  ["accent", "accent-soft"],
  ["accent-ink", "accent"],
  ...["critical", "high", "medium", "low"].flatMap((one) =>
    [
      [`sev-${one}-text`, `sev-${one}-soft`],
      [`sev-${one}-text`, "surface"],
    ] as const
  ),
  ["ok", "ok-soft"],
  ["ok", "surface"],
  ["ja4-a", "surface"],
  ["ja4-b", "surface"],
  ["ja4-c", "surface"],
  ["ja4-a", "surface-2"],
  ["ja4-b", "surface-2"],
  ["ja4-c", "surface-2"],
  ["chart-axis", "surface"],
];
const MARKS: readonly (readonly [string, string])[] = [
  ["border-strong", "surface"],
  ["border-strong", "bg"],
  ["focus", "surface"],
  ["focus", "bg"],
  ["sev-critical", "surface"],
  ["sev-high", "surface"],
  ["sev-medium", "surface"],
  ["sev-low", "surface"],
  ["sev-info", "surface"],
  ["cls-human", "surface"],
  ["cls-verified", "surface"],
  ["cls-likely", "surface"],
  ["cls-anomalous", "surface"],
];

for (const theme of ["light", "dark"] as const) {
  Deno.test(`tokens have the contrast that WCAG asks for, ${theme}`, () => {
    const faults = [
      ...TEXT.map((pair) => [...pair, 4.5] as const),
      ...MARKS.map((pair) => [...pair, 3] as const),
    ].flatMap(([one, other, least]) => {
      const found = contrast(one, other, theme);
      return found >= least
        ? []
        : [`${one} on ${other}: ${found.toFixed(2)}, ${least} asked for`];
    });
    assert.deepEqual(faults, []);
  });
}

Deno.test("severities differ in lightness, each from the next", () => {
  for (const theme of ["light", "dark"] as const) {
    const order = ["critical", "high", "medium"].map((one) =>
      luminance(colour(`sev-${one}`, theme))
    );
    for (let at = 1; at < order.length; at++) {
      assert.ok((order[at] ?? 0) > (order[at - 1] ?? 0) * 1.3, theme);
    }
  }
});
