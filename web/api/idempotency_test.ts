import assert from "node:assert/strict";
import { ApiError } from "./error.ts";
import { IdempotentCalls } from "./idempotency.ts";

Deno.test("IdempotentCalls does a call once for each key, and a failed one again", async () => {
  let nowMs = 0;
  const calls = new IdempotentCalls(() => nowMs);
  let done = 0;
  const run = (): Promise<number> => Promise.resolve(++done);
  assert.deepEqual(
    await Promise.all([
      calls.once("a", "POST 1", run),
      calls.once("a", "POST 1", run),
    ]),
    [1, 1],
  );
  assert.equal(await calls.once("b", "POST 1", run), 2);
  assert.throws(() => calls.once("a", "POST 2", run), ApiError);
  nowMs += 24 * 3_600_000;
  assert.equal(await calls.once("a", "POST 2", run), 3);
  const failing = (): Promise<number> => Promise.reject(new Error("away"));
  await assert.rejects(calls.once("c", "POST 1", failing), /away/);
  assert.equal(await calls.once("c", "POST 1", run), 4);
});

Deno.test("IdempotentCalls forgets the oldest of too many", async () => {
  const calls = new IdempotentCalls(() => 0);
  let done = 0;
  const run = (): Promise<number> => Promise.resolve(++done);
  for (let key = 0; key <= 2000; key++) await calls.once(`${key}`, "", run);
  assert.equal(await calls.once("2000", "", run), 2001);
  assert.equal(await calls.once("0", "", run), 2002);
});
