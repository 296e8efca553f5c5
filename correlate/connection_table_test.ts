import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { ConnectionTable, NO_CONN, STATE } from "./connection_table.ts";
import { type Hello, helloOf } from "./hello.ts";
import { HoldQueue } from "./hold_queue.ts";
import { KeyIndex } from "./key_index.ts";
import { RecentKeys } from "./recent_keys.ts";
import { at, handshake, request } from "./testing.ts";

function keyOf(n: number, source = 7): Uint32Array {
  return Uint32Array.from([0, 0, 0xffff, source, n, 0]);
}

/** With one seed and a tiny table every key collides with its neighbours. */
Deno.test("KeyIndex does what a Map does, through any puts and removals", () => {
  const step = fc.record({
    put: fc.boolean(),
    key: fc.integer({ min: 0, max: 11 }),
  });
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(step, { maxLength: 200 }),
      (seed, steps) => {
        const index = new KeyIndex(12, seed);
        const model = new Map<number, number>();
        for (const { put, key } of steps) {
          if (put) {
            index.put(keyOf(key), key);
            model.set(key, key);
          } else {
            index.remove(keyOf(key));
            model.delete(key);
          }
          for (let probe = 0; probe < 12; probe++) {
            assert.equal(index.find(keyOf(probe)), model.get(probe) ?? -1);
          }
        }
      },
    ),
  );
});

/** What the table should hold, as plainly as it can be said. */
interface Model {
  readonly key: number;
  readonly hello: Hello;
  readonly bytes: number;
}

Deno.test("ConnectionTable does what a list does, within its bounds", () => {
  const step = fc.record({
    act: fc.constantFrom("open", "open", "open", "move", "remove"),
    key: fc.integer({ min: 0, max: 5 }),
    source: fc.integer({ min: 1, max: 3 }),
    state: fc.constantFrom(...Object.values(STATE)),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const limits = { entriesMax: 8, perSourceMax: 4, bytesMax: 5000 };
      const table = new ConnectionTable(limits, 3);
      const model = new Map<number, Model>();
      let ms = 0;
      for (const { act, key, source, state, pick } of steps) {
        ms++;
        const words = keyOf(key, source);
        if (act === "open") {
          for (let victim; (victim = table.victim(words, 700)) !== undefined;) {
            assert.ok(
              model.delete(victim.entry),
              "a victim is an entry that is held",
            );
            table.remove(victim.entry);
          }
          const hello = helloOf(handshake({ ts: at(ms) }));
          const entry = table.open(words, hello, {
            facts: new TextEncoder().encode(hello.facts),
            ...{ bytes: 700, nowMs: ms },
          });
          assert.ok(!model.has(entry));
          model.set(entry, { key: key * 10 + source, hello, bytes: 700 });
        } else if (model.size > 0) {
          const entry = [...model.keys()][pick % model.size] ?? 0;
          if (act === "move") table.move(entry, state, ms);
          else {
            table.remove(entry);
            model.delete(entry);
          }
        }
        assert.equal(table.size, model.size);
        assert.equal(table.bytes, model.size * 700);
        assert.ok(
          table.size <= limits.entriesMax && table.bytes <= limits.bytesMax,
        );
        for (const [entry, { hello }] of model) {
          assert.deepEqual(table.hello(entry), hello);
          assert.equal(table.conn(entry), NO_CONN);
        }
        for (let k = 0; k <= 5; k++) {
          for (let s = 1; s <= 3; s++) {
            const chain: Hello[] = [];
            let at = table.newest(keyOf(k, s));
            for (; at >= 0; at = table.older(at)) chain.push(table.hello(at));
            const want = [...model.values()].filter(({ key }) =>
              key === k * 10 + s
            )
              .map(({ hello }) => hello).sort((a, b) => b.ts - a.ts);
            assert.deepEqual(chain, want, "newest first");
          }
        }
      }
    }),
  );
});

Deno.test("HoldQueue gives back what was put in, first in first out and by key", () => {
  const step = fc.record({
    add: fc.boolean(),
    key: fc.integer({ min: 0, max: 3 }),
    position: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new HoldQueue(6, 1);
      const model: { key: number; seq: number }[] = [];
      let seq = 0;
      for (const { add, key, position } of steps) {
        if (add) {
          if (queue.full) continue;
          queue.add(keyOf(key), { request: request({ seq: ++seq }) }, seq);
          model.push({ key, seq });
        } else {
          const same = model.filter((held) => held.key === key);
          if (same.length === 0) continue;
          const wanted = position % same.length;
          let before = -1;
          let entry = queue.firstOf(keyOf(key));
          for (let i = 0; i < wanted; i++) {
            before = entry;
            entry = queue.sameNext(entry);
          }
          assert.equal(queue.held(entry).request.seq, same[wanted]?.seq);
          queue.remove(entry, before);
          model.splice(
            model.findIndex((held) => held.seq === same[wanted]?.seq),
            1,
          );
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.full, model.length === 6);
        const oldest = queue.oldest;
        assert.equal(
          oldest < 0 ? undefined : queue.held(oldest).request.seq,
          model[0]?.seq,
        );
        for (let k = 0; k <= 3; k++) {
          const chain: (number | undefined)[] = [];
          let at = queue.firstOf(keyOf(k));
          for (; at >= 0; at = queue.sameNext(at)) {
            chain.push(queue.held(at).request.seq);
          }
          const want = model.filter((held) => held.key === k).map((held) =>
            held.seq
          );
          assert.deepEqual(chain, want);
        }
      }
    }),
  );
});

Deno.test.each([
  {
    name: "one that is held",
    sinceMs: 2 ** 32 - 500,
    nowMs: 2 ** 32 + 250,
    want: 750,
  },
  {
    name: "one from before the 32-bit wrap",
    sinceMs: 5,
    nowMs: 2 ** 32 + 6,
    want: 1,
  },
])("ConnectionTable.idleMs() of $name", ({ sinceMs, nowMs, want }) => {
  const table = new ConnectionTable({
    entriesMax: 4,
    perSourceMax: 4,
    bytesMax: 1e6,
  }, 1);
  const entry = table.open(keyOf(1), helloOf(handshake()), {
    facts: new Uint8Array(),
    bytes: 1,
    nowMs: sinceMs,
  });
  assert.equal(table.idleMs(entry, nowMs), want);
});

Deno.test("RecentKeys remembers for the time that is asked for", () => {
  const recent = new RecentKeys(1);
  recent.add(keyOf(1), 1000);
  assert.ok(recent.has(keyOf(1), 2000, 1000));
  assert.ok(!recent.has(keyOf(1), 2001, 1000));
  assert.ok(!recent.has(keyOf(2), 1000, 1000));
});

Deno.test("a table for a million handshakes takes at most 80 bytes of index each", () => {
  const entries = 1 << 20;
  const [one, held] = tableOf(1);
  const [many, heldByMany] = tableOf(entries);
  assert.equal(one.size + many.size, 0);
  // What a table for one handshake takes is no part of an entry: buckets of sources, the first page of texts.
  const perEntry = (heldByMany - held) / entries;
  assert.ok(perEntry >= 70 && perEntry <= 80, `${perEntry} bytes`);
});

/** A table, and the bytes of its buffers. */
function tableOf(entriesMax: number): [ConnectionTable, number] {
  // What other tests left would be freed at any moment, and be taken for less.
  collectGarbage();
  const before = Deno.memoryUsage().external;
  const table = new ConnectionTable(
    { entriesMax, perSourceMax: entriesMax, bytesMax: 2 ** 40 },
    1,
  );
  collectGarbage();
  return [table, Deno.memoryUsage().external - before];
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc()");
}
