/** What generated pages share. @module */

/** A note at the top of a page that nobody should edit. */
export function generatedFrom(source: string): string {
  return `*Made by \`deno task documents\` from ${source}; a test fails when it is stale.*`;
}

/** Text for a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll(
    "<",
    "&lt;",
  );
}
