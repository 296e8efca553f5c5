/** How pages ask ClickHouse: limits on every question, and a failure that stays inside its panel. @module */
import { getLogger } from "@logtape/logtape";
import {
  type Database,
  DatabaseError,
  type QueryOptions,
} from "../../lib/clickhouse.ts";
import { parseIp } from "../../lib/ip.ts";
import { type Sql, sql } from "../../lib/sql.ts";

/** What a page may cost the database: seconds and bytes. A person does not wait longer. */
const LIMITS: QueryOptions = {
  timeoutMs: 10_000,
  settings: {
    max_execution_time: 8,
    max_memory_usage: 2e9,
    // Compiling an expression at its third use takes longer than a page may: 429 ms became 144 ms (p95, Overview).
    compile_expressions: 0,
    compile_aggregate_expressions: 0,
    compile_sort_description: 0,
    // Before the questions of the same page that read the requests themselves.
    priority: 1,
  },
};

/** Of questions to millions of requests: they let the short ones to the counters pass. */
const EVENT_LIMITS: QueryOptions = {
  ...LIMITS,
  settings: {
    ...LIMITS.settings,
    priority: 2,
    // At most so long before each block of some ten thousand rows, so that they end however many ask.
    low_priority_query_wait_time_ms: 10,
  },
};

/** Rows of a SELECT under the limits of a page. */
export function ask<Row>(db: Database, statement: Sql): Promise<Row[]> {
  return db.query<Row>(statement, LIMITS);
}

/** {@linkcode ask} for a SELECT that reads `http_events`. */
export function askEvents<Row>(db: Database, statement: Sql): Promise<Row[]> {
  return db.query<Row>(statement, EVENT_LIMITS);
}

/** The only row of an aggregate without GROUP BY. */
export async function askOne<Row>(
  db: Database,
  statement: Sql,
): Promise<Row | undefined> {
  return (await ask<Row>(db, statement))[0];
}

/** Answers that pages share for a while, by database and question. */
const remembered = new WeakMap<
  Database,
  Map<string, { readonly untilMs: number; readonly answer: Promise<unknown> }>
>();
/** Questions remembered at most; beyond, the oldest are forgotten. */
const REMEMBERED_MAX = 200;

/**
 * The answer to a question about the past, which is asked once in `forMs` milliseconds however many
 * pages want it. A failure is not remembered.
 */
export function remember<T>(
  db: Database,
  key: string,
  forMs: number,
  question: () => Promise<T>,
): Promise<T> {
  const nowMs = performance.now();
  const answers = remembered.get(db) ?? new Map();
  remembered.set(db, answers);
  const before = answers.get(key);
  if (before !== undefined && before.untilMs > nowMs) {
    // The key names the question, and so the type of its answer.
    return before.answer as Promise<T>;
  }
  const answer = question();
  answers.delete(key);
  answers.set(key, { untilMs: nowMs + forMs, answer });
  answer.catch(() => answers.delete(key));
  const oldest = answers.keys().next().value;
  if (answers.size > REMEMBERED_MAX && oldest !== undefined) {
    answers.delete(oldest);
  }
  return answer;
}

/** What a panel shows: its data, or a sentence in its place. */
export type Loaded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** A part of what was loaded, or the failure of the whole. */
export function part<T, P>(loaded: Loaded<T>, of: (value: T) => P): Loaded<P> {
  return loaded.ok ? { ok: true, value: of(loaded.value) } : loaded;
}

/** Awaits the data of one panel. A database that fails costs this panel, never the page. */
export async function attempt<T>(question: Promise<T>): Promise<Loaded<T>> {
  try {
    return { ok: true, value: await question };
  } catch (thrown) {
    if (!(thrown instanceof DatabaseError)) throw thrown;
    getLogger("web").warn("A question of a page failed", {
      code: thrown.code,
      error: thrown.message,
    });
    return { ok: false, message: sentenceFor(thrown) };
  }
}

/** Message of a panel whose question was not answered in the time that its page waits. */
export const STILL_LOADING = "It is still being loaded.";

/**
 * {@linkcode attempt} for each panel of a page by its name; they are awaited together.
 *
 * @param patienceMs after which what has not been answered is {@linkcode STILL_LOADING}.
 */
export async function attemptAll<Panels extends Record<string, unknown>>(
  questions: { readonly [Name in keyof Panels]: Promise<Panels[Name]> },
  patienceMs: number = Infinity,
): Promise<{ [Name in keyof Panels]: Loaded<Panels[Name]> }> {
  const named = Object.entries<Promise<unknown>>(questions);
  const late = Promise.withResolvers<Loaded<never>>();
  const timer = Number.isFinite(patienceMs)
    ? setTimeout(
      () => late.resolve({ ok: false, message: STILL_LOADING }),
      patienceMs,
    )
    : undefined;
  try {
    const answers = await Promise.all(
      named.map(async ([name, question]) => [
        name,
        await Promise.race([attempt(question), late.promise]),
      ]),
    );
    // Each name has the answer of its own question.
    return Object.fromEntries(answers);
  } finally {
    clearTimeout(timer);
  }
}

/** For the analyst: no SQL, no names of hosts. The log has the rest. */
function sentenceFor(error: DatabaseError): string {
  switch (error.code) {
    case undefined:
      return "The database does not answer.";
    case 159:
      return "The question took too long. A shorter time range may help.";
    case 241:
      return "The question needs too much memory. A shorter time range may help.";
    case 60:
    case 81:
      return "The tables are not there yet: migrations have not run.";
    default:
      return `The database refused the question (code ${error.code}).`;
  }
}

/** Canonical text of an address as ClickHouse writes an IPv6 column. */
export function ipText(column: string): string {
  return parseIp(column) ?? column;
}

/** Condition on `scores`: windows that overlap `from` to `to`. A window is at most a day long. */
export function scoredIn(from: Date, to: Date): Sql {
  return sql`window_start >= ${new Date(
    from.getTime() - 86_400_000,
  )} AND addSeconds(window_start, window_s) > ${from} AND window_start < ${to}`;
}
