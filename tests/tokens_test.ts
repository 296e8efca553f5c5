/**
 * The colours of web/static/tokens.css: every pair of text and ground that the style sheets use has a
 * contrast of 4.5, every mark and edge of a control 3 (WCAG 2.2, 1.4.3 and 1.4.11), in both themes; and
 * severities keep their order of lightness, so that they are told apart without hue. Any two severities and
 * any two traffic classes are far apart for every eye.
 */
import assert from "node:assert/strict";
import {
  colourDifference,
  type Deficiency,
  labOf,
  linear,
  type Triple,
} from "./support/colour_difference.ts";

const TOKENS = await Deno.readTextFile(
  new URL("../web/static/tokens.css", import.meta.url),
);

type Theme = "light" | "dark";

function colour(name: string, theme: Theme): Triple {
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
function luminance(rgb: Triple): number {
  const [r, g, b] = linear(rgb);
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

/** Smallest CIEDE2000 that two colours of a set may have, by how the eye sees. */
type Apart = Readonly<Record<"normal" | Deficiency, number>>;

/** Sets of colours that stand side by side; what they have is at most 0.1 more. */
const SETS: readonly {
  readonly prefix: string;
  readonly names: readonly string[];
  readonly least: Readonly<Record<Theme, Apart>>;
}[] = [
  {
    prefix: "sev",
    names: ["critical", "high", "medium", "low", "info"],
    least: {
      light: { normal: 19.4, protan: 16.8, deutan: 10.3, tritan: 17.8 },
      dark: { normal: 17.6, protan: 13.2, deutan: 14.2, tritan: 13.6 },
    },
  },
  {
    prefix: "cls",
    names: ["human", "verified", "likely", "anomalous"],
    least: {
      light: { normal: 27.9, protan: 21.9, deutan: 20.4, tritan: 16.7 },
      dark: { normal: 35.8, protan: 27.9, deutan: 21.2, tritan: 25.1 },
    },
  },
];

for (const { prefix, names, least } of SETS) {
  for (const theme of ["light", "dark"] as const) {
    Deno.test(`any two of --${prefix}-* are far apart for every eye, ${theme}`, () => {
      const faults: string[] = [];
      for (const eye of ["normal", "protan", "deutan", "tritan"] as const) {
        const seen = names.map((name) =>
          labOf(
            colour(`${prefix}-${name}`, theme),
            eye === "normal" ? undefined : eye,
          )
        );
        for (const [at, one] of seen.entries()) {
          for (const [after, other] of seen.slice(at + 1).entries()) {
            const found = colourDifference(one, other);
            if (found < least[theme][eye]) {
              faults.push(
                `${names[at]} and ${names[at + 1 + after]}, ${eye}: ${
                  found.toFixed(2)
                }, ${least[theme][eye]} asked for`,
              );
            }
          }
        }
      }
      assert.deepEqual(faults, []);
    });
  }
}

Deno.test("colourDifference() is that of the published pairs, both ways", () => {
  // Sharma, Wu and Dalal 2005, table 1: a blue, hues to both sides of 180 degrees, a dark pair, a far one.
  const pairs: readonly (readonly [Triple, Triple, number])[] = [
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, 2.49, -0.001], [50, -2.49, 0.0009], 7.1792],
    [[50, 2.49, -0.001], [50, -2.49, 0.0011], 7.2195],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ];
  for (const [one, other, published] of pairs) {
    assert.equal(colourDifference(one, other).toFixed(4), published.toFixed(4));
    assert.equal(colourDifference(other, one).toFixed(4), published.toFixed(4));
  }
});

Deno.test("labOf() leaves white and grey what they are, for every eye", () => {
  for (const eye of [undefined, "protan", "deutan", "tritan"] as const) {
    const [l, a, b] = labOf([1, 1, 1], eye);
    assert.ok(Math.abs(l - 100) < 0.01 && Math.hypot(a, b) < 0.02, eye);
    const grey = labOf([0.5, 0.5, 0.5], eye);
    assert.ok(Math.hypot(grey[1], grey[2]) < 0.02, eye);
  }
});
