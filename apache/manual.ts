/**
 * docs/apache-module.md in, the manual page mod_reqin_log(8) out on stdout:
 *
 *     deno task manual > mod_reqin_log.8
 *
 * Knows as much Markdown as that file uses: headings, paragraphs, lists, code, tables.
 *
 * @module
 */
import { VERSION } from "../lib/version.ts";

const SOURCE = new URL("../docs/apache-module.md", import.meta.url);

/** The page in man(7). The first paragraph says what it is about. */
export function manualPage(markdown: string): string {
  const [intro = "", ...sections] = markdown.split(/^## /m);
  const summary = intro.split("\n").slice(2).join("\n").trim();
  return [
    `.TH MOD_REQIN_LOG 8 "" "ja4-platform ${VERSION}"`,
    ".SH NAME",
    "mod_reqin_log \\- one JSON event for every HTTP request of Apache httpd",
    ".SH SYNOPSIS",
    ".B LoadModule reqin_log_module modules/mod_reqin_log.so",
    ".SH DESCRIPTION",
    ...blocks(summary),
    ...sections.flatMap((section) => {
      const [title = "", ...lines] = section.split("\n");
      return [
        `.SH ${inline(title).toUpperCase()}`,
        ...blocks(lines.join("\n")),
      ];
    }),
    ".SH SEE ALSO",
    ".BR ja4-correlate (8)",
    "",
  ].join("\n");
}

/** Paragraphs and what stands between them. */
function blocks(text: string): string[] {
  return text.split(/\n{2,}/).map((block) => block.replace(/^\n+|\s+$/g, ""))
    .filter((block) => block !== "").flatMap(blockLines);
}

function blockLines(block: string): string[] {
  const lines = block.split("\n");
  const [first = ""] = lines;
  if (first.startsWith("### ")) {
    return [
      `.SS ${inline(first.slice(4))}`,
      ...blocks(lines.slice(1).join("\n")),
    ];
  }
  if (first.startsWith("    ")) {
    return [
      ".PP",
      ".RS 4",
      ".nf",
      ...lines.map((line) => inline(line.slice(4))),
      ".fi",
      ".RE",
    ];
  }
  if (first.startsWith("|")) return table(lines);
  if (first.startsWith("- ")) {
    return block.split(/^- /m).slice(1)
      .flatMap((item) => [".IP \\(bu 2", ...prose(item)]);
  }
  return [".PP", ...prose(block)];
}

/** A table as a list: its first column is the tag. */
function table(lines: readonly string[]): string[] {
  const [head = [], , ...rows] = lines.map((line) =>
    line.replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim())
  );
  return rows.flatMap(([tag = "", ...cells]) => [
    ".TP",
    `.B ${inline(tag)}`,
    inline(
      cells.map((cell, i) => cell === "" ? "" : `${head[i + 1]}: ${cell}`)
        .filter((cell) => cell !== "").join("; "),
    ),
  ]);
}

function prose(text: string): string[] {
  return text.trim().split("\n").map((line) => inline(line.trim()));
}

/** Text as man(7) prints it; what is code in Markdown is bold. */
function inline(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/`([^`]+)`/g, "\\fB$1\\fR")
    .replaceAll(/\*\*([^*]+)\*\*/g, "\\fB$1\\fR")
    .replaceAll(/(?<!\w)\*([^*\s]+)\*(?!\w)/g, "\\fI$1\\fR")
    .replace(/^(?=[.'])/, "\\&");
}

if (import.meta.main) {
  const page = manualPage(await Deno.readTextFile(SOURCE));
  await Deno.stdout.write(new TextEncoder().encode(page));
}
