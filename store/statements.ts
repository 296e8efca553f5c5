/**
 * SQL text in, its statements out. One statement is one request, so a file is split; a semicolon
 * inside quotes, a comment or a heredoc does not split.
 *
 * @module
 */

// What a scan may meet, in this order: the four kinds of text in which a semicolon is none, then the separator.
const TOKEN = new RegExp(
  [
    /--[^\n]*/, // comment to the end of the line
    /\/\*[\s\S]*?(?:\*\/|$)/, // block comment; ClickHouse does not nest them
    /'(?:[^'\\]|\\[\s\S])*(?:'|$)/, // a doubled quote reads as two strings in a row, which splits nothing
    /"(?:[^"\\]|\\[\s\S])*(?:"|$)/,
    /`(?:[^`\\]|\\[\s\S])*(?:`|$)/,
    /\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/, // heredoc
    /;/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/** The statements of `text`, without comments outside of them and without their semicolons. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  let current = "";
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0];
    current += text.slice(end, match.index);
    end = match.index + token.length;
    if (token === ";") {
      statements.push(current.trim());
      current = "";
    } else if (token.startsWith("--") || token.startsWith("/*")) {
      current += " "; // a comment separates words
    } else current += token;
  }
  statements.push((current + text.slice(end)).trim());
  return statements.filter((statement) => statement !== "");
}
