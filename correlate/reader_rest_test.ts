import assert from "node:assert/strict";
import { ReaderRest } from "./reader_rest.ts";

/** Datagrams every `everyMs` for 100 ms to a reader of a queue; the rests and the longest queue. */
function simulate(
  { queueLength, everyMs }: { queueLength?: number; everyMs: number },
): { rests: number; wakes: number; queued: number } {
  const rest = new ReaderRest(queueLength);
  let [rests, wakes, queued, nowMs] = [0, 0, 0, 0];
  for (let next = 0; next * everyMs < 100;) {
    const atMs = next * everyMs;
    const askedMs = nowMs;
    if (atMs > nowMs) wakes++;
    nowMs = Math.max(nowMs, atMs) + 0.003;
    next++;
    const restMs = rest.came(askedMs, nowMs);
    if (restMs === 0) continue;
    rests++;
    nowMs += restMs;
    queued = Math.max(queued, Math.floor(nowMs / everyMs) - next);
  }
  return { rests, wakes, queued };
}

Deno.test("ReaderRest lets datagrams that come often come together", () => {
  const { wakes, queued } = simulate({ queueLength: 256, everyMs: 0.1 });
  assert.ok(wakes < 100, `${wakes} wakes for 1000 datagrams`);
  assert.ok(queued < 256 / 8, `${queued} in the queue`);
});

Deno.test("ReaderRest does not rest where that could lose something or saves nothing", () => {
  const rests = (options: Parameters<typeof simulate>[0]) =>
    simulate(options).rests;
  assert.equal(rests({ everyMs: 0.1 }), 0, "an unknown queue");
  assert.equal(rests({ queueLength: 10, everyMs: 0.1 }), 0, "a short queue");
  assert.equal(rests({ queueLength: 256, everyMs: 10 }), 0, "seldom");
  assert.equal(rests({ queueLength: 256, everyMs: 0.003 }), 0, "no pause");
  // 50 a millisecond: more than a share of the queue within a rest, every other time.
  const { queued } = simulate({ queueLength: 256, everyMs: 0.025 });
  assert.ok(queued < 256 / 2, `${queued} in the queue`);
});
