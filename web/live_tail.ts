/**
 * The requests themselves, as they are stored: a reader that gives each row once, and a ring that
 * streams follow at their own pace. What a stream could not take in time is gone from the ring, and
 * counted.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { parseIp } from "../lib/ip.ts";
import { sql } from "../lib/sql.ts";
import { printable } from "../lib/text.ts";
import type { LiveBatch, LiveRow } from "./live.ts";

/** Rows that the ring holds, that one reading gives and that one message carries. */
export const RING_MAX = 10_000;
const READ_MAX = 5000;
export const BATCH_MAX = 1000;
/** Seconds behind the newest that a row may be stored, and seconds of `ts` that are looked at. */
const LATE_S = 3;
const SPAN_S = 600;

/** What one reading gave. */
export interface TailReading {
  /** In the order in which they were stored. */
  readonly rows: readonly LiveRow[];
  /** Rows beyond {@linkcode READ_MAX}: there were more than can be shown. */
  readonly missed: number;
}

/** Reads what was stored since it was asked last. */
export class TailReader {
  readonly #db: Database;
  /** Seconds since the epoch of the newest row stored; 0 before the first reading. */
  #newest = 0;
  /** Identifiers given already, of rows as young as may still come, by when they were stored. */
  readonly #given = new Map<string, number>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Forgets where it was: the next reading gives the newest rows. */
  reset(): void {
    this.#newest = 0;
    this.#given.clear();
  }

  /** @throws {DatabaseError} */
  async read(): Promise<TailReading> {
    const first = this.#newest === 0;
    const since = first
      ? sql`ingest_ts >= now() - 60`
      : sql`ingest_ts >= toDateTime(${this.#newest - LATE_S}, 'UTC')`;
    const found = await this.#db.query<
      LiveRow & { stored: number; total: number }
    >(
      sql`SELECT
          toString(event_id) AS event_id, toFloat64(toUnixTimestamp64Micro(http_events.ts)) AS ts,
          toString(http_events.src_ip) AS src_ip, toString(http_events.ja4) AS ja4, ja4_client,
          toString(http_events.match) AS match, http_method, http_host, substring(url_path, 1, 300) AS url_path,
          substring(url_query, 1, 200) AS url_query, status_code, substring(user_agent, 1, 300) AS user_agent,
          toFloat64(asn) AS asn, country, toFloat64(http_events.response_bytes) AS response_bytes,
          toFloat64(duration_us) AS duration_us, http_version,
          toUnixTimestamp(ingest_ts) AS stored, toFloat64(count() OVER ()) AS total
        FROM http_events
        WHERE http_events.ts > now64(6) - toIntervalSecond(${SPAN_S}) AND ${since}
        ORDER BY ingest_ts DESC, http_events.ts DESC LIMIT ${
        first ? 100 : READ_MAX
      }`,
      { timeoutMs: 5000 },
    );
    const rows: LiveRow[] = [];
    for (const { stored, total: _, ...row } of found.toReversed()) {
      if (this.#given.has(row.event_id)) continue;
      this.#given.set(row.event_id, stored);
      this.#newest = Math.max(this.#newest, stored);
      rows.push(shown(row));
    }
    for (const [id, stored] of this.#given) {
      if (stored >= this.#newest - LATE_S) break;
      this.#given.delete(id);
    }
    const total = found[0]?.total ?? 0;
    return { rows, missed: first ? 0 : Math.max(0, total - READ_MAX) };
  }
}

/** A row with what a client wrote made visible. */
function shown(row: LiveRow): LiveRow {
  return {
    ...row,
    src_ip: parseIp(row.src_ip) ?? row.src_ip,
    ja4: printable(row.ja4),
    http_method: printable(row.http_method),
    http_host: printable(row.http_host),
    url_path: printable(row.url_path),
    url_query: printable(row.url_query),
    user_agent: printable(row.user_agent),
    http_version: printable(row.http_version),
  };
}

/** The newest rows, each under a number that rises by one. */
export class TailRing {
  readonly #rows: (LiveRow | undefined)[] = Array(RING_MAX).fill(undefined);
  /** Numbers of the first row there was, and of the next. */
  readonly first: number;
  #next: number;
  #missed = 0;

  /** @param first number of the first row, above those of any earlier ring. */
  constructor(first: number) {
    this.first = first;
    this.#next = first;
  }

  /** Number of the next row. */
  get next(): number {
    return this.#next;
  }

  /** Rows that never came into the ring, in all. */
  get missed(): number {
    return this.#missed;
  }

  push({ rows, missed }: TailReading): void {
    for (const row of rows) this.#rows[this.#next++ % RING_MAX] = row;
    this.#missed += missed;
  }

  /**
   * What follows row number `from`, at most {@linkcode BATCH_MAX} rows: the newest, where there are
   * more. Undefined if there is nothing.
   */
  since(from: number, missedBefore: number): LiveBatch | undefined {
    const missed = this.#missed - missedBefore;
    const first = Math.max(from, this.#next - BATCH_MAX);
    if (first >= this.#next && missed === 0) return undefined;
    const rows: LiveRow[] = [];
    for (let at = first; at < this.#next; at++) {
      const row = this.#rows[at % RING_MAX];
      if (row !== undefined) rows.push(row);
    }
    return { next: this.#next, lost: first - from + missed, rows };
  }
}
