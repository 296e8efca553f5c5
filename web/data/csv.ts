/** Texts that a client chose as cells for spreadsheets, made so by the database that writes the file. @module */
import { type Sql, sql } from "../../lib/sql.ts";

/** What begins a formula in a spreadsheet (OWASP, "CSV Injection"). */
const FORMULA = "^[=+\\-@\\t\\r\\n]";
/** C0, DEL and C1 controls, zero-width and bidirectional controls, separators of lines, BOM. */
const INVISIBLE =
  "[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}\\x{61c}\\x{200b}-\\x{200f}\\x{2028}-\\x{202e}\\x{2060}-\\x{2069}\\x{feff}]";

/** A text as a cell for spreadsheets: no formula, and nothing that is invisible or turns the direction. */
export function csvCellSql(value: Sql): Sql {
  return sql`replaceRegexpAll(toValidUTF8(concat(if(match(${value}, ${FORMULA}), '''', ''), ${value})), ${INVISIBLE}, '\\xEF\\xBF\\xBD')`;
}
