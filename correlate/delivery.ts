/**
 * Sealed batches to ClickHouse: each row stored exactly once, as far as ClickHouse allows.
 *
 * A batch is inserted under its token until the database answers; a repeated token stores nothing
 * twice. After an answer that was lost the rows are counted, because the engine notes the token
 * before the rows: a server killed in between refuses rows that it does not have (measured: 3 of 415
 * such batches). The tables that views fill are compared and put right then, too. Rows that the
 * database can never take are found by halving the batch and set aside.
 *
 * @module
 */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import { messageOf } from "../lib/errors.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import { httpEventColumns, ja4CatalogColumns } from "../lib/http_events.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { Repair } from "./repair.ts";
import { isSchemaFault, Retries, type RetryOptions } from "./retries.ts";
import type { Batch, Spool } from "./spool.ts";

/** What {@linkcode Delivery} needs of its surroundings. */
export interface DeliveryOptions extends RetryOptions {
  readonly spool: Spool;
  readonly database: Pick<
    Database,
    "insert" | "insertRows" | "query" | "command"
  >;
  readonly deadLetters: DeadLetters;
  /** Name of this host in `ingest_batches`. */
  readonly instance: string;
  /** Batches under way at a time: while the database works on one, the next is read and encoded. */
  readonly inFlight: number;
  /** Asked before the first insert: what would store rows twice, if anything. */
  readonly verify?:
    | ((signal: AbortSignal) => Promise<string | undefined>)
    | undefined;
  /** Told of each batch once its rows are in the database. */
  readonly stored?: ((batch: Batch) => void) | undefined;
}

/** Totals since the start. */
export interface DeliveryCounts {
  batches: number;
  rows: number;
  /** Inserts whose answer was lost. */
  inDoubt: number;
  /** Rows that were missing after such an insert and were stored then. */
  repaired: number;
  /** Windows of aggregate tables that were written anew. */
  windowsRebuilt: number;
  /** Rows set aside. */
  dead: number;
}

/** Known JA4s; beyond it they are forgotten and written once more. */
const JA4S_MAX = 100_000;
/** Rows parsed between two turns of the event loop. */
const SLICE_ROWS = 500;
const DAY_US = 86_400_000_000;

/** See the module's comment. */
export class Delivery {
  readonly counts: DeliveryCounts = {
    batches: 0,
    rows: 0,
    inDoubt: 0,
    repaired: 0,
    windowsRebuilt: 0,
    dead: 0,
  };
  /** Why rows may be stored twice; undefined as long as they cannot. */
  unsafe: string | undefined;
  readonly #options: DeliveryOptions;
  readonly #retries: Retries;
  readonly #repair: Repair;
  readonly #ja4s = new Set<string>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#retries = new Retries(options);
    this.#repair = new Repair({ ...options, retries: this.#retries });
  }

  /** Why the last try failed; undefined while the database takes rows. */
  get fault(): string | undefined {
    return this.#retries.fault;
  }

  /** Tries that followed a failure. */
  get retries(): number {
    return this.#retries.count;
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
    this.unsafe = await this.#retries.until(() => verify(signal), { signal });
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
      await this.#repairRows(rows, token, signal);
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
        await this.#repairRows(half, part, signal);
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
    return await this.#retries.until(async () => {
      await this.#options.database.insert(table, columns, rows.length, {
        token,
        signal,
      });
      return doubt ? "stored_after_doubt" : "stored";
    }, {
      signal,
      giveUp: (failure) => {
        if (isSchemaFault(failure)) return undefined;
        if (failure.retry === "in_doubt") {
          doubt = true;
          this.counts.inDoubt++;
        }
        if (failure.retry !== "reject") return undefined;
        if (rows.length > 1) return "rejected";
        this.#setAside(JSON.stringify(rows[0]), failure.message);
        return "refused";
      },
    });
  }

  /** Stores what the table does not have of `rows`, and puts right what was made of them. */
  async #repairRows(
    rows: readonly CorrelatedEvent[],
    token: string,
    signal: AbortSignal,
  ): Promise<void> {
    const missing = await this.#repair.missing(rows, signal);
    if (missing.length > 0) {
      this.counts.repaired += missing.length;
      this.#options.log.warn("Rows of a repeated insert were missing", {
        rows: missing.length,
      });
      await this.#store(missing, { token: `${token}#2`, doubt: false, signal });
    }
    this.counts.windowsRebuilt += await this.#repair.aggregates(rows, signal);
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
}

/** Days since the epoch. */
function dayOf(ts: number): number {
  return Math.floor(ts / DAY_US);
}

/** Lets other work of this thread run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
