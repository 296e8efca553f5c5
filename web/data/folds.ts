/**
 * Handshakes that resume a session have a JA4 of their own; the detector knows a client by that of its
 * full handshake. What stands in `scores` and `detections` is the latter, in the events the former.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { askOne } from "./ask.ts";

const FOLDS =
  sql`(SELECT CAST((groupArray(folds.ja4), groupArray(folds.folded)), 'Map(String, String)')
    FROM ja4_folds AS folds WHERE folds.folded NOT IN ('', folds.ja4))`;

/** The JA4 by which the detector knows the client of a row with the column `ja4`. */
export const FOLDED_JA4 =
  sql`ifNull(nullIf(${FOLDS}[toString(ja4)], ''), toString(ja4))`;

/** The condition that the detector knows a row's client by the JA4 `value`, on tables of events. */
export function foldsTo(value: string): Sql {
  return sql`(ja4 = ${value} OR ja4 IN (SELECT f.ja4 FROM ja4_folds AS f WHERE f.folded = ${value}))`;
}

/** The condition that a row of the detector is about the client of the JA4 `value`. */
export function foldedFrom(value: string): Sql {
  return sql`ja4 = ${foldOf(value)}`;
}

/** The JA4 by which the detector knows who sends `value`. */
export async function detectorJa4(
  db: Database,
  value: string,
): Promise<string> {
  const row = await askOne<{ ja4: string }>(
    db,
    sql`SELECT ${foldOf(value)} AS ja4`,
  );
  return row?.ja4 ?? value;
}

function foldOf(value: string): Sql {
  return sql`ifNull(nullIf(${FOLDS}[${value}], ''), ${value})`;
}
