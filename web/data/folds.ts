/**
 * Handshakes that resume a session have a JA4 of their own; the detector knows a client by that of its
 * full handshake. What stands in `scores` and `detections` is the latter, in the events the former.
 *
 * @module
 */
import type { Database } from "../../lib/clickhouse.ts";
import { type Sql, sql } from "../../lib/sql.ts";
import { askOne } from "./ask.ts";

/** The JA4 by which the detector knows the client of a row with the column `ja4`. */
export const FOLDED_JA4 = foldOf(sql`toString(ja4)`);

/** The condition that the detector knows a row's client by the JA4 `value`, on tables of events. */
export function foldsTo(value: string): Sql {
  return sql`(ja4 = ${value} OR ja4 IN (SELECT f.ja4 FROM dict_folds AS f WHERE f.folded = ${value}))`;
}

/** The condition that a row of the detector is about the client of the JA4 `value`. */
export function foldedFrom(value: string): Sql {
  return sql`ja4 = ${foldOf(sql`${value}`)}`;
}

/** The JA4 by which the detector knows who sends `value`, by what is in the tables now. */
export async function detectorJa4(
  db: Database,
  value: string,
): Promise<string> {
  const row = await askOne<{ folded: string }>(
    db,
    sql`SELECT folded FROM ja4_folds WHERE ja4 = ${value} AND folded != ''`,
  );
  return row?.folded ?? value;
}

function foldOf(ja4: Sql): Sql {
  return sql`dictGetOrDefault('dict_folds', 'folded', tuple(${ja4}), ${ja4})`;
}
