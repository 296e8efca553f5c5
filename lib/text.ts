/**
 * Hostile text made visible. Everything a client sent may hold control bytes, terminal escapes or
 * bidirectional overrides; wherever it meets a person (log, terminal, page, CSV) it passes here.
 *
 * @module
 */

// C0, DEL and C1 controls; zero-width and bidirectional controls; line and paragraph separators; BOM.
const INVISIBLE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** `text` with every invisible or direction-changing character written as `\u{hex}`. */
export function printable(text: string): string {
  return text.toWellFormed().replace(
    INVISIBLE,
    (char) => `\\u{${char.charCodeAt(0).toString(16).padStart(2, "0")}}`,
  );
}

/** At most `max` characters of `text`, cut in the middle with an ellipsis. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (max - 1 - head))}`;
}

/**
 * One CSV cell, always quoted. A leading `= + - @`, tab or carriage return gets an apostrophe, so
 * that a spreadsheet reads text and not a formula (OWASP, "CSV Injection").
 */
export function csvCell(value: string | number | bigint | boolean): string {
  const text = printable(String(value));
  const guarded = typeof value === "string" && /^[=+\-@\t\r]/.test(value)
    ? `'${text}`
    : text;
  return `"${guarded.replaceAll('"', '""')}"`;
}
