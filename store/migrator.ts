/**
 * Brings the schema of a database up or down, one statement a request, and writes each step into
 * the ledger, so that a run that was killed goes on where it ended.
 *
 * It refuses to guess: a migration that was changed after it was applied, one that is missing from
 * the folder, or a gap in what was applied ends the run before anything is done.
 *
 * @module
 */
import {
  type Database,
  DatabaseError,
  type Settings,
} from "../lib/clickhouse.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { sql } from "../lib/sql.ts";
import { Ledger, type LedgerState } from "./ledger.ts";
import {
  isReplicated,
  type Migration,
  onCluster,
  type Placeholders,
  statementsOf,
} from "./migration_files.ts";
import { lockMigrations } from "./migration_lock.ts";

/** Options of {@linkcode Migrator}. */
export interface MigratorOptions {
  readonly migrations: readonly Migration[];
  readonly placeholders: Placeholders;
  /** Who runs it, for the lock: `host:pid`. */
  readonly holder: string;
  /** How long to wait for another run. @default 60000 */
  readonly lockWaitMs?: number;
  /** Seconds after which the lock of a run that was killed is void. @default 15 */
  readonly lockLeaseS?: number;
  /** Told each migration done. */
  readonly onDone?: (step: Step) => void;
}

/** A migration that was done. */
export interface Step {
  readonly action: "up" | "down" | "verify";
  readonly migration: Migration;
  readonly statements: number;
  readonly durationMs: number;
}

/** One line of {@linkcode Migrator.status}. */
export interface MigrationStatus {
  readonly version: number;
  readonly name: string;
  /** `pending` if it was never applied or is reverted. */
  readonly state: "pending" | "started" | "applied" | "verified" | "failed";
  /** Its files are not what was applied, or are gone. */
  readonly fault: "" | "changed" | "missing" | "gap";
  readonly at: string;
  readonly error: string;
}

/** Settings of every statement: it has happened, everywhere, when the answer comes. */
const SYNCHRONOUS = { mutations_sync: 2, alter_sync: 2 } as const;

/** A definition on a cluster may wait for a slow replica. */
const STATEMENT_MS = 180_000;

/** The migrations of one database. The connection is to another one, since theirs may not exist yet. */
export class Migrator {
  readonly #database: Database;
  readonly #options: MigratorOptions;
  readonly #ledger: Ledger;

  constructor(database: Database, options: MigratorOptions) {
    this.#database = database;
    this.#options = options;
    this.#ledger = new Ledger(database, options.placeholders.database, {
      replicated: isReplicated(options.placeholders),
    });
  }

  /** What would be done by {@linkcode Migrator.up}, as statements. */
  async plan(): Promise<{ migration: Migration; statements: string[] }[]> {
    const state = await this.#checkedState();
    return this.#pending(state).map(({ migration, done }) => ({
      migration,
      statements: this.#statements(migration.up).slice(done),
    }));
  }

  /** What was done, by version; also of versions that are in the ledger alone. */
  async status(): Promise<MigrationStatus[]> {
    const state = await this.#ledger.read() ?? new Map();
    const faults = findFaults(this.#options.migrations, state);
    const versions = new Set([
      ...this.#options.migrations.map(({ version }) => version),
      ...state.keys(),
    ]);
    return [...versions].sort((a, b) => a - b).map((version) => {
      const found = state.get(version);
      const name = this.#options.migrations[version - 1]?.name ?? found?.name;
      const known = found !== undefined && found.event !== "reverted";
      return {
        version,
        name: name ?? "",
        state: known ? found.event : "pending",
        fault: faults.get(version) ?? "",
        at: known ? found.at : "",
        error: known ? found.error : "",
      };
    });
  }

  /**
   * Applies what is pending and verifies each; returns how many were applied.
   *
   * @throws {FatalError} `config` if the ledger and the folder disagree, `dataFormat` if a statement
   * or a verification failed, `unavailable` if another run keeps the lock or the database is gone.
   */
  async up(signal?: AbortSignal): Promise<number> {
    await this.#createDatabase(signal);
    return await this.#locked(signal, async (signal) => {
      const pending = this.#pending(await this.#checkedState());
      for (const { migration, done, applied } of pending) {
        await this.#applyOne(migration, applied ? "verify" : done, signal);
      }
      return pending.length;
    });
  }

  /** Reverts what is newer than `version`, newest first; returns how many. */
  async down(version: number, signal?: AbortSignal): Promise<number> {
    if (await this.#ledger.read() === undefined) return 0;
    return await this.#locked(signal, async (signal) => {
      const state = await this.#checkedState();
      const newer = this.#options.migrations.toReversed().filter((migration) =>
        migration.version > version && isThere(state.get(migration.version))
      );
      for (const migration of newer) {
        const started = performance.now();
        const statements = this.#statements(migration.down);
        for (const statement of statements) await this.#run(statement, signal);
        // Migration 1 makes the ledger: reverting it takes the ledger away.
        if (migration.version > 1) {
          await this.#ledger.record(migration, "reverted");
        }
        this.#done("down", migration, statements.length, started);
      }
      return newer.length;
    });
  }

  /** Runs the verification of everything applied; returns how many. */
  async verify(signal?: AbortSignal): Promise<number> {
    const state = await this.#checkedState();
    const applied = this.#options.migrations.filter(({ version }) =>
      isApplied(state.get(version))
    );
    for (const migration of applied) {
      const started = performance.now();
      const statements = this.#statements(migration.verify);
      for (const statement of statements) {
        try {
          await this.#check(statement, signal);
        } catch (thrown) {
          throw failure("verify", migration, statement, thrown);
        }
      }
      this.#done("verify", migration, statements.length, started);
    }
    return applied.length;
  }

  async #applyOne(
    migration: Migration,
    from: number | "verify",
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const started = performance.now();
    const statements = this.#statements(migration.up);
    let done = from === "verify" ? statements.length : from;
    // The ledger that migration 1 makes cannot tell of its beginning.
    const record = migration.version === 1
      ? () => Promise.resolve()
      : () => this.#ledger.record(migration, "started", { statements: done });
    let action: "up" | "verify" = "up";
    let current = "";
    try {
      if (done < statements.length) await record();
      while (done < statements.length) {
        current = statements[done] ?? "";
        await this.#run(current, signal);
        done++;
        if (done < statements.length) await record();
      }
      const detail = { statements: done, durationMs: elapsed(started) };
      await this.#ledger.record(migration, "applied", detail);
      action = "verify";
      for (current of this.#statements(migration.verify)) {
        await this.#check(current, signal);
      }
      await this.#ledger.record(migration, "verified", detail);
    } catch (thrown) {
      // Where the database itself is gone this fails too; the ledger then says "started", which resumes the same.
      await this.#ledger.record(migration, "failed", {
        statements: done,
        error: messageOf(thrown).slice(0, 500),
      }).catch(() => {});
      throw failure(action, migration, current, thrown);
    }
    this.#done("up", migration, done, started);
  }

  /** Which migrations up() has work with, and how many of their statements are done. */
  #pending(
    state: ReadonlyMap<number, LedgerState>,
  ): { migration: Migration; done: number; applied: boolean }[] {
    return this.#options.migrations.map((migration) => {
      const found = state.get(migration.version);
      const there = isThere(found) ? found : undefined;
      return {
        migration,
        done: there?.statements ?? 0,
        applied: there?.event === "applied",
        finished: there?.event === "verified",
      };
    }).filter(({ finished }) => !finished);
  }

  /** The ledger, once it is known to agree with the folder. */
  async #checkedState(): Promise<ReadonlyMap<number, LedgerState>> {
    const state = await this.#ledger.read() ?? new Map();
    const faults = findFaults(this.#options.migrations, state);
    if (faults.size === 0) return state;
    const lines = [...faults].map(([version, fault]) => {
      const name = `${String(version).padStart(4, "0")}_${
        state.get(version)?.name ??
          this.#options.migrations[version - 1]?.name
      }`;
      switch (fault) {
        case "changed":
          return `${name} is not what was applied: restore its files, a released migration never changes`;
        case "missing":
          return `${name} was applied and is not among the migrations: use the version of the program that applied it`;
        case "gap":
          return `${name} was not applied, but a later one was: the ledger is damaged`;
      }
    });
    throw new FatalError(
      "config",
      `Cannot migrate "${this.#options.placeholders.database}":\n${
        lines.join("\n")
      }`,
    );
  }

  #statements(text: string): string[] {
    return statementsOf(text, this.#options.placeholders);
  }

  async #run(
    statement: string,
    signal?: AbortSignal,
    settings: Settings = SYNCHRONOUS,
  ): Promise<void> {
    await this.#database.command(sql.trusted(statement), {
      signal,
      settings,
      timeoutMs: STATEMENT_MS,
    });
  }

  /** Runs a verification. Shards without Keeper are migrated one by one: the others may not be there yet. */
  async #check(statement: string, signal?: AbortSignal): Promise<void> {
    const alone = !isReplicated(this.#options.placeholders);
    await this.#run(statement, signal, {
      skip_unavailable_shards: alone ? 1 : 0,
    });
  }

  /** Before all else: the lock and the ledger are tables of this database. */
  async #createDatabase(signal?: AbortSignal): Promise<void> {
    await this.#run(
      statementsOf(
        "CREATE DATABASE IF NOT EXISTS {{db}} {{on_cluster}}",
        this.#options.placeholders,
      )[0] ?? "",
      signal,
    );
  }

  async #locked<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { placeholders, holder } = this.#options;
    await using lock = await lockMigrations(this.#database, {
      schema: placeholders.database,
      holder,
      onCluster: sql.trusted(onCluster(placeholders)),
      waitMs: this.#options.lockWaitMs,
      leaseS: this.#options.lockLeaseS,
    });
    const signals = [lock.signal, ...(signal === undefined ? [] : [signal])];
    return await work(AbortSignal.any(signals));
  }

  #done(
    action: Step["action"],
    migration: Migration,
    statements: number,
    started: number,
  ): void {
    this.#options.onDone?.({
      action,
      migration,
      statements,
      durationMs: elapsed(started),
    });
  }
}

function isThere(state: LedgerState | undefined): state is LedgerState {
  return state !== undefined && state.event !== "reverted";
}

function isApplied(state: LedgerState | undefined): boolean {
  return state?.event === "applied" || state?.event === "verified";
}

/** Where folder and ledger disagree, by version. */
function findFaults(
  migrations: readonly Migration[],
  state: ReadonlyMap<number, LedgerState>,
): Map<number, "changed" | "missing" | "gap"> {
  const faults = new Map<number, "changed" | "missing" | "gap">();
  const there = [...state.values()].filter(isThere);
  for (const { version, checksum } of there) {
    const migration = migrations[version - 1];
    if (migration === undefined) faults.set(version, "missing");
    else if (migration.checksum !== checksum) faults.set(version, "changed");
  }
  const newest = Math.max(0, ...there.map(({ version }) => version));
  for (let version = 1; version < newest; version++) {
    if (!isApplied(state.get(version))) faults.set(version, "gap");
  }
  return faults;
}

function failure(
  action: "up" | "verify",
  migration: Migration,
  statement: string,
  thrown: unknown,
): unknown {
  if (!(thrown instanceof DatabaseError)) return thrown;
  const name = `${
    String(migration.version).padStart(4, "0")
  }_${migration.name}`;
  const start = statement.replaceAll(/\s+/g, " ").slice(0, 80);
  return new FatalError(
    thrown.code === undefined ? "unavailable" : "dataFormat",
    `Cannot ${
      action === "up" ? "apply" : "verify"
    } ${name} at "${start}": ${thrown.message}`,
    { cause: thrown },
  );
}

function elapsed(started: number): number {
  return Math.round(performance.now() - started);
}
