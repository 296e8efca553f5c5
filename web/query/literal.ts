/** A statement with its values written into the text, to be copied to a console. Never to be run by us. @module */
import type { Sql, SqlValue, Typed } from "../../lib/sql.ts";

/** The text of `statement`, complete: it asks the same in any ClickHouse client. */
export function literalSql(statement: Sql): string {
  return statement.parts.map((part) =>
    typeof part === "string" ? part : literal(part.value, part.type)
  ).join("").replaceAll(/[ \t]*\n[ \t]*/g, "\n  ").trim();
}

function literal(value: Exclude<SqlValue, Typed>, type: string): string {
  if (value instanceof Date) {
    const text = value.toISOString().replace("T", " ").replace("Z", "");
    return `toDateTime64('${text}', 6, 'UTC')`;
  }
  if (typeof value === "string") {
    return type === "String"
      ? quoted(value)
      : `CAST(${quoted(value)}, '${type}')`;
  }
  if (Array.isArray(value)) {
    const inner = /^Array\((.*)\)$/.exec(type)?.[1] ?? "String";
    const elements = value as readonly Exclude<SqlValue, Typed>[];
    return `[${elements.map((one) => literal(one, inner)).join(", ")}]`;
  }
  return String(value);
}

/** A string of ClickHouse: what could end it, or be invisible in a console, as an escape. */
function quoted(text: string): string {
  const bytes = new TextEncoder().encode(text.toWellFormed());
  let out = "";
  for (const byte of bytes) {
    if (byte === 0x27 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `'${out}'`;
}
