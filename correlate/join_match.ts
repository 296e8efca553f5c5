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

  /** The handshake at the right time that belongs to no other connection, or -1. */
  unowned(key: KeyWords, request: RequestEvent): number {
    const table = this.#table;
    const { conn, conn_ts, ts } = request;
    const single = this.#options.cardinality === "one_to_one";
    let best = -1;
    let bestUs = Infinity;
    let entry = table.newest(key);
    for (; entry >= 0; entry = table.older(entry)) {
      if (conn !== undefined && table.conn(entry) !== NO_CONN) continue;
      if (single && table.state(entry) > STATE.lone) continue;
      if (conn_ts === undefined) {
        if (this.#inWindow(entry, ts)) return entry;
      } else {
        const distanceUs = this.#fromAccept(entry, conn_ts, ts);
        if (distanceUs >= bestUs) continue;
        best = entry;
        bestUs = distanceUs;
      }
    }
    return best;
  }

  /**
   * Connection match: the hello came with the accept, a little before or after it, and not behind
   * the request. How far it is from the accept, microseconds; Infinity where it does not fit. The
   * nearest counts: where a port is used again soon, the newest may be that of the next connection.
   */
  #fromAccept(entry: number, connTs: number, ts: number): number {
    const { acceptDelayMs, helloMaxDelayMs, skewMs } = this.#options;
    if (this.#clock.isStepped) {
      // By arrival: the newest of those that came lately.
      const idleMs = this.#table.idleMs(entry, this.#clock.nowMs);
      return idleMs <= acceptDelayMs + helloMaxDelayMs
        ? idleMs * 1000
        : Infinity;
    }
    const helloTs = this.#table.head(entry).ts;
    const afterUs = helloTs - connTs;
    return afterUs >= -acceptDelayMs * 1000 &&
        afterUs <= helloMaxDelayMs * 1000 && helloTs <= ts + skewMs * 1000
      ? Math.abs(afterUs)
      : Infinity;
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
