/**
 * The figures of the demonstration's status line, asked from the database once a second, and the
 * moment at which the first detection could be seen.
 *
 * @module
 */
import { type Database, DatabaseError } from "../../lib/clickhouse.ts";
import { sql } from "../../lib/sql.ts";
import { pause } from "../../lib/shutdown.ts";

/** What the pipeline has done so far. */
export interface Figures {
  /** Requests seen by the web server. */
  readonly requests: number;
  /** Those joined with the handshake of their connection. */
  readonly joined: number;
  /** Different JA4 fingerprints. */
  readonly fingerprints: number;
  readonly detections: number;
}

/** A detection as the dashboard's inbox names it. */
export interface FirstDetection {
  readonly id: string;
  readonly title: string;
  readonly src_ip: string;
}

const PERIOD_MS = 1000;
const NONE: Figures = {
  requests: 0,
  joined: 0,
  fingerprints: 0,
  detections: 0,
};

/** Asks again and again until stopped. */
export class Pulse {
  readonly #database: Database;
  readonly #onDetection: (first: FirstDetection) => void;
  #figures = NONE;
  #seen = false;

  /** `onDetection` is called once. */
  constructor(
    database: Database,
    onDetection: (first: FirstDetection) => void,
  ) {
    this.#database = database;
    this.#onDetection = onDetection;
  }

  /** The newest figures. */
  get figures(): Figures {
    return this.#figures;
  }

  /** Runs until `signal` aborts; while the store is away the figures stand still. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#ask(signal);
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError) && !signal.aborted) throw thrown;
      }
      await pause(PERIOD_MS, signal);
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const [events] = await this.#database.query<Omit<Figures, "detections">>(
      sql`SELECT
        toUInt32(countIf(match != 'tls_only')) AS requests,
        toUInt32(countIf(match IN ('conn', 'window'))) AS joined,
        toUInt32(uniqExactIf(ja4, ja4 != '')) AS fingerprints
      FROM http_events`,
      { signal },
    );
    const detections = await this.#database.query<FirstDetection>(
      sql`SELECT id, title, toString(src_ip) AS src_ip
      FROM detections FINAL ORDER BY rev`,
      { signal },
    );
    this.#figures = { ...NONE, ...events, detections: detections.length };
    const [first] = detections;
    if (first === undefined || this.#seen) return;
    this.#seen = true;
    this.#onDetection(first);
  }
}
