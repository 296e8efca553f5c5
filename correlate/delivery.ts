/**
 * Sealed batches to ClickHouse: each row stored exactly once, as far as ClickHouse allows.
 *
 * A batch is inserted under its token until the database answers; a repeated token stores nothing
 * twice. After an answer that was lost the rows are counted, because the engine notes the token
 * before the rows: a server killed in between refuses rows that it does not have
 * (measured: 3 of 415 such batches). The tables that views fill are compared and put right then, too. Rows that the database can never take are found by halving the
 * batch and set aside.
 *
 * @module
 */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { messageOf } from "../lib/errors.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { httpEventColumns, ja4CatalogColumns } from "../lib/http_events.ts";
import type { Logger } from "../lib/log.ts";
import { sql, typed } from "../lib/sql.ts";
import { reconcileAggregates } from "./aggregates.ts";
import { wallUs } from "./clock.ts";
import type { DeadLetters } from "./dead_letter.ts";
import type { Batch, Spool } from "./spool.ts";

/** What {@linkcode Delivery} needs of its surroundings. */
export interface DeliveryOptions {
  readonly spool: Spool;
  readonly database: Pick<
    Database,
    "insert" | "insertRows" | "query" | "command"
  >;
  readonly deadLetters: DeadLetters;
  readonly log: Logger;
  /** Name of this host in `ingest_batches`. */
  readonly instance: string;
  /** Batches under way at a time: while the database works on one, the next is read and encoded. */
  readonly inFlight: number;
  /** Longest pause between two tries, milliseconds. */
  readonly retryMaxMs: number;
  /** 0 <= n < 1, for the jitter. */
  readonly random: () => number;
  /** Asked before the first insert: what would store rows twice, if anything. */
  readonly verify?:
    | ((signal: AbortSignal) => Promise<string | undefined>)
    | undefined;
  /** Told of each batch once its rows are in the database. */
  readonly stored?: ((batch: Batch) => void) | undefined;
  /** First pause between two tries, milliseconds. @default 500 */
  readonly retryMinMs?: number;
}

/** Totals since the start. */
export interface DeliveryCounts {
  batches: number;
  rows: number;
  retries: number;
  /** Inserts whose answer was lost. */
  inDoubt: number;
  /** Rows that were missing after such an insert and were stored then. */
  repaired: number;
  /** Windows of aggregate tables that were written anew. */
  windowsRebuilt: number;
  /** Rows set aside. */
  dead: number;
}

/** The table does not fit the rows: a migration is missing, and the next try may find it done. */
const SCHEMA_CODES = new Set([
  10, // NOT_FOUND_COLUMN_IN_BLOCK
  16, // NO_SUCH_COLUMN_IN_TABLE
  20, // NUMBER_OF_COLUMNS_DOESNT_MATCH
  47, // UNKNOWN_IDENTIFIER
  50, // UNKNOWN_TYPE
  53, // TYPE_MISMATCH
  115, // UNKNOWN_SETTING
]);
/** Known JA4s; beyond it they are forgotten and written once more. */
const JA4S_MAX = 100_000;
/** Refusals after which aggregates stay as they are. */
const AGGREGATE_TRIES = 5;
/** Rows parsed between two turns of the event loop. */
const SLICE_ROWS = 500;
const DAY_US = 86_400_000_000;

/** See the module's comment. */
export class Delivery {
  readonly counts: DeliveryCounts = {
    batches: 0,
    rows: 0,
    retries: 0,
    inDoubt: 0,
    repaired: 0,
    windowsRebuilt: 0,
    dead: 0,
  };
  /** Why the last try failed; undefined while the database takes rows. */
  fault: string | undefined;
  /** Why rows may be stored twice; undefined as long as they cannot. */
  unsafe: string | undefined;
  readonly #options: DeliveryOptions;
  readonly #ja4s = new Set<string>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Delivers until `signal` aborts. What is not acknowledged by then stays in the spool. */
  async run(signal: AbortSignal): Promise<void> {
    const { spool, inFlight, stored } = this.#options;
    const failed = Promise.withResolvers<void>();
    const underWay: Promise<void>[] = [];
    let before: Promise<void> = Promise.resolve();
    let given = 0;
    const deliver = async (batch: Batch, doubt: boolean): Promise<void> => {
      const earlier = before;
      await this.#deliver(batch, { doubt, signal });
      // In order: what is acknowledged covers everything before it.
      await earlier;
      stored?.(batch);
      spool.acknowledge(batch);
    };
    try {
      await this.#verify(signal);
      for (let batch; (batch = await spool.next(signal)) !== undefined;) {
        // An earlier process can have died over as many batches as it had under way.
        const doubt = given++ < inFlight && batch.recovered;
        before = deliver(batch, doubt);
        before.catch(failed.reject);
        underWay.push(before);
        if (underWay.length >= inFlight) {
          await Promise.race([underWay.shift(), failed.promise]);
        }
      }
      await Promise.all(underWay);
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
      await Promise.allSettled(underWay);
    }
  }

  async #verify(signal: AbortSignal): Promise<void> {
    const { verify, log } = this.#options;
    if (verify === undefined) return;
    for (let tries = 0;; tries++) {
      try {
        this.unsafe = await verify(signal);
        break;
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError)) throw thrown;
        await this.#pause(thrown, tries, signal);
      }
    }
    this.#recovered();
    if (this.unsafe === undefined) return;
    log.error("A repeated insert would store rows twice", {
      reason: this.unsafe,
    });
  }

  async #deliver(
    batch: Batch,
    { doubt, signal }: { doubt: boolean; signal: AbortSignal },
  ): Promise<void> {
    const events = await this.#parse(batch);
    // One insert a day, since a table's parts are of one day: old and new rows seldom meet.
    for (const [day, rows] of Map.groupBy(events, ({ ts }) => dayOf(ts))) {
      await this.#store(rows, {
        token: `${batch.token}/${day}`,
        doubt,
        signal,
      });
    }
    await this.#writeCatalog(events, batch.token, signal);
    await this.#record(batch, events, signal);
    this.counts.batches++;
    this.counts.rows += events.length;
  }

  /** The events of a batch. Lines are our own; one that is damaged all the same is set aside. */
  async #parse({ payload }: Batch): Promise<CorrelatedEvent[]> {
    const events: CorrelatedEvent[] = [];
    const lines = new TextDecoder().decode(payload).split("\n");
    for (const [i, line] of lines.entries()) {
      if (i % SLICE_ROWS === SLICE_ROWS - 1) await turn();
      if (line === "") continue;
      try {
        events.push(JSON.parse(line) as CorrelatedEvent);
      } catch (thrown) {
        this.#setAside(line, messageOf(thrown));
      }
    }
    return events;
  }

  /** Stores `rows`, all of one day, whatever it takes. */
  async #store(
    rows: readonly CorrelatedEvent[],
    { token, doubt, signal }: {
      token: string;
      doubt: boolean;
      signal: AbortSignal;
    },
  ): Promise<void> {
    const outcome = await this.#insert("http_events", rows, { token, signal });
    if (outcome === "rejected") {
      await this.#storeWithout(rows, { token, doubt, signal });
    } else if (doubt || outcome === "stored_after_doubt") {
      await this.#repair(rows, token, signal);
      await this.#repairAggregates(rows, signal);
    }
  }

  /**
   * Stores rows of which at least one is refused: half of those among which it must be is tried until
   * one row is left, which is set aside once it was refused alone. Halves that nobody tried follow
   * together. One bad row in n costs at most log2(n) + 3 inserts.
   */
  async #storeWithout(
    rows: readonly CorrelatedEvent[],
    { token, doubt, signal }: {
      token: string;
      doubt: boolean;
      signal: AbortSignal;
    },
  ): Promise<void> {
    const untried: CorrelatedEvent[] = [];
    let [from, to] = [0, rows.length];
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      const half = rows.slice(from, middle);
      const part = `${token}/${from}-${middle}`;
      const outcome = await this.#insert("http_events", half, {
        token: part,
        signal,
      });
      if (outcome === "refused" && half.length === 1) {
        from = middle;
        untried.push(...rows.slice(middle, to));
        break;
      }
      if (outcome === "rejected") {
        untried.push(...rows.slice(middle, to));
        to = middle;
        continue;
      }
      if (doubt || outcome === "stored_after_doubt") {
        await this.#repair(half, part, signal);
        await this.#repairAggregates(half, signal);
      }
      from = middle;
      if (to - from === 1) {
        await this.#store(rows.slice(from, to), {
          token: `${token}/${from}-${to}`,
          doubt,
          signal,
        });
      }
    }
    if (untried.length === 0) return;
    await this.#store(untried, {
      token: `${token}/but-${from}`,
      doubt,
      signal,
    });
  }

  /**
   * Inserts under a token until there is an answer. A single row that is refused is set aside;
   * more than one row is `rejected`, and nothing of it is stored.
   */
  async #insert(
    table: "http_events" | "ja4_catalog",
    rows: readonly CorrelatedEvent[],
    { token, signal }: { token: string; signal: AbortSignal },
  ): Promise<"stored" | "stored_after_doubt" | "rejected" | "refused"> {
    const columns = table === "http_events"
      ? httpEventColumns(rows)
      : ja4CatalogColumns(rows);
    let doubt = false;
    for (let tries = 0;; tries++) {
      try {
        await this.#options.database.insert(table, columns, rows.length, {
          token,
          signal,
        });
        this.#recovered();
        return doubt ? "stored_after_doubt" : "stored";
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError)) throw thrown;
        const retry = isSchemaFault(thrown) ? "retry" : thrown.retry;
        if (retry === "reject") {
          if (rows.length > 1) return "rejected";
          this.#setAside(JSON.stringify(rows[0]), thrown.message);
          return "refused";
        }
        if (retry === "in_doubt") {
          doubt = true;
          this.counts.inDoubt++;
        }
        await this.#pause(thrown, tries, signal);
      }
    }
  }

  /** Stores what the table does not have of `rows` although their token is taken. */
  async #repair(
    rows: readonly CorrelatedEvent[],
    token: string,
    signal: AbortSignal,
  ): Promise<void> {
    let stored = await this.#storedIds(rows, signal);
    // An earlier try may still be at work in the server: its rows appear within moments.
    for (let look = 0; look < 3 && stored.size < rows.length; look++) {
      await wait(this.#options.retryMinMs ?? 500, signal);
      stored = await this.#storedIds(rows, signal);
    }
    const missing = rows.filter(({ event_id }) => !stored.has(event_id));
    if (missing.length === 0) return;
    this.counts.repaired += missing.length;
    this.#options.log.warn("Rows of a repeated insert were missing", {
      rows: missing.length,
    });
    await this.#store(missing, { token: `${token}#2`, doubt: false, signal });
  }

  /** Makes the tables that views fill agree with the rows around these. */
  async #repairAggregates(
    rows: readonly CorrelatedEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    const { database, log, retryMinMs = 500 } = this.#options;
    for (let tries = 0;; tries++) {
      try {
        const rebuilt = await reconcileAggregates(database, rows, {
          nowS: wallUs() / 1_000_000,
          settle: () => wait(retryMinMs, signal),
          signal,
        });
        this.#recovered();
        this.counts.windowsRebuilt += rebuilt;
        if (rebuilt > 0) {
          log.warn("Aggregates that differed from their rows were rebuilt", {
            windows: rebuilt,
          });
        }
        return;
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError)) throw thrown;
        // Without an answer the database is away; an answer that stays the same is no reason to
        // keep rows from it.
        if (thrown.code !== undefined && tries >= AGGREGATE_TRIES) {
          log.error("Aggregates may differ from their rows", {
            error: thrown.message,
          });
          return;
        }
        await this.#pause(thrown, tries, signal);
      }
    }
  }

  /** Which of the rows are in the table. Their identifiers are a range, their times too. */
  async #storedIds(
    rows: readonly CorrelatedEvent[],
    signal: AbortSignal,
  ): Promise<Set<string>> {
    let from = Infinity;
    let to = -Infinity;
    for (const { ts } of rows) {
      from = Math.min(from, ts);
      to = Math.max(to, ts);
    }
    const ids = rows.map(({ event_id }) => event_id).sort();
    const statement = sql`SELECT toString(event_id) AS id FROM http_events
      WHERE ts BETWEEN fromUnixTimestamp64Micro(${from}) AND fromUnixTimestamp64Micro(${to})
        AND event_id BETWEEN ${typed(ids[0] ?? "", "UUID")} AND ${
      typed(ids.at(-1) ?? "", "UUID")
    }`;
    for (let tries = 0;; tries++) {
      try {
        const found = await this.#options.database.query<{ id: string }>(
          statement,
          { signal },
        );
        this.#recovered();
        return new Set(found.map(({ id }) => id));
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError)) throw thrown;
        await this.#pause(thrown, tries, signal);
      }
    }
  }

  /** Writes the lists behind each JA4 that was not written since the start. */
  async #writeCatalog(
    events: readonly CorrelatedEvent[],
    token: string,
    signal: AbortSignal,
  ): Promise<void> {
    const fresh = new Map<string, CorrelatedEvent>();
    for (const event of events) {
      if (event.match === "none" || event.ja4 === undefined) continue;
      if (!this.#ja4s.has(event.ja4)) fresh.set(event.ja4, event);
    }
    if (fresh.size === 0) return;
    const rows = [...fresh.values()];
    const outcome = await this.#insert("ja4_catalog", rows, {
      token: `${token}/ja4`,
      signal,
    });
    if (outcome === "rejected") {
      this.#options.log.error("The JA4 catalogue refuses rows", {
        rows: rows.length,
      });
    }
    if (this.#ja4s.size + fresh.size > JA4S_MAX) this.#ja4s.clear();
    for (const ja4 of fresh.keys()) this.#ja4s.add(ja4);
  }

  /** Notes the batch in `ingest_batches`: bookkeeping, which may fail. */
  async #record(
    batch: Batch,
    events: readonly CorrelatedEvent[],
    signal: AbortSignal,
  ): Promise<void> {
    const row = {
      token: batch.token,
      instance: this.#options.instance,
      rows: events.length,
      first_id: events[0]?.event_id,
      last_id: events.at(-1)?.event_id,
    };
    if (events.length === 0) return;
    try {
      await this.#options.database.insertRows("ingest_batches", [row], {
        token: batch.token,
        signal,
      });
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
      this.#options.log.warn("A batch is stored but not noted", {
        error: thrown.message,
      });
    }
  }

  #setAside(text: string, reason: string): void {
    this.counts.dead++;
    this.#options.deadLetters.add("clickhouse", reason, text);
    this.#options.log.error("The database refuses a row, it is set aside", {
      reason,
    });
  }

  async #pause(
    failure: DatabaseError,
    tries: number,
    signal: AbortSignal,
  ): Promise<void> {
    this.counts.retries++;
    if (this.fault === undefined) {
      const level = isSchemaFault(failure) ? "error" : "warn";
      this.#options.log[level](
        "The database takes no rows, they wait in the spool",
        { error: failure.message },
      );
    }
    this.fault = failure.message;
    const { retryMaxMs, retryMinMs = 500, random } = this.#options;
    const pauseMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(tries, 20));
    await wait(pauseMs * (0.5 + random() / 2), signal);
  }

  #recovered(): void {
    if (this.fault === undefined) return;
    this.fault = undefined;
    this.#options.log.info("The database takes rows again");
  }
}

function isSchemaFault({ code }: DatabaseError): boolean {
  return code !== undefined && SCHEMA_CODES.has(code);
}

/** Days since the epoch. */
function dayOf(ts: number): number {
  return Math.floor(ts / DAY_US);
}

/** Lets other work of this thread run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Waits, or throws when `signal` aborts. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
