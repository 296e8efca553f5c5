/** What lists of detections are ordered by. @module */
import { type Sql, sql } from "../../lib/sql.ts";

export const SORTS = ["severity", "score", "last_seen", "requests"] as const;
export type Sort = typeof SORTS[number];

/**
 * The number that a sort orders by, descending; ties by id. Whole numbers, because the server reads a
 * fraction back with an error in its last digit, and a cursor has to compare equal.
 */
export const SORT_KEY: Readonly<Record<Sort, Sql>> = {
  // Severity first, then score: both fit one number.
  severity:
    sql`(toInt64(toInt8(severity)) * 10000000 + toInt64(round(score * 1e6)))`,
  score: sql`toInt64(round(score * 1e6))`,
  last_seen: sql`toUnixTimestamp64Micro(last_seen)`,
  requests: sql`toInt64(requests)`,
};
