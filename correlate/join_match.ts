/**
 * Which handshake of a connection key answers for a request: rules 3 to 5 of docs/correlation.md.
 *
 * @module
 */
import type { RequestEvent } from "../lib/events.ts";
import { type ConnectionTable, NO_CONN, STATE } from "./connection_table.ts";
import type { JoinClock } from "./join_clock.ts";
import type { JoinOptions } from "./join_options.ts";
import type { KeyWords } from "./key_index.ts";

/** Looks among the handshakes of a table. */
export class Matcher {
  readonly #options: JoinOptions;
  readonly #table: ConnectionTable;
  readonly #clock: JoinClock;

  constructor(
    options: JoinOptions,
    { table, clock }: { table: ConnectionTable; clock: JoinClock },
  ) {
    this.#options = options;
    this.#table = table;
    this.#clock = clock;
  }

  /** The handshake that an earlier request of the same connection found, or -1. */
  owned(key: KeyWords, { conn }: RequestEvent): number {
    if (conn === undefined || this.#options.cardinality === "one_to_one") {
      return -1;
    }
    let entry = this.#table.newest(key);
    while (entry >= 0 && this.#table.conn(entry) !== conn) {
      entry = this.#table.older(entry);
    }
    return entry;
  }

  /** The newest handshake at the right time that belongs to no other connection, or -1. */
  unowned(key: KeyWords, { conn, conn_ts, ts }: RequestEvent): number {
    const table = this.#table;
    const single = this.#options.cardinality === "one_to_one";
    let entry = table.newest(key);
    for (; entry >= 0; entry = table.older(entry)) {
      if (conn !== undefined && table.conn(entry) !== NO_CONN) continue;
      if (single && table.state(entry) > STATE.lone) continue;
      const fits = conn_ts === undefined
        ? this.#inWindow(entry, ts)
        : this.#afterAccept(entry, conn_ts);
      if (fits) return entry;
    }
    return -1;
  }

  /** Connection match: the hello came with the accept, a little before or after it. */
  #afterAccept(entry: number, connTs: number): boolean {
    const { acceptDelayMs, helloMaxDelayMs } = this.#options;
    if (this.#clock.isStepped) {
      return this.#table.idleMs(entry, this.#clock.nowMs) <=
        acceptDelayMs + helloMaxDelayMs;
    }
    const after = this.#table.head(entry).ts - connTs;
    return after >= -acceptDelayMs * 1000 && after <= helloMaxDelayMs * 1000;
  }

  /** Window match: the hello came before the request, the last request not too long ago. */
  #inWindow(entry: number, ts: number): boolean {
    const { skewMs, keepaliveTtlMs } = this.#options;
    if (this.#clock.isStepped) {
      return this.#table.idleMs(entry, this.#clock.nowMs) <= keepaliveTtlMs;
    }
    return this.#table.head(entry).ts <= ts + skewMs * 1000 &&
      ts - this.#table.activityTs(entry) <= keepaliveTtlMs * 1000;
  }
}
