import assert from "node:assert/strict";
import fc from "fast-check";
import { TextArena } from "./text_arena.ts";

const encoder = new TextEncoder();

Deno.test("TextArena gives each text back until it is released, through any order", () => {
  const step = fc.record({
    store: fc.boolean(),
    text: fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.nat({ max: 3000 }).map((length) => "x".repeat(length)),
      fc.constantFrom("a".repeat(256), "b".repeat(257), "c".repeat(512)),
    ),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const arena = new TextArena();
      const held: { text: string; first: number }[] = [];
      for (const { store, text, which } of steps) {
        if (store) {
          held.push({ text, first: arena.store(encoder.encode(text)) });
        } else if (held.length > 0) {
          const [gone] = held.splice(which % held.length, 1);
          assert.ok(gone);
          arena.release(gone.first);
        }
        for (const { text, first } of held) {
          assert.equal(arena.read(first), text);
        }
      }
    }),
  );
});

Deno.test("TextArena uses room again", () => {
  const arena = new TextArena();
  const text = encoder.encode("x".repeat(1000));
  const handles = Array.from({ length: 5000 }, () => arena.store(text));
  const { bytes } = arena;
  for (let round = 0; round < 3; round++) {
    for (const handle of handles.splice(0)) arena.release(handle);
    for (let n = 0; n < 5000; n++) handles.push(arena.store(text));
  }
  assert.equal(arena.bytes, bytes);
  assert.ok(bytes < 5000 * 1000 * 1.3, `${bytes}`);
});
