/**
 * Keeps two migration runs apart. ClickHouse has no locks, but creating a table that must not
 * exist yet is atomic.
 *
 * The lock is the table `migration_lock_N` with the highest N. Its holder renews it by changing its
 * comment; one that was not renewed for a while is void, and who wants it creates N + 1. So a
 * stale lock is never removed before its successor stands, and of two who see the same stale lock
 * only one creates the next.
 *
 * @module
 */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import { type Sql, sql } from "../lib/sql.ts";

const RENEW_MS = 4000;
const ASK_AGAIN_MS = 250;
const TABLE_ALREADY_EXISTS = 57;

/** Options of {@linkcode lockMigrations}. */
export interface LockOptions {
  /** The database that is migrated; the connection need not be to that one. */
  readonly schema: string;
  /** Who holds it, for the message that another run prints. */
  readonly holder: string;
  /** `ON CLUSTER 'name'`, or nothing. */
  readonly onCluster: Sql;
  /** How long to wait for another run. @default 60000 */
  readonly waitMs?: number | undefined;
  /** Seconds without renewal after which a lock is void. @default 15 */
  readonly leaseS?: number | undefined;
}

/** A held lock. */
export interface MigrationLock extends AsyncDisposable {
  /** Aborts if the lock could not be renewed: another run may have taken over. */
  readonly signal: AbortSignal;
}

interface LockRow {
  readonly name: string;
  readonly holder: string;
  readonly age_s: number;
}

/**
 * Waits for the lock and takes it.
 *
 * @throws {FatalError} `unavailable` if another run keeps it past `waitMs`.
 */
export async function lockMigrations(
  database: Database,
  options: LockOptions,
): Promise<MigrationLock> {
  const { waitMs = 60_000, leaseS = 15 } = options;
  const deadline = performance.now() + waitMs;
  while (true) {
    const current = await newestLock(database, options.schema);
    if (current === undefined || current.age_s > leaseS) {
      const number = numberOf(current?.name) + 1;
      if (await create(database, number, options)) {
        return hold(database, number, options);
      }
    } else if (performance.now() > deadline) {
      throw new FatalError(
        "unavailable",
        `Cannot migrate: ${current.holder} is migrating`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}

async function newestLock(
  database: Database,
  schema: string,
): Promise<LockRow | undefined> {
  const rows = await database.query<LockRow>(sql`
    SELECT name, comment AS holder,
      toInt32(dateDiff('second', metadata_modification_time, now())) AS age_s
    FROM system.tables
    WHERE database = ${schema} AND match(name, '^migration_lock_[0-9]+$')`);
  return rows.sort((a, b) => numberOf(b.name) - numberOf(a.name))[0];
}

/** Whether lock `number` is now ours. */
async function create(
  database: Database,
  number: number,
  options: LockOptions,
): Promise<boolean> {
  const { schema, holder, onCluster } = options;
  const table = lockTable(schema, number);
  try {
    await database.command(
      sql`CREATE TABLE ${table} ${onCluster} (nothing UInt8) ENGINE = Null COMMENT ${
        comment(holder)
      }`,
    );
  } catch (thrown) {
    if (
      thrown instanceof DatabaseError && thrown.code === TABLE_ALREADY_EXISTS
    ) {
      return false;
    }
    throw thrown;
  }
  // Someone who looked before us may have gone on to a higher number since.
  const newest = await newestLock(database, schema);
  if (numberOf(newest?.name) === number) return true;
  await drop(database, number, options);
  return false;
}

async function hold(
  database: Database,
  number: number,
  options: LockOptions,
): Promise<MigrationLock> {
  if (number > 1) await drop(database, number - 1, options);
  const lost = new AbortController();
  let renewals = 0;
  const timer = setInterval(async () => {
    try {
      await database.command(
        sql`ALTER TABLE ${
          lockTable(options.schema, number)
        } ${options.onCluster} MODIFY COMMENT ${
          comment(`${options.holder}, renewal ${++renewals}`)
        }`,
      );
    } catch (thrown) {
      lost.abort(thrown);
    }
  }, RENEW_MS);
  return {
    signal: lost.signal,
    async [Symbol.asyncDispose](): Promise<void> {
      clearInterval(timer);
      try {
        await drop(database, number, options);
      } catch (thrown) {
        // A server that is gone takes the lock with it: nobody renews it.
        if (!(thrown instanceof DatabaseError)) throw thrown;
      }
    },
  };
}

async function drop(
  database: Database,
  number: number,
  { schema, onCluster }: LockOptions,
): Promise<void> {
  await database.command(
    sql`DROP TABLE IF EXISTS ${lockTable(schema, number)} ${onCluster} SYNC`,
  );
}

function lockTable(schema: string, number: number): Sql {
  return sql.trusted(`${schema}.migration_lock_${number}`);
}

/** A string literal: where a definition wants one, ClickHouse takes no parameter. */
function comment(holder: string): Sql {
  return sql.trusted(`'${holder.replaceAll(/[^\w .,:@-]/g, "_")}'`);
}

function numberOf(name: string | undefined): number {
  return Number(name?.slice("migration_lock_".length) ?? 0);
}
