/** Rows of texts as a table for the terminal: columns aligned, control characters visible. @module */
import { printable } from "../lib/text.ts";

/** Lines, the first row above the others; numbers stand at the right of their column. */
export function asTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const columns = shown[0]?.length ?? 0;
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)),
  );
  const numeric = widths.map((_, column) =>
    shown.length > 1 &&
    shown.slice(1).every((row) =>
      /^[\d.,]*( [kMGT]?i?B)?$/.test(row[column] ?? "")
    )
  );
  return shown.map((row) =>
    row.map((cell, column) =>
      numeric[column]
        ? cell.padStart(widths[column] ?? 0)
        : cell.padEnd(widths[column] ?? 0)
    ).join("  ").trimEnd()
  ).join("\n");
}

/** Bytes for people: `1.4 GiB`. */
export function sizeOf(bytes: number): string {
  const units = ["B", "kiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1
    ? 0
    : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${(bytes / 2 ** (10 * power)).toFixed(power === 0 ? 0 : 1)} ${
    units[power]
  }`;
}
