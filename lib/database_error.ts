/** What went wrong with a statement, and what its caller may do about it. @module */
import { ClickHouseError } from "@clickhouse/client-web";
import { messageOf } from "./errors.ts";
import { InvariantError } from "./invariant.ts";

/**
 * What may be done about a failure:
 * - `retry`: nothing was stored; the same call can succeed later (server away or overloaded, access
 *   or table not there yet)
 * - `reject`: the statement or its data is wrong; the same call can never succeed
 * - `in_doubt`: whether it was done is not known; repeat it with the same token only
 */
export type Retry = "retry" | "reject" | "in_doubt";

/** A statement that failed. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  /** Number of the ClickHouse exception; undefined if the server did not answer. */
  readonly code: number | undefined;
  readonly retry: Retry;
  constructor(
    message: string,
    code: number | undefined,
    retry: Retry,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.retry = retry;
  }
}

/** Codes after which a write may be stored in part: raised while or after it was written. */
const IN_DOUBT = new Set([
  159, // TIMEOUT_EXCEEDED
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  216, // QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: fetch sent it again on a new connection, the first is at work
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED: in a materialized view, after the source table has its rows
  242, // TABLE_IS_READ_ONLY: so can these two be
  243, // NOT_ENOUGH_SPACE
  252, // TOO_MANY_PARTS
  285, // TOO_FEW_LIVE_REPLICAS
  319, // UNKNOWN_STATUS_OF_INSERT
  394, // QUERY_WAS_CANCELLED
  999, // KEEPER_EXCEPTION
  1000, // POCO_EXCEPTION
]);

/** Codes raised before anything is written, which pass with time or by the operator's hand. */
const RETRY = new Set([
  60, // UNKNOWN_TABLE: migrations have not run yet
  81, // UNKNOWN_DATABASE
  164, // READONLY
  192, // UNKNOWN_USER
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  497, // ACCESS_DENIED
  516, // AUTHENTICATION_FAILED
]);

/** What client-web or fetch threw, as a {@linkcode DatabaseError}; mistakes of ours as they are. */
export function databaseError(
  thrown: unknown,
  kind: "query" | "write",
): unknown {
  if (thrown instanceof ClickHouseError) {
    const code = Number(thrown.code);
    const retry = RETRY.has(code)
      ? "retry"
      : !IN_DOUBT.has(code)
      ? "reject"
      : kind === "query"
      ? "retry"
      : "in_doubt";
    const message = `${thrown.message.trim()} (${thrown.type ?? code})`;
    return new DatabaseError(message, code, retry, { cause: thrown });
  }
  // Ours: a broken promise, or an answer that is not JSON to a statement that names its own format.
  if (
    !(thrown instanceof Error) || thrown instanceof InvariantError ||
    thrown instanceof SyntaxError
  ) return thrown;
  // Deno's fetch says "fetch failed"; its cause says why, after the whole URL and with it the values.
  const reason = messageOf(thrown.cause ?? thrown);
  const shown = reason.replace(/^.*client error \(\w+\): /s, "");
  // "Connection refused" is no proof that nothing was sent: where a kept connection breaks, fetch
  // silently sends the same request again on a new one, and tells of the second failure alone.
  return new DatabaseError(
    `No answer from the database: ${shown}`,
    undefined,
    kind === "query" ? "retry" : "in_doubt",
    { cause: thrown },
  );
}
