/**
 * Calls that are sent again because their answer was lost are done once: a call with the header
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) gets the answer that its first sending
 * got.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Context } from "fresh";
import type { State } from "../utils.ts";
import { ApiError } from "./error.ts";
import type { Asked } from "./read.ts";

/** For how long an answer is kept, milliseconds. */
const KEPT_MS = 24 * 3_600_000;
/** Answers kept; the oldest goes first. */
const KEPT_MAX = 2000;
/** Characters of a key. */
const KEY_MAX = 200;

interface Kept {
  /** Of what was asked. */
  readonly digest: string;
  readonly answer: Promise<unknown>;
  readonly untilMs: number;
}

/** The answers to calls with a key, while this process lives. */
export class IdempotentCalls {
  /** Milliseconds on a clock that never goes back. */
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * The answer of `run`, or that of the call before with the same `key`. A call that failed may be
   * tried again.
   *
   * @throws {ApiError} 409 if the key was another call's.
   */
  once<T>(key: string, asked: string, run: () => Promise<T>): Promise<T> {
    const nowMs = this.#nowMs();
    const digest = createHash("sha256").update(asked).digest("hex");
    const before = this.#kept.get(key);
    if (before !== undefined && before.untilMs > nowMs) {
      if (before.digest !== digest) {
        throw new ApiError(
          409,
          "conflict",
          "This Idempotency-Key came with another call",
        );
      }
      // The digest names the call, and so the type of its answer.
      return before.answer as Promise<T>;
    }
    const answer = run();
    this.#kept.delete(key);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size >= KEPT_MAX && oldest !== undefined) {
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, { digest, answer, untilMs: nowMs + KEPT_MS });
    answer.catch(() => this.#kept.delete(key));
    return answer;
  }
}

/** Answers a call with what `run` gives, once for each Idempotency-Key of its caller. */
export async function answerOnce(
  ctx: Context<State>,
  asked: Asked,
  run: () => Promise<Readonly<Record<string, unknown>>>,
): Promise<Response> {
  const key = ctx.req.headers.get("idempotency-key");
  if (key === null) return ctx.json(await run());
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > KEY_MAX) {
    throw new ApiError(
      400,
      "validation",
      `An Idempotency-Key has 1 to ${KEY_MAX} visible characters of ASCII`,
    );
  }
  const { services, user } = ctx.state;
  return ctx.json(
    await services.idempotent.once(
      `${user.login} ${key}`,
      `${ctx.req.method} ${ctx.url.pathname} ${asked.canonical}`,
      run,
    ),
  );
}
