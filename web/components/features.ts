/** The detector's features in words and units. One that the table does not know is shown by its name. @module */
import { featureNamed, type FeatureUnit } from "../../lib/features.ts";
import { count, figure, percent } from "./format.ts";

/** What a page says of a feature. */
export interface FeatureView {
  readonly label: string;
  /** A value with its unit. */
  format(value: number): string;
  /** Where a value lies on the feature's axis; rises with the value. */
  axis(value: number): number;
}

/** The words for `name`. */
export function featureView(name: string): FeatureView {
  const known = featureNamed(name);
  return {
    label: known?.label ?? sentence(name),
    format: (value) => format(value, known?.unit ?? "index"),
    axis: (value) =>
      known?.scale === "log" ? Math.log1p(Math.max(0, value)) : value,
  };
}

function sentence(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function format(value: number, unit: FeatureUnit): string {
  switch (unit) {
    case "share":
      return percent(value);
    case "count":
      return Number.isInteger(value) ? count(value) : figure(value);
    case "bits":
      return `${value.toFixed(1)} bits`;
    case "ms":
    case "s":
      return `${figure(value)} ${unit}`;
    case "index":
      return figure(Math.round(value * 10) / 10);
  }
}
