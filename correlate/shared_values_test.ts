import assert from "node:assert/strict";
import type { HandshakeEvent } from "../lib/events.ts";
import { SharedValues } from "./shared_values.ts";
import { handshake } from "./testing.ts";

/** A handshake with lists of its own, as JSON.parse makes it. */
function parsed(changes: Parameters<typeof handshake>[0] = {}): HandshakeEvent {
  return JSON.parse(JSON.stringify(handshake(changes)));
}

Deno.test("SharedValues.share() keeps equal lists once and every value as it was", () => {
  const shared = new SharedValues();
  const first = parsed();
  shared.share(first);
  const changes = {
    seq: 2,
    cipher_suites: [1, 2],
    client_alpns: undefined,
    sni: "other",
  };
  const second = parsed(changes);
  shared.share(second);
  assert.deepEqual(second, parsed(changes));
  assert.equal(second.extensions, first.extensions, "the same list");
  assert.notEqual(second.cipher_suites, first.cipher_suites);
  assert.ok(!("client_alpns" in second));
});

Deno.test("SharedValues.share() knows a client that shuffles its extensions", () => {
  const shared = new SharedValues();
  const first = parsed();
  shared.share(first);
  const shuffled = {
    ja4_ro: "another order",
    extensions: first.extensions?.toReversed(),
  };
  const second = parsed(shuffled);
  shared.share(second);
  assert.deepEqual(second, parsed(shuffled));
  assert.equal(second.cipher_suites, first.cipher_suites, "the same list");
});

Deno.test("SharedValues.share() leaves a handshake without a fingerprint alone", () => {
  const shared = new SharedValues();
  const torn = parsed({ ja4: undefined });
  shared.share(torn);
  assert.deepEqual(torn, parsed({ ja4: undefined }));
});
