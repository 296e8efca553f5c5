/** Severity as glyph, colour and word, together: none of them stands alone. @module */
import type { VNode } from "preact";
import type { Severity } from "../../lib/events.ts";
import { BY_WEIGHT, type SeverityCounts } from "../data/severity.ts";

const WORDS: Readonly<Record<Severity, string>> = {
  critical: "Critical",
  high: "High",
  medium: "Medium",
  low: "Low",
};

/** The word for a severity. */
export function severityWord(severity: Severity): string {
  return WORDS[severity];
}

/** Octagon, triangle, diamond, circle, from critical to low. */
const SHAPES: Readonly<Record<Severity, string>> = {
  critical: "M5 1h6l4 4v6l-4 4H5l-4-4V5z",
  high: "M8 1.5 15.2 14H.8z",
  medium: "M8 .8 15.2 8 8 15.2.8 8z",
  low: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2z",
};

/** The glyph; with `label` it says its word to those who do not see it. */
export function SeverityGlyph(
  { severity, label = false }: { severity: Severity; label?: boolean },
): VNode {
  return (
    <svg
      class={`glyph sev-${severity}`}
      viewBox="0 0 16 16"
      width="14"
      height="14"
      {...(label
        ? { role: "img", "aria-label": WORDS[severity] }
        : { "aria-hidden": "true" })}
    >
      <path d={SHAPES[severity]} />
    </svg>
  );
}

/** Glyph and word in a coloured box. */
export function SeverityBadge({ severity }: { severity: Severity }): VNode {
  return (
    <span class={`badge sev-badge sev-${severity}`}>
      <SeverityGlyph severity={severity} />
      {WORDS[severity]}
    </span>
  );
}

/** Counts by severity as one bar; the numbers stand in its title and in the text beside it. */
export function SeverityBar({ counts }: { counts: SeverityCounts }): VNode {
  const total = BY_WEIGHT.reduce((sum, one) => sum + counts[one], 0);
  let x = 0;
  const text = BY_WEIGHT.filter((one) => counts[one] > 0)
    .map((one) => `${counts[one]} ${one}`).join(", ");
  return (
    <svg
      class="sev-bar"
      width="100%"
      height="7"
      role="img"
      aria-label={text === "" ? "none" : text}
    >
      {total === 0
        ? <rect class="track" width="100%" height="7" rx="2" />
        : BY_WEIGHT.filter((one) => counts[one] > 0).map((one) => {
          const width = counts[one] / total * 100;
          const rect = (
            <rect
              key={one}
              class={`sev-${one}`}
              x={`${x}%`}
              width={`${Math.max(1, width - 0.8)}%`}
              height="7"
              rx="2"
            />
          );
          x += width;
          return rect;
        })}
    </svg>
  );
}
