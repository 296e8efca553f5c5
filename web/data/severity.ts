/** Severities as pages order and count them. @module */
import type { Severity } from "../../lib/events.ts";

/** Most severe first, as every list is ordered. */
export const BY_WEIGHT: readonly Severity[] = [
  "critical",
  "high",
  "medium",
  "low",
];

/** How many of each severity. */
export type SeverityCounts = Readonly<Record<Severity, number>>;

/** A value of the database, which a newer detector may have written. */
export function severityOf(text: string): Severity {
  return BY_WEIGHT.find((severity) => severity === text) ?? "low";
}
