/** Asks the database again until it answers, and says once that it does not. @module */
import { DatabaseError } from "../lib/clickhouse.ts";
import type { Logger } from "../lib/log.ts";

/** How {@linkcode Retries} tries. */
export interface RetryOptions {
  readonly log: Logger;
  /** Longest pause between two tries, milliseconds. */
  readonly retryMaxMs: number;
  /** First pause between two tries, milliseconds. @default 500 */
  readonly retryMinMs?: number;
  /** 0 <= n < 1, for the jitter. */
  readonly random: () => number;
}

const RETRY_MIN_MS = 500;

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

/** Whether a migration would help. */
export function isSchemaFault({ code }: DatabaseError): boolean {
  return code !== undefined && SCHEMA_CODES.has(code);
}

/** See the module's comment. */
export class Retries {
  /** Tries that followed a failure, since the start. */
  count = 0;
  /** Why the last try failed; undefined while the database answers. */
  fault: string | undefined;
  readonly #options: RetryOptions;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /**
   * What `ask` answers, however often it takes, with growing pauses; or what `giveUp` makes of a
   * failure, if that is not undefined.
   *
   * @throws What is no {@linkcode DatabaseError}, and the reason of `signal` when it aborts.
   */
  async until<T>(ask: () => Promise<T>, { signal, giveUp }: {
    readonly signal: AbortSignal;
    readonly giveUp?: (failure: DatabaseError, tries: number) => T | undefined;
  }): Promise<T> {
    for (let tries = 0;; tries++) {
      try {
        const answer = await ask();
        this.#recovered();
        return answer;
      } catch (thrown) {
        if (!(thrown instanceof DatabaseError)) throw thrown;
        const end = giveUp?.(thrown, tries);
        if (end !== undefined) return end;
        await this.#pause(thrown, tries, signal);
      }
    }
  }

  /** Lets as much time pass as before the first try that follows a failure. */
  async settle(signal: AbortSignal): Promise<void> {
    await wait(this.#options.retryMinMs ?? RETRY_MIN_MS, signal);
  }

  async #pause(
    failure: DatabaseError,
    tries: number,
    signal: AbortSignal,
  ): Promise<void> {
    this.count++;
    const { log, random, retryMaxMs, retryMinMs = RETRY_MIN_MS } =
      this.#options;
    if (this.fault === undefined) {
      const level = isSchemaFault(failure) ? "error" : "warn";
      log[level]("The database takes no rows, they wait in the spool", {
        error: failure.message,
      });
    }
    this.fault = failure.message;
    const pauseMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(tries, 20));
    await wait(pauseMs * (0.5 + random() / 2), signal);
  }

  #recovered(): void {
    if (this.fault === undefined) return;
    this.fault = undefined;
    this.#options.log.info("The database takes rows again");
  }
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
