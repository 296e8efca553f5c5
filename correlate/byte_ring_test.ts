import assert from "node:assert/strict";
import fc from "fast-check";
import { createRing, RingReader, RingWriter } from "./byte_ring.ts";
import { MessageBatch } from "./messages.ts";

function ends(
  bytes: number,
  start = 0,
): { writer: RingWriter; reader: RingReader } {
  const memory = createRing(bytes, start);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

/** The next message, one at a time. */
function shift(reader: RingReader): string | undefined {
  const batch = new MessageBatch();
  return reader.take(batch, 1) ? batch.text(0) : undefined;
}

function latin(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

Deno.test("a ring gives back what was put in, in order, also when its counters wrap", () => {
  const step = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((message) => ({ push: message })),
    fc.constant({ push: undefined }),
  );
  // Just below the largest 32-bit number, just below the sign, and plain zero.
  const starts = fc.constantFrom(0, 2 ** 31 - 256, -256, -4);
  fc.assert(
    fc.property(starts, fc.array(step, { maxLength: 300 }), (start, steps) => {
      const { writer, reader } = ends(256, start);
      const model: string[] = [];
      for (const { push } of steps) {
        if (push !== undefined) {
          if (writer.push(push)) model.push(latin(push));
          else assert.ok(reader.occupied > 0, "an empty ring takes a message");
        } else {
          const taken = shift(reader);
          assert.deepEqual(taken, model.shift());
        }
        assert.ok(reader.occupied >= 0 && reader.occupied <= 256);
      }
      for (const want of model) {
        assert.deepEqual(shift(reader), want);
      }
      assert.equal(shift(reader), undefined);
      assert.equal(reader.occupied, 0);
    }),
  );
});

Deno.test("a full ring refuses, and takes again when the reader has read", () => {
  const { writer, reader } = ends(64);
  const message = new Uint8Array(12);
  for (let n = 0; n < 4; n++) assert.ok(writer.push(message));
  assert.ok(!writer.push(message));
  shift(reader);
  assert.ok(writer.push(message));
});

Deno.test("RingReader.wait() ends with a message or with its time", async () => {
  // A wait alone does not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  const { writer, reader } = ends(64);
  await reader.wait(1);
  const waiting = reader.wait(60_000);
  writer.push(new Uint8Array(1));
  await waiting;
  await reader.wait(60_000); // there is one already
  clearInterval(alive);
  assert.equal(shift(reader), "\0");
});
