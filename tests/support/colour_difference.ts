/**
 * How far apart two colours look: CIEDE2000 between sRGB colours, and sRGB as eyes without one kind of cone
 * see it.
 *
 * @module
 */

/** Three parts of a colour: of sRGB 0..1, or L*, a*, b*. */
export type Triple = readonly [number, number, number];

/** Kinds of cone that an eye may lack. */
export type Deficiency = "protan" | "deutan" | "tritan";

/**
 * What an eye without one kind of cone makes of linear RGB, in rows (Machado, Oliveira and Fernandes 2009,
 * "A Physiologically-based Model for Simulation of Color Vision Deficiency", severity 1.0).
 */
const SEEN: Readonly<Record<Deficiency, readonly [Triple, Triple, Triple]>> = {
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** sRGB as light (IEC 61966-2-1). */
export function linear(rgb: Triple): Triple {
  return each(
    rgb,
    (value) =>
      value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
  );
}

/** L*, a*, b* under D65 of an sRGB colour, as seen by an eye with `deficiency` where one is named. */
export function labOf(rgb: Triple, deficiency?: Deficiency): Triple {
  const light = linear(rgb);
  const seen = deficiency === undefined ? light : each(
    SEEN[deficiency],
    (row) => Math.min(1, Math.max(0, dot(row, light))),
  );
  const [x, y, z] = [
    dot([0.4124564, 0.3575761, 0.1804375], seen) / 0.95047,
    dot([0.2126729, 0.7151522, 0.072175], seen),
    dot([0.0193339, 0.119192, 0.9503041], seen) / 1.08883,
  ].map((value) =>
    value > 216 / 24389 ? Math.cbrt(value) : (24389 / 27 * value + 16) / 116
  ) as [number, number, number];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * CIEDE2000 between two L*, a*, b* (Sharma, Wu and Dalal 2005, "The CIEDE2000 Color-Difference Formula:
 * Implementation Notes"; the numbers are those of its equations), all weights 1.
 */
export function colourDifference(one: Triple, other: Triple): number {
  const [l1, a1, b1] = one;
  const [l2, a2, b2] = other;
  const chroma = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2; // (3)
  const g = (1 - shareOf25(chroma)) / 2; // (4)
  const [x1, x2] = [(1 + g) * a1, (1 + g) * a2]; // (5)
  const [c1, c2] = [Math.hypot(x1, b1), Math.hypot(x2, b2)]; // (6)
  const [h1, h2] = [hueOf(x1, b1), hueOf(x2, b2)]; // (7)
  const grey = c1 * c2 === 0;
  const apart = h2 - h1;
  const turn = Math.abs(apart) <= 180 ? 0 : apart > 180 ? -360 : 360;
  const deltaL = l2 - l1; // (8)
  const deltaC = c2 - c1; // (9)
  const deltaH = 2 * Math.sqrt(c1 * c2) *
    sine((grey ? 0 : apart + turn) / 2); // (10), (11)
  const lightness = (l1 + l2) / 2; // (12)
  const chroma2 = (c1 + c2) / 2; // (13)
  const sum = h1 + h2;
  const hue = grey // (14)
    ? sum
    : turn === 0
    ? sum / 2
    : (sum < 360 ? sum + 360 : sum - 360) / 2;
  const t = 1 - 0.17 * cosine(hue - 30) + 0.24 * cosine(2 * hue) +
    0.32 * cosine(3 * hue + 6) - 0.2 * cosine(4 * hue - 63); // (15)
  const theta = 30 * Math.exp(-(((hue - 275) / 25) ** 2)); // (16)
  const fromMiddle = (lightness - 50) ** 2;
  const scaleL = 1 + 0.015 * fromMiddle / Math.sqrt(20 + fromMiddle); // (18)
  const scaleC = 1 + 0.045 * chroma2; // (19)
  const scaleH = 1 + 0.015 * chroma2 * t; // (20)
  const turned = -sine(2 * theta) * 2 * shareOf25(chroma2); // (17), (21)
  const [l, c, h] = [deltaL / scaleL, deltaC / scaleC, deltaH / scaleH];
  return Math.sqrt(l * l + c * c + h * h + turned * c * h); // (22)
}

function shareOf25(chroma: number): number {
  return Math.sqrt(chroma ** 7 / (chroma ** 7 + 25 ** 7));
}

/** Degrees 0..360; 0 of a grey. */
function hueOf(a: number, b: number): number {
  return (Math.atan2(b, a) * 180 / Math.PI + 360) % 360;
}

function sine(degrees: number): number {
  return Math.sin(degrees * Math.PI / 180);
}

function cosine(degrees: number): number {
  return Math.cos(degrees * Math.PI / 180);
}

function dot(one: Triple, other: Triple): number {
  return one[0] * other[0] + one[1] * other[1] + one[2] * other[2];
}

function each<Part>(
  triple: readonly [Part, Part, Part],
  of: (part: Part) => number,
): Triple {
  return [of(triple[0]), of(triple[1]), of(triple[2])];
}
