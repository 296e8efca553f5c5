import assert from "node:assert/strict";
import fc from "fast-check";
import type { RequestEvent } from "../lib/events.ts";
import type { Hello } from "./hello.ts";
import { Join } from "./join.ts";
import { checkLaw, describe, sum } from "./join_testing.ts";
import { randomOf, runPortReuse } from "./port_reuse.ts";
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

Deno.test("connections that stay leave room for the hellos of new ones", () => {
  const join = new Join(testOptions({ maxTls: 100 }), () => {});
  join.advance(0, START_US);
  for (let n = 1; n <= 1000; n++) {
    // The hello of one, while ten others wait for their request.
    join.handshake(handshake({ src_ip: addressOf(n), seq: n }), 600);
    if (n <= 10) continue;
    const before = n - 10;
    join.request(
      request({ ...CONN, src_ip: addressOf(before), conn: before, seq: n }),
    );
  }
  assert.equal(join.counts.matched.conn, 990);
  assert.equal(join.counts.evicted.capacity, 900);
  checkLaw(join);
});

Deno.test("a scan from many addresses takes a quarter of the table from those that are joined", () => {
  const join = new Join(testOptions({ maxTls: 1000 }), () => {});
  join.advance(0, START_US);
  let seq = 0;
  const askAll = (): void => {
    for (let n = 1; n <= 700; n++) {
      join.request(
        request({ ...CONN, src_ip: addressOf(n), conn: n, seq: ++seq }),
      );
    }
  };
  for (let n = 1; n <= 700; n++) {
    join.handshake(handshake({ src_ip: addressOf(n), seq: n }), 600);
  }
  askAll();
  for (let n = 701; n <= 50_000; n++) {
    join.handshake(handshake({ src_ip: addressOf(n), seq: n }), 600);
  }
  askAll();
  assert.equal(join.counts.matched.conn, 1400);
  checkLaw(join);
});

/** A client's address, for `n` below 65,536. */
function addressOf(n: number): string {
  return `198.18.${n >> 8}.${n & 255}`;
}

Deno.test("with conn_ts no request is joined with another connection's hello", () => {
  let total = 0;
  fc.assert(
    fc.property(
      fc.record({
        connections: fc.integer({ min: 1, max: 300 }),
        clients: fc.integer({ min: 1, max: 3 }),
        portsPerClient: fc.integer({ min: 1, max: 3 }),
        // A port is not used again within two seconds of its last use (accept_delay_ms).
        pauseMinMs: fc.constant(2000),
        pauseMaxMs: fc.integer({ min: 2000, max: 60_000 }),
        requestsMax: fc.integer({ min: 1, max: 5 }),
        helloLoss: fc.constantFrom(0, 0.05, 0.5),
        requestLoss: fc.constantFrom(0, 0.05, 0.5),
        delayMaxMs: fc.constantFrom(0, 50, 900, 3000),
        acceptDelayMaxMs: fc.constantFrom(0, 100, 1900),
        durationMaxMs: fc.constantFrom(0, 200, 30_000),
      }),
      fc.integer(),
      (traffic, seed) => {
        const found = runPortReuse(
          { ...traffic, hasConn: true },
          randomOf(seed),
          { captureTimeoutMs: Infinity },
        );
        total += found.requests;
        assert.equal(found.wrong, 0);
        assert.ok(found.right <= found.matchable);
        // Nothing is missed where everything comes in time.
        if (traffic.delayMaxMs <= 900 && traffic.durationMaxMs <= 200) {
          assert.equal(found.right, found.matchable);
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(total > 10_000, `${total} requests`);
});

Deno.test("a step of the clock by an hour, either way, costs at most 1 % of the matches", () => {
  for (const stepMs of [3_600_000, -3_600_000]) {
    const rows = { matched: 0, orphans: 0 };
    const join = new Join(
      testOptions({ maxTls: 65_536, maxPendingHttp: 65_536 }),
      (joined) => {
        if (joined.match === "none") rows.orphans++;
        else rows.matched++;
      },
    );
    const random = randomOf(7);
    const connections = 20_000;
    const arrivals: { ms: number; make: () => void }[] = [];
    for (let n = 0; n < connections; n++) {
      const ms = n * 3;
      const place = { src_ip: `10.1.${n >> 8 & 255}.${n & 255}`, src_port: 5 };
      // What the clocks of the producers say: stepped in the middle.
      const clock = (ms: number): number => ms + (ms < 30_000 ? 0 : stepMs);
      const acceptMs = ms + random() * 50;
      const hello = handshake({
        ...{ ...place, ts: at(clock(ms)), seq: n + 1 },
        client_random_hash: `${n}`,
      });
      const made = request({
        ...{ ...place, conn: n, conn_ts: at(clock(acceptMs)) },
        ts: at(clock(acceptMs + 5)),
      });
      arrivals.push({
        ms: ms + random() * 100,
        make: () => join.handshake(hello, 600),
      }, {
        ms: acceptMs + 5 + random() * 100,
        make: () => join.request(made),
      });
    }
    arrivals.sort((a, b) => a.ms - b.ms);
    for (const { ms, make } of arrivals) {
      const wall = ms + (ms < 30_000 ? 0 : stepMs);
      join.advance(ms, START_US + wall * 1000);
      make();
    }
    join.advance(80_000, START_US + (80_000 + stepMs) * 1000);
    join.finish();
    const share = rows.matched / connections;
    assert.ok(share >= 0.99, `${share} after a step of ${stepMs} ms`);
  }
});

Deno.test("a scanner with 50 000 hellos a second for ten seconds leaves the others joined", () => {
  let matched = 0;
  const join = new Join(
    testOptions({
      maxTls: 262_144,
      maxPendingHttp: 65_536,
      perSourceMax: 4096,
    }),
    (joined) => {
      if (joined.match === "conn") matched++;
    },
  );
  const facts = new TextEncoder().encode('"transport":"tcp"');
  const hello = handshake({ sensor: "scan" });
  const clients = 10_000;
  let scanned = 0;
  // A millisecond a step: 50 hellos of the scanner, one of another client, its request 900 ms later.
  for (let ms = 0; ms < clients + 900; ms++) {
    join.advance(ms, START_US + ms * 1000);
    for (let n = 0; n < 50 && ms < clients; n++, scanned++) {
      join.handshake(
        {
          ...hello,
          ...{
            src_ip: "203.0.113.66" as typeof hello.src_ip,
            seq: scanned + 1,
          },
          ...{ src_port: scanned % 60_000, ts: at(ms) },
          client_random_hash: `s${scanned}`,
        },
        600,
        facts,
      );
    }
    const place = (n: number): Record<string, unknown> => ({
      ...{ src_ip: `10.2.${n >> 8}.${n & 255}`, ts: at(n) },
    });
    if (ms < clients) {
      join.handshake(
        handshake({ ...place(ms), seq: ms + 1, client_random_hash: `c${ms}` }),
        600,
      );
    }
    const late = ms - 900;
    if (late >= 0) {
      join.request(request({
        ...{ ...place(late), conn: late, conn_ts: at(late) },
      }));
    }
  }
  assert.equal(scanned, 500_000);
  assert.ok(join.counts.evicted.source_quota > 400_000);
  // A client that shares the scanner's place in the hash of sources shares its quota.
  assert.ok(matched >= clients * 0.999, `${matched} of ${clients} are joined`);
  checkLaw(join);
});
