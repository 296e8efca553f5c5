/**
 * How long rows take from the arrival of their event to the database's acknowledgement.
 *
 * A request's row counts from when the request was read, the wait for its handshake included; a
 * `tls_only` row from when it was made, since it is late by intent. Batches that an earlier
 * process left are not measured: nobody knows when their events arrived.
 *
 * And how long from the capture of the ClientHello, for the first request of each connection: the
 * whole way, sensor, web server and client included.
 *
 * @module
 */
import { Histogram } from "../lib/metrics.ts";
import type { Joined } from "./join_options.ts";

/** A quantile of the rows stored since the last reading. */
export interface LatencyQuantile {
  readonly quantile: 0.5 | 0.95;
  readonly seconds: number;
}

/** Rows that may wait and be measured; while as many wait, newer ones are not. A power of two. */
const ROWS_MAX = 2 ** 20;
const ROWS_MIN = 2 ** 12;
const QUANTILES = [0.5, 0.95] as const;
/** Classes of 5 %: from 1 ms in 420 steps to nine days. */
const CLASSES = 420;
const STEP = Math.log(1.05);
const BUCKETS_S = [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800];

/** See the module's comment. Times are milliseconds of a clock that nobody sets. */
export class StoreLatency {
  readonly histogram: Histogram = new Histogram({
    name: "correlate_store_latency_seconds",
    help: "From the arrival of an event to its row in the database",
    buckets: BUCKETS_S,
    registers: [],
  });
  readonly fromHello: Histogram = new Histogram({
    name: "correlate_hello_to_row_seconds",
    help:
      "From the capture of a ClientHello to the row of its first request in the database",
    buckets: BUCKETS_S,
    registers: [],
  });
  /** When the event of a row arrived, by the row's number modulo the length. */
  #arrivals = new Float64Array(ROWS_MIN);
  /** When its ClientHello was captured, microseconds since the epoch; 0 if that is not measured. */
  #hellos = new Float64Array(ROWS_MIN);
  /** Rows `from <= number < to` wait and are measured. */
  #from = 0;
  #to = 0;
  readonly #classes = new Uint32Array(CLASSES);
  #stored = 0;

  /** A row was appended. Numbers count up; one that comes again takes the place of a lost row. */
  appended(seq: number, arrivedMs: number, helloUs = 0): void {
    if (this.#from === this.#to || seq < this.#from) {
      this.#from = this.#to = seq;
    }
    // Behind rows that found no room here: measured again once all before them are stored.
    if (seq > this.#to) return;
    if (seq - this.#from >= this.#arrivals.length && !this.#grow()) return;
    const at = seq & (this.#arrivals.length - 1);
    this.#arrivals[at] = arrivedMs;
    this.#hellos[at] = helloUs;
    this.#to = seq + 1;
  }

  /** The database has `rows` rows from number `seq` on; it never gets the ones before them. */
  stored(
    { seq, rows }: { seq: number; rows: number },
    { nowMs, wallUs }: { nowMs: number; wallUs: number },
  ): void {
    const end = Math.min(this.#to, seq + rows);
    for (let row = Math.max(this.#from, seq); row < end; row++) {
      this.#note((nowMs - this.#arrivalOf(row)) / 1000);
      const helloUs = this.#hellos[row & (this.#hellos.length - 1)] ?? 0;
      if (helloUs > 0) this.fromHello.observe((wallUs - helloUs) / 1_000_000);
    }
    this.#from = Math.max(this.#from, end);
  }

  /**
   * Quantiles of the rows stored since the last call, within 3 %. If none were and rows wait, it is
   * the age of the oldest, so that an outage does not read as silence; if none wait, nothing.
   */
  takeQuantiles(nowMs: number): LatencyQuantile[] {
    const stored = this.#stored;
    if (stored === 0) {
      if (this.#from === this.#to) return [];
      const seconds = (nowMs - this.#arrivalOf(this.#from)) / 1000;
      return QUANTILES.map((quantile) => ({ quantile, seconds }));
    }
    const found = QUANTILES.map((quantile) => ({
      quantile,
      seconds: this.#quantile(Math.ceil(quantile * stored)),
    }));
    this.#classes.fill(0);
    this.#stored = 0;
    return found;
  }

  #arrivalOf(seq: number): number {
    return this.#arrivals[seq & (this.#arrivals.length - 1)] ?? 0;
  }

  #note(seconds: number): void {
    this.histogram.observe(seconds);
    const number = Math.floor(
      Math.log(Math.max(seconds, 0.001) / 0.001) / STEP,
    );
    const at = Math.min(number, CLASSES - 1);
    this.#classes[at] = (this.#classes[at] ?? 0) + 1;
    this.#stored++;
  }

  /** The middle of the class that holds the value of this rank, from 1. */
  #quantile(rank: number): number {
    let at = 0;
    for (let below = 0; at < CLASSES - 1; at++) {
      below += this.#classes[at] ?? 0;
      if (below >= rank) break;
    }
    return 0.001 * Math.exp((at + 0.5) * STEP);
  }

  #grow(): boolean {
    const old = this.#arrivals;
    if (old.length >= ROWS_MAX) return false;
    const arrivals = new Float64Array(old.length * 2);
    const hellos = new Float64Array(old.length * 2);
    for (let row = this.#from; row < this.#to; row++) {
      const at = row & (arrivals.length - 1);
      arrivals[at] = this.#arrivalOf(row);
      hellos[at] = this.#hellos[row & (old.length - 1)] ?? 0;
    }
    this.#arrivals = arrivals;
    this.#hellos = hellos;
    return true;
  }
}

/** Older ones are of recorded traffic, whose way is not ours. */
const HELLO_AGE_US_MAX = 60_000_000;

/** When the ClientHello of a row was captured, if the row is one to measure; else 0. */
export function measuredHello(joined: Joined, wallUs: number): number {
  if (joined.match !== "conn" && joined.match !== "window") return 0;
  if ((joined.request.req_idx ?? 0) > 0) return 0;
  const { ts } = joined.handshake;
  return ts <= wallUs && wallUs - ts < HELLO_AGE_US_MAX ? ts : 0;
}
