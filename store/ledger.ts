/**
 * What has been done to the schema: the append-only table schema_migrations, made by migration 1.
 * The newest row of a version is its state.
 *
 * @module
 */
import type { Database, Settings } from "../lib/clickhouse.ts";
import { sql } from "../lib/sql.ts";
import { VERSION } from "../lib/version.ts";
import type { Migration } from "./migration_files.ts";

/** What can happen to a migration, with its number in the table's Enum8. */
const EVENTS = {
  started: 1,
  applied: 2,
  verified: 3,
  failed: 4,
  reverted: 5,
} as const;
export type LedgerEvent = keyof typeof EVENTS;

/** State of one version. */
export interface LedgerState {
  readonly version: number;
  readonly name: string;
  readonly event: LedgerEvent;
  readonly checksum: string;
  /** Statements of up.sql that are done. */
  readonly statements: number;
  /** ISO 8601. */
  readonly at: string;
  readonly error: string;
}

/** What {@linkcode Ledger.record} adds to the event. */
export interface LedgerDetail {
  readonly statements?: number;
  readonly durationMs?: number;
  readonly error?: string;
}

/** The ledger of one database. */
export class Ledger {
  readonly #database: Database;
  readonly #table: string;
  readonly #replicated: boolean;
  /** Newest `at` seen, microseconds: rows are ordered by it even where the clock goes back. */
  #newest = 0;

  /** `schema` is the database it is in; the connection need not be to that one. */
  constructor(
    database: Database,
    schema: string,
    { replicated = false }: { replicated?: boolean } = {},
  ) {
    this.#database = database;
    this.#replicated = replicated;
    this.#table = `${schema}.schema_migrations`;
  }

  /** State by version; undefined where there is no ledger yet. */
  async read(): Promise<Map<number, LedgerState> | undefined> {
    const [found] = await this.#database.query<{ result: number }>(
      sql`EXISTS TABLE ${sql.trusted(this.#table)}`,
    );
    if (found?.result !== 1) return undefined;
    const rows = await this.#database.query<
      LedgerState & { at_us: number }
    >(
      sql`
      SELECT version,
        argMax(s.name, s.at) AS name,
        argMax(s.event, s.at) AS event,
        argMax(s.checksum, s.at) AS checksum,
        argMax(s.statements, s.at) AS statements,
        argMax(s.error, s.at) AS error,
        formatDateTime(max(s.at), '%Y-%m-%dT%H:%i:%SZ') AS at,
        toFloat64(toUnixTimestamp64Micro(max(s.at))) AS at_us
      FROM ${sql.trusted(this.#table)} AS s
      GROUP BY version
      ORDER BY version`,
      { settings: ledgerSettings(this.#replicated).read },
    );
    this.#newest = Math.max(this.#newest, ...rows.map((row) => row.at_us));
    return new Map(rows.map((row) => [row.version, row]));
  }

  /** Adds a row. */
  async record(
    migration: Migration,
    event: LedgerEvent,
    detail: LedgerDetail = {},
  ): Promise<void> {
    this.#newest = Math.max(this.#newest + 1, Date.now() * 1000);
    await this.#database.insert(
      this.#table,
      [
        { name: "version", type: "UInt32", data: [migration.version] },
        { name: "name", type: "String", data: [migration.name] },
        { name: "event", type: "Int8", data: [EVENTS[event]] },
        { name: "checksum", type: "String", data: [migration.checksum] },
        { name: "at", type: "DateTime64(6, 'UTC')", data: [this.#newest] },
        { name: "duration_ms", type: "UInt32", data: [detail.durationMs ?? 0] },
        { name: "statements", type: "UInt16", data: [detail.statements ?? 0] },
        { name: "app_version", type: "String", data: [VERSION] },
        { name: "error", type: "String", data: [detail.error ?? ""] },
      ],
      1,
      { settings: ledgerSettings(this.#replicated).write },
    );
  }
}

/**
 * On replicas a row of the ledger counts once most of them have it, and who reads sees every row
 * that counts: otherwise a run on another server could do a statement again.
 */
export function ledgerSettings(
  replicated: boolean,
): { read: Settings; write: Settings } {
  return replicated
    ? {
      read: { select_sequential_consistency: 1 },
      write: { insert_quorum: "auto", insert_quorum_parallel: 0 },
    }
    : { read: {}, write: {} };
}
