/**
 * The one way to the database: HTTP through client-web, with what client-web lacks added at its
 * injected fetch (binary bodies, own connections, time limits that cover the whole answer).
 *
 * A failure is a {@linkcode DatabaseError} that says what the caller may do about it.
 *
 * @module
 */
import { ClickHouseLogLevel, createClient } from "@clickhouse/client-web";
import {
  type Certificates,
  connect,
  type DatabaseOptions,
  passwordOf,
  readCertificates,
} from "./clickhouse_config.ts";
import { DatabaseError, databaseError } from "./database_error.ts";
import { invariant } from "./invariant.ts";
import { type Column, encodeNative } from "./native_format.ts";
import { type Sql, sql } from "./sql.ts";
import { UnixConnections } from "./unix_fetch.ts";

// Part of the client's interface.
export { type Column, DatabaseError, type DatabaseOptions };
export type { Retry } from "./database_error.ts";

/** Settings of a connection that few callers change. */
export interface DatabaseTuning {
  /** Milliseconds a query or insert may take, answer included. @default 30000 */
  readonly timeoutMs?: number;
  /** Rows that the answer to a query may have; more is an error. @default no limit of ours */
  readonly resultRowsMax?: number;
  /** Bytes of memory that a query may use on the server; more is an error. @default the server's */
  readonly queryMemoryBytesMax?: number;
}

/** ClickHouse settings by name. */
export type Settings = Readonly<Record<string, string | number>>;

/** Options of {@linkcode Database.query} and {@linkcode Database.command}. */
export interface QueryOptions {
  readonly signal?: AbortSignal | undefined;
  readonly settings?: Settings | undefined;
  /** Appears in system.query_log. */
  readonly queryId?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Options of {@linkcode Database.insert} and {@linkcode Database.insertRows}. */
export interface InsertOptions {
  /** Deduplication token: a second insert with the same token into the same table stores nothing. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly settings?: Settings | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Header by which the injected fetch finds the bytes to send instead of the statement. */
const BODY_HEADER = "x-ja4-body";

/**
 * Opens a database. The server need not be there yet.
 *
 * @throws {FatalError} `noInput` if the password file cannot be read.
 */
export async function openDatabase(
  options: DatabaseOptions,
  tuning: DatabaseTuning = {},
): Promise<Database> {
  const password = await passwordOf(options);
  const certificates = await readCertificates(options);
  return new Database({ ...options, password }, tuning, certificates);
}

/** A database, its connections kept alive between calls. Made by {@linkcode openDatabase}. */
export class Database implements AsyncDisposable {
  readonly database: string;
  /** What it logs in with: dictionaries that read their tables over a connection need it too. */
  readonly password: string;
  readonly #client: ReturnType<typeof createClient>;
  readonly #http: Deno.HttpClient;
  readonly #socket: UnixConnections | undefined;
  /** Bodies of inserts under way, by the value of {@linkcode BODY_HEADER}. */
  readonly #bodies = new Map<string, { query: string; bytes: BodyInit }>();
  readonly #timeoutMs: number;
  /** Settings of each query and of each insert. */
  readonly #limits: Settings;
  readonly #quorum: Settings;
  #nextBody = 0;

  constructor(
    options: DatabaseOptions,
    tuning: DatabaseTuning = {},
    certificates: Certificates = {},
  ) {
    this.database = options.database;
    this.password = options.password ?? "";
    this.#timeoutMs = tuning.timeoutMs ?? 30_000;
    this.#limits = limitsOf(tuning);
    this.#quorum = options.insertQuorum === undefined
      ? {}
      : { insert_quorum: options.insertQuorum };
    this.#http = connect(certificates);
    this.#socket = options.socket === undefined
      ? undefined
      : new UnixConnections(options.socket);
    this.#client = createClient({
      url: options.url,
      database: options.database,
      username: options.username,
      password: this.password,
      // Both limits are kept here, where they also cover the body of the answer.
      request_timeout: 2 ** 31 - 1,
      use_multipart_params_auto: true,
      log: { level: ClickHouseLogLevel.OFF },
      fetch: (input, init) => this.#fetch(input, init),
    });
  }

  /** Rows of a SELECT. 64-bit integers are strings unless the statement casts them. */
  query<Row>(statement: Sql, options: QueryOptions = {}): Promise<Row[]> {
    return this.#run("query", options, async (signal) => {
      const result = await this.#client.query({
        query: statement.text,
        query_params: statement.params,
        format: "JSONEachRow",
        abort_signal: signal,
        clickhouse_settings: {
          // The answer starts when the query has ended, so that its status is that of the whole.
          wait_end_of_query: 1,
          // A query that nobody waits for any more ends: the server sees to it for read-only ones.
          readonly: "2",
          max_execution_time: Math.ceil(
            (options.timeoutMs ?? this.#timeoutMs) / 1000,
          ),
          output_format_json_quote_64bit_integers: 1,
          enable_http_compression: 0,
          ...this.#limits,
          ...options.settings,
        },
        ...(options.queryId === undefined ? {} : { query_id: options.queryId }),
      });
      return await result.json<Row>();
    });
  }

  /**
   * The rows of a SELECT as the server writes them in `format`, while it is still at work: for answers
   * that no memory should hold. The time limit is that of the whole; the stream fails where the
   * statement does, also in its middle, and cancelling it ends the statement.
   */
  stream(
    statement: Sql,
    format: "CSVWithNames" | "JSONEachRow" | "Parquet",
    options: QueryOptions = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const limitMs = options.timeoutMs ?? this.#timeoutMs;
    return this.#run("query", options, async (signal) => {
      const { stream } = await this.#client.exec({
        query: `${statement.text} FORMAT ${format}`,
        query_params: statement.params,
        abort_signal: signal,
        clickhouse_settings: {
          readonly: "2",
          max_execution_time: Math.ceil(limitMs / 1000),
          enable_http_compression: 0,
          ...this.#limits,
          ...options.settings,
        },
        ...(options.queryId === undefined ? {} : { query_id: options.queryId }),
      });
      return stream.pipeThrough(failingWhereTheServerDoes());
    });
  }

  /** Any other statement. */
  command(statement: Sql, options: QueryOptions = {}): Promise<void> {
    return this.#run("write", options, async (signal) => {
      await this.#client.command({
        query: statement.text,
        query_params: statement.params,
        abort_signal: signal,
        clickhouse_settings: { wait_end_of_query: 1, ...options.settings },
        ...(options.queryId === undefined ? {} : { query_id: options.queryId }),
      });
    });
  }

  /** Stores `rows` rows given as columns, in one block: all of them or, without a token, maybe none. */
  insert(
    table: string,
    columns: readonly Column[],
    rows: number,
    options: InsertOptions = {},
  ): Promise<void> {
    const names = columns.map(({ name }) => checkedName(name)).join(", ");
    return this.#insert(
      `INSERT INTO ${checkedName(table)} (${names}) FORMAT Native`,
      encodeNative(columns, rows),
      options,
    );
  }

  /** Stores rows given as objects. For small writes: several times the cost of {@linkcode insert}. */
  async insertRows(
    table: string,
    rows: readonly object[],
    options: InsertOptions = {},
  ): Promise<void> {
    if (rows.length === 0) return;
    await this.#insert(
      `INSERT INTO ${checkedName(table)} FORMAT JSONEachRow`,
      rows.map((row) => JSON.stringify(row)).join("\n"),
      options,
    );
  }

  #insert(
    query: string,
    bytes: BodyInit,
    options: InsertOptions,
  ): Promise<void> {
    return this.#run("write", options, async (signal) => {
      const id = String(this.#nextBody++);
      this.#bodies.set(id, { query, bytes });
      try {
        await this.#client.command({
          query: "-",
          http_headers: { [BODY_HEADER]: id },
          abort_signal: signal,
          clickhouse_settings: {
            // The server's default is a queue that acknowledges by its own rules.
            async_insert: 0,
            insert_deduplicate: 1,
            deduplicate_blocks_in_dependent_materialized_views: 1,
            // Where the table stands for several shards, they all have their rows when the answer comes.
            distributed_foreground_insert: 1,
            ...this.#quorum,
            ...(options.token === undefined
              ? {}
              : { insert_deduplication_token: options.token }),
            ...options.settings,
          },
        });
      } finally {
        this.#bodies.delete(id);
      }
    });
  }

  /** Whether the server answers a query of this user within two seconds. */
  async ping(signal?: AbortSignal): Promise<boolean> {
    try {
      await this.query(sql`SELECT 1`, { signal, timeoutMs: 2000 });
      return true;
    } catch (thrown) {
      if (thrown instanceof DatabaseError) return false;
      throw thrown;
    }
  }

  /** Closes the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
    this.#http.close();
    this.#socket?.[Symbol.dispose]();
  }

  /** Sends what client-web asks for, with the bytes of an insert in place of its statement. */
  #fetch(
    input: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> {
    const headers = new Headers(init.headers);
    const id = headers.get(BODY_HEADER);
    if (id === null) return this.#send(input, init);
    const insert = this.#bodies.get(id);
    invariant(insert !== undefined, "an insert without a body");
    headers.delete(BODY_HEADER);
    const url = new URL(String(input));
    url.searchParams.set("query", insert.query);
    return this.#send(url, { ...init, headers, body: insert.bytes });
  }

  /** Over the connections of this database. */
  #send(input: string | URL | Request, init: RequestInit): Promise<Response> {
    if (this.#socket !== undefined) return this.#socket.fetch(input, init);
    // Where the library "dom" is in force, as in web/, RequestInit is the browser's, without a client.
    const request: RequestInit & { client: Deno.HttpClient } = {
      ...init,
      client: this.#http,
    };
    return fetch(input, request);
  }

  /** Runs `call` under the time limit and the caller's signal; turns failures into DatabaseErrors. */
  async #run<T>(
    kind: "query" | "write",
    options: {
      signal?: AbortSignal | undefined;
      timeoutMs?: number | undefined;
    },
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    const limitMs = options.timeoutMs ?? this.#timeoutMs;
    // One controller a call: client-web assigns `onabort`, so that a shared signal would reach only its last user.
    const controller = new AbortController();
    const onAbort = (): void => controller.abort();
    options.signal?.addEventListener("abort", onAbort, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, limitMs);
    try {
      return await call(controller.signal);
    } catch (thrown) {
      options.signal?.throwIfAborted();
      if (late) {
        throw new DatabaseError(
          `No answer within ${limitMs} ms`,
          undefined,
          kind === "query" ? "retry" : "in_doubt",
          { cause: thrown },
        );
      }
      throw databaseError(thrown, kind);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    }
  }
}

function limitsOf(
  { resultRowsMax, queryMemoryBytesMax }: DatabaseTuning,
): Settings {
  return {
    ...(resultRowsMax === undefined
      ? {}
      : { max_result_rows: resultRowsMax, result_overflow_mode: "throw" }),
    ...(queryMemoryBytesMax === undefined
      ? {}
      : { max_memory_usage: queryMemoryBytesMax }),
  };
}

/** What the server writes at the end of an answer that it has begun and cannot finish. */
const BROKEN_OFF = "__exception__";

/** Passes an answer on, and fails at its end if the server says there that it is not whole. */
function failingWhereTheServerDoes(): TransformStream<Uint8Array, Uint8Array> {
  const TAIL_BYTES = 16_384;
  let tail = new Uint8Array();
  return new TransformStream({
    transform(chunk, controller) {
      const both = new Uint8Array(tail.length + chunk.length);
      both.set(tail);
      both.set(chunk, tail.length);
      tail = both.slice(-TAIL_BYTES);
      controller.enqueue(chunk);
    },
    flush() {
      const text = new TextDecoder().decode(tail);
      const at = text.lastIndexOf(BROKEN_OFF);
      if (at < 0 || !text.trimEnd().endsWith(BROKEN_OFF)) return;
      const code = /Code: (\d+)/.exec(text)?.[1];
      throw new DatabaseError(
        "The database stopped in the middle of its answer",
        code === undefined ? undefined : Number(code),
        "retry",
      );
    },
  });
}

function checkedName(name: string): string {
  invariant(/^\w+(\.\w+)?$/.test(name), `"${name}" is not a plain name`);
  return name;
}
