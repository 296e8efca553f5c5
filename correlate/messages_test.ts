import assert from "node:assert/strict";
import fc from "fast-check";
import { MessageBatch } from "./messages.ts";

const encoder = new TextEncoder();

function batchOf(texts: readonly Uint8Array[]): MessageBatch {
  const bytes = new Uint8Array(
    texts.reduce((sum, { length }) => sum + length + 1, 0),
  );
  const batch = new MessageBatch();
  batch.reset(bytes);
  let at = 0;
  for (const text of texts) {
    bytes.set(text, at);
    batch.add(at, at + text.length);
    at += text.length + 1;
  }
  return batch;
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const message = fc.oneof(
  fc.json().map((text) => encoder.encode(text)),
  fc.constantFrom("", "{", "}", "]", "[", ",", '{"a":1},{"b":2', '"', "é", " ")
    .map((text) => encoder.encode(text)),
  fc.uint8Array({ maxLength: 9 }),
);

Deno.test("MessageBatch reads each message as it would be read alone", () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), (texts) => {
      const batch = batchOf(texts);
      assert.equal(batch.count, texts.length);
      const alone = texts.map((bytes) => new TextDecoder().decode(bytes));
      texts.forEach((bytes, i) => {
        assert.equal(batch.text(i), alone[i]);
        assert.equal(batch.length(i), bytes.length);
      });
      // Messages that make an array only together are the one exception.
      const values = batch.values();
      assert.equal(values.length, texts.length);
      const wanted = alone.map(valueOf);
      const together = valueOf(`[${alone.join(",")}]`);
      if (Array.isArray(together) && together.length === texts.length) {
        assert.deepEqual(values, together);
      } else assert.deepEqual(values, wanted);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("MessageBatch.inner() is what stands between the head and the last character", () => {
  for (const text of ['{"head":1,"rest":"e"}', '{"head":1,"rest":"é"}']) {
    const batch = batchOf([encoder.encode("[]"), encoder.encode(text)]);
    batch.values();
    assert.equal(
      new TextDecoder().decode(batch.inner(1, 10)),
      text.slice(10, -1),
    );
  }
});

Deno.test("MessageBatch.skipTo() cuts what stands before an event", () => {
  const batch = batchOf(
    ["<190>Nov 23 ja4: {}", '{"a":1}', "no event"].map((text) =>
      encoder.encode(text)
    ),
  );
  batch.skipTo(123);
  assert.deepEqual([0, 1, 2].map((i) => batch.text(i)), [
    "{}",
    '{"a":1}',
    "no event",
  ]);
  assert.deepEqual(batch.values(), [{}, { a: 1 }, undefined]);
});
