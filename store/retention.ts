/**
 * How long each table keeps its rows, and changing that on a table that has been made.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { sql } from "../lib/sql.ts";
import { onCluster, type Placeholders } from "./migration_files.ts";

/** A table that forgets. */
export interface Retention {
  readonly table: string;
  readonly days: number;
  readonly rows: number;
  readonly bytes: number;
  /** Oldest partition: a day or a month, as the table is cut; "" where it is not, or is empty. */
  readonly oldest: string;
  /** The clause that says so, as the server writes it. */
  readonly ttl: string;
}

const DAYS_MAX = 3650;
/** Rows of sessions, tokens and lists carry their own end; only what counts days from an event is set here. */
const OWN_END = /\b(expires_at|last_seen \+ toIntervalDay\(42\)|learned_at)\b/;
/** The last interval of the clause; earlier ones move rows to another volume. */
const LAST_DAYS = /toIntervalDay\((\d+)\)(?!.*toIntervalDay)/s;

/** All tables of the database whose rows end by the calendar. */
export async function readRetention(database: Database): Promise<Retention[]> {
  const rows = await database.query<Omit<Retention, "days">>(sql`
    SELECT t.name AS table, toFloat64(ifNull(t.total_rows, 0)) AS rows, toFloat64(ifNull(t.total_bytes, 0)) AS bytes,
      p.oldest AS oldest,
      extract(t.engine_full, 'TTL (.*?)(?: SETTINGS |$)') AS ttl
    FROM system.tables AS t
    LEFT JOIN (
      SELECT table, minIf(partition, match(partition, '^[0-9-]+$')) AS oldest
      FROM system.parts WHERE database = currentDatabase() AND active GROUP BY table
    ) AS p ON p.table = t.name
    WHERE t.database = currentDatabase() AND t.engine LIKE '%MergeTree' ORDER BY table`);
  return rows.flatMap((row) => {
    const days = LAST_DAYS.exec(row.ttl)?.[1];
    return days === undefined || OWN_END.test(row.ttl)
      ? []
      : [{ ...row, days: Number(days) }];
  });
}

/**
 * Makes `table` keep its rows for `days`. What is older goes in the background.
 *
 * @throws {FatalError} `usage` if there is no such table or number.
 */
export async function changeRetention(
  database: Database,
  { table, days }: { readonly table: string; readonly days: number },
  cluster: Pick<Placeholders, "cluster" | "replicated">,
): Promise<void> {
  const known = await readRetention(database);
  const found = known.find((retention) => retention.table === table);
  if (found === undefined) {
    throw new FatalError(
      "usage",
      `Cannot change "${table}": expected ${
        known.map(({ table }) => table).join(", ")
      }`,
    );
  }
  const earlier = [...found.ttl.matchAll(/toIntervalDay\((\d+)\) TO VOLUME/g)]
    .map(([, text]) => Number(text));
  const least = Math.max(0, ...earlier) + 1;
  if (!Number.isInteger(days) || days < least || days > DAYS_MAX) {
    throw new FatalError(
      "usage",
      `Cannot keep "${table}" for "${days}" days: expected a whole number from ${least} to ${DAYS_MAX}`,
    );
  }
  const ttl = found.ttl.replace(LAST_DAYS, `toIntervalDay(${days})`);
  await database.command(
    sql`ALTER TABLE ${sql.trusted(table)} ${
      sql.trusted(onCluster(cluster))
    } MODIFY TTL ${sql.trusted(ttl)}`,
    { settings: { mutations_sync: 0, alter_sync: 2 } },
  );
}
