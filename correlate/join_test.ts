import assert from "node:assert/strict";
import fc from "fast-check";
import type { RequestEvent } from "../lib/events.ts";
import type { Hello } from "./hello.ts";
import { Join } from "./join.ts";
import { checkLaw, describe, sum } from "./join_testing.ts";
import {
  at,
  connectionEnd,
  handshake,
  request,
  START_US,
  testOptions,
} from "./testing.ts";

const CONN = { conn: 1, conn_ts: at(0) };

/** Few keys and connections, so that the events collide in every way. */
const arbitrarySteps = fc.array(
  fc.record({
    passMs: fc.constantFrom(0, 0, 1, 50, 700, 3000, 400_000),
    kind: fc.constantFrom("hello", "request", "request", "end", "stats"),
    port: fc.integer({ min: 1, max: 4 }),
    conn: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    hasConnTs: fc.boolean(),
    backMs: fc.constantFrom(0, 1, 900, 5000, 4_000_000),
    scheme: fc.constantFrom("https", "https", "https", "http"),
    seq: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    random: fc.constantFrom(undefined, "a", "b"),
  }),
  { maxLength: 120 },
);

Deno.test("Join answers every request exactly once, whatever comes", () => {
  fc.assert(
    fc.property(
      arbitrarySteps,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 3 }),
      (steps, maxTls, maxPendingHttp) => {
        const answered = new Map<RequestEvent, number>();
        const alone = new Map<Hello, number>();
        const join = new Join(
          testOptions({ maxTls, maxPendingHttp, perSourceMax: 4 }),
          (joined) => {
            if (joined.match === "tls_only") {
              alone.set(
                joined.handshake,
                (alone.get(joined.handshake) ?? 0) + 1,
              );
            } else {
              answered.set(
                joined.request,
                (answered.get(joined.request) ?? 0) + 1,
              );
              if (joined.match !== "none") {
                assert.equal(
                  joined.handshake.src_port,
                  joined.request.src_port,
                );
              }
            }
          },
        );
        let ms = 0;
        let sent = 0;
        let helloSeq = 0;
        for (const step of steps) {
          ms += step.passMs;
          join.advance(ms, START_US + ms * 1000);
          const ts = at(ms - step.backMs);
          const common = { ts, src_port: step.port };
          if (step.kind === "hello") {
            join.handshake(
              handshake({
                ...common,
                seq: ++helloSeq,
                client_random_hash: step.random,
              }),
              600,
            );
          } else if (step.kind === "request") {
            sent++;
            join.request(request({
              ...common,
              conn: step.conn,
              conn_ts: step.hasConnTs ? ts : undefined,
              url_scheme: step.scheme,
              pid: step.seq === undefined ? undefined : 1,
              seq: step.seq,
            }));
          } else if (step.kind === "end") {
            join.connectionEnd(
              connectionEnd({ ...common, conn: step.conn ?? 1 }),
            );
          } else join.stats();
          checkLaw(join);
          assert.ok(join.handshakesHeld <= maxTls);
          assert.ok(join.requestsHeld <= maxPendingHttp);
        }
        join.finish("shutdown");
        checkLaw(join);
        assert.equal(join.requestsHeld, 0);
        const discarded = sum(join.counts.requestsDiscarded);
        assert.equal(answered.size, sent - discarded);
        assert.ok([...answered.values()].every((times) => times === 1));
        assert.ok([...alone.values()].every((times) => times === 1));
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("Join counts what producers numbered and never came", () => {
  const join = new Join(testOptions(), () => {});
  join.advance(0, START_US);
  for (const seq of [10, 11, 14, 13]) {
    join.request(request({ pid: 1, seq, ts: at(seq) }));
  }
  join.handshake(handshake({ seq: 1 }), 1);
  join.handshake(handshake({ seq: 4, src_port: 2 }), 1);
  assert.deepEqual(join.lost, { requests: 1, handshakes: 2 });
});

Deno.test("a scanner evicts its own handshakes and nobody else's", () => {
  const rows = new Set<string>();
  const join = new Join(
    testOptions({ maxTls: 1000, perSourceMax: 100 }),
    (joined) => rows.add(describe(joined)),
  );
  join.advance(0, START_US);
  let seq = 0;
  for (let port = 1; port <= 200; port++) {
    join.handshake(
      handshake({ src_ip: `198.51.100.${port}`, seq: ++seq, sni: `h${port}` }),
      600,
    );
  }
  for (let port = 1; port <= 50_000; port++) {
    join.handshake(
      handshake({
        src_ip: "203.0.113.66",
        src_port: port,
        seq: ++seq,
        sni: "scan",
      }),
      600,
    );
  }
  for (let port = 1; port <= 200; port++) {
    join.request(
      request({ ...CONN, src_ip: `198.51.100.${port}`, url_path: `r${port}` }),
    );
  }
  assert.equal(join.counts.matched.conn, 200);
  assert.equal(join.counts.evicted.source_quota, 49_900);
  checkLaw(join);
});
