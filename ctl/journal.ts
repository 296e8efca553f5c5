/**
 * What happened to the processes of the pipeline, written to the table `pipeline_events`. While the
 * store is away (it may be the very process that died) the rows wait in memory.
 *
 * @module
 */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";

/** Values of the column `event`. */
export type JournalEvent =
  | "started"
  | "ready"
  | "exited"
  | "killed"
  | "restarted"
  | "stopped"
  | "failed";

/** One row of `pipeline_events`. */
export interface JournalEntry {
  /** ISO 8601, UTC. */
  readonly ts: string;
  readonly component: string;
  readonly event: JournalEvent;
  /** For a person: exit code or signal, and what was done. */
  readonly detail: string;
}

/** Entries that wait at most; beyond, the oldest are discarded and the loss is itself an entry. */
export const journalEntriesMax = 1000;

/** Pause between two tries to write. */
const RETRY_MS = 500;

/** Entries on their way: kept as they are until the store has taken or refused them. */
interface Batch {
  readonly rows: readonly JournalEntry[];
  /** Deduplication token, so that a repeated try stores nothing twice. */
  readonly token: string;
}

/** Collects entries and writes them, oldest first. */
export class Journal implements AsyncDisposable {
  readonly #waiting: JournalEntry[] = [];
  #batch: Batch | undefined;
  #discarded = 0;
  #database: Database | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  readonly #onEntry: (entry: JournalEntry) => void;

  /** `onEntry` sees each entry at once, whether or not it can be written. */
  constructor(onEntry: (entry: JournalEntry) => void = () => {}) {
    this.#onEntry = onEntry;
  }

  /** Entries not yet written. */
  get waiting(): number {
    return this.#waiting.length + (this.#batch?.rows.length ?? 0);
  }

  /** Gives the journal its database, once the schema is there. */
  connect(database: Database): void {
    this.#database = database;
    this.#schedule(0);
  }

  /** Notes an event; it is written when the store takes it. */
  add(component: string, event: JournalEvent, detail: string): void {
    if (this.#waiting.length === journalEntriesMax) {
      this.#waiting.shift();
      this.#discarded++;
    }
    const entry = { ts: new Date().toISOString(), component, event, detail };
    this.#waiting.push(entry);
    this.#onEntry(entry);
    this.#schedule(0);
  }

  /** Tries once more to write what waits, for at most `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    this.#unschedule();
    await this.#writing;
    this.#unschedule();
    await this.#write(timeoutMs);
  }

  /** Stops writing; what still waits is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#database = undefined;
    this.#unschedule();
    await this.#writing;
  }

  #schedule(delayMs: number): void {
    if (this.#database === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write(2000));
    }, delayMs);
  }

  #unschedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #write(timeoutMs: number): Promise<void> {
    const batch = this.#batch ??= this.#nextBatch();
    if (this.#database === undefined || batch === undefined) return;
    try {
      await this.#database.insertRows("pipeline_events", batch.rows, {
        token: batch.token,
        settings: { date_time_input_format: "best_effort" },
        timeoutMs,
      });
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
      if (thrown.retry !== "reject") return this.#schedule(RETRY_MS);
    }
    this.#batch = undefined;
    if (this.#waiting.length > 0) this.#schedule(0);
  }

  #nextBatch(): Batch | undefined {
    const rows = this.#waiting.splice(0);
    const first = rows[0];
    if (first === undefined) return undefined;
    if (this.#discarded > 0) {
      const detail =
        `${this.#discarded} earlier entries were lost while the store was away`;
      rows.unshift({
        ...first,
        component: "supervisor",
        event: "failed",
        detail,
      });
      this.#discarded = 0;
    }
    return { rows, token: `journal-${crypto.randomUUID()}` };
  }
}
