/**
 * What became of rows whose insert got no answer: which of them the table lacks, and whether the
 * tables that views fill agree with it.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { CorrelatedEvent } from "../lib/events.ts";
import type { Logger } from "../lib/log.ts";
import { sql, typed } from "../lib/sql.ts";
import { reconcileAggregates } from "./aggregates.ts";
import { wallUs } from "./clock.ts";
import type { Retries } from "./retries.ts";

/** Looks for rows that an earlier try, still at work in the server, may yet store. */
const LOOKS = 4;
/** Refusals after which aggregates stay as they are. */
const AGGREGATE_TRIES = 5;

/** See the module's comment. */
export class Repair {
  readonly #database: Pick<Database, "query" | "command">;
  readonly #retries: Retries;
  readonly #log: Logger;

  constructor({ database, retries, log }: {
    readonly database: Pick<Database, "query" | "command">;
    readonly retries: Retries;
    readonly log: Logger;
  }) {
    this.#database = database;
    this.#retries = retries;
    this.#log = log;
  }

  /** Those of `rows` that the table does not have, though their token is taken. */
  async missing(
    rows: readonly CorrelatedEvent[],
    signal: AbortSignal,
  ): Promise<CorrelatedEvent[]> {
    let stored = await this.#storedIds(rows, signal);
    for (let look = 1; look < LOOKS && stored.size < rows.length; look++) {
      await this.#retries.settle(signal);
      stored = await this.#storedIds(rows, signal);
    }
    return rows.filter(({ event_id }) => !stored.has(event_id));
  }

  /**
   * Makes the tables that views fill agree with the rows around these. Returns the windows that were
   * written anew.
   */
  async aggregates(
    rows: readonly CorrelatedEvent[],
    signal: AbortSignal,
  ): Promise<number> {
    const rebuilt = await this.#retries.until(
      () =>
        reconcileAggregates(this.#database, rows, {
          nowS: wallUs() / 1_000_000,
          settle: () => this.#retries.settle(signal),
          signal,
        }),
      {
        signal,
        giveUp: ({ code, message }, tries) => {
          // Without an answer the database is away; an answer that stays the same is no reason to
          // keep rows from it.
          if (code === undefined || tries < AGGREGATE_TRIES) return undefined;
          this.#log.error("Aggregates may differ from their rows", {
            error: message,
          });
          return 0;
        },
      },
    );
    if (rebuilt > 0) {
      this.#log.warn("Aggregates that differed from their rows were rebuilt", {
        windows: rebuilt,
      });
    }
    return rebuilt;
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
    const found = await this.#retries.until(
      () => this.#database.query<{ id: string }>(statement, { signal }),
      { signal },
    );
    return new Set(found.map(({ id }) => id));
  }
}
