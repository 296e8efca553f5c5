import assert from "node:assert/strict";
import fc from "fast-check";
import type { HandshakeEvent, RequestEvent } from "../lib/events.ts";
import { NetworkSet } from "../lib/ip_filter.ts";
import { Join, type Joined, type JoinOptions } from "./join.ts";
import {
  at,
  connectionEnd,
  handshake,
  request,
  START_US,
  testOptions,
} from "./testing.ts";

/** What happens at `ms`: an event with its name, or time passing. Event times default to `ms`. */
type Step = readonly [
  ms: number,
  what: "hello" | "request" | "end" | "stats" | "time" | "shutdown",
  name?: string,
  changes?: Record<string, unknown>,
];

/**
 * Runs the steps; a row is `request=hello conn`, `request=reason` or `hello alone`. Requests and
 * hellos carry their name as path and sni.
 */
function run(
  steps: readonly Step[],
  changes: Partial<JoinOptions> = {},
): string[] {
  const rows: string[] = [];
  const join = new Join(
    testOptions(changes),
    (joined) => rows.push(describe(joined)),
  );
  let seq = 0;
  let wallShiftUs = 0;
  join.advance(0, START_US);
  for (const [ms, what, name, { wall_shift_s, ...fields } = {}] of steps) {
    if (typeof wall_shift_s === "number") wallShiftUs = wall_shift_s * 1e6;
    join.advance(ms, START_US + ms * 1000 + wallShiftUs);
    const ts = at(ms) + wallShiftUs;
    switch (what) {
      case "hello":
        // A random of its own for each hello, unless the row says otherwise.
        join.handshake(
          handshake({
            ts,
            sni: name,
            seq: ++seq,
            client_random_hash: `r${seq}`,
            ...fields,
          }),
          600,
        );
        break;
      case "request":
        join.request(request({ ts, url_path: name, ...fields }));
        break;
      case "end":
        join.connectionEnd(connectionEnd({ ts, ...fields }));
        break;
      case "stats":
        join.stats();
        break;
      case "shutdown":
        join.finish("shutdown");
        break;
      case "time":
    }
  }
  checkLaw(join);
  return rows;
}

function describe(joined: Joined): string {
  if (joined.match === "tls_only") return `${joined.handshake.sni} alone`;
  const path = joined.request.url_path;
  return joined.match === "none"
    ? `${path}=${joined.reason}`
    : `${path}=${joined.handshake.sni} ${joined.match}`;
}

function sum(counts: object): number {
  return Object.values(counts).reduce(
    (total: number, n: number) => total + n,
    0,
  );
}

/** What came in has left, was discarded for a counted reason, or is still held. */
function checkLaw(join: Join): void {
  const { requests, matched, orphans, requestsDiscarded } = join.counts;
  assert.equal(
    requests,
    sum(matched) + sum(orphans) + sum(requestsDiscarded) + join.requestsHeld,
  );
}

const CONN = { conn: 1, conn_ts: at(0) };
const trusted = { trustedProxies: new NetworkSet(["192.0.2.0/24"]) };

Deno.test.each<
  {
    name: string;
    steps: Step[];
    options?: Partial<JoinOptions>;
    want: string[];
  }
>([
  // Rule 1: the key.
  {
    name: "another port is another connection",
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", { ...CONN, src_port: 40_001 }],
      [1001, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "the server's address may differ: NAT lies between",
    steps: [
      [0, "hello", "h", { dest_ip: "203.0.113.5", dest_port: 8443 }],
      [1, "request", "r", CONN],
    ],
    want: ["r=h conn"],
  },
  {
    name: "with key src_dest_port the server's port counts",
    options: { key: "src_dest_port" },
    steps: [
      [0, "hello", "other", { dest_port: 8443 }],
      [0, "hello", "h"],
      [1, "request", "r", CONN],
    ],
    want: ["r=h conn"],
  },
  {
    name: "a QUIC hello of the same port is another connection",
    steps: [
      [0, "hello", "quic", { transport: "quic" }],
      [1, "request", "r", CONN],
      [2, "request", "h3", { ...CONN, http_version: "3" }],
      [1001, "time"],
    ],
    want: ["h3=quic conn", "r=no_hello"],
  },
  // Rule 2: generations.
  {
    name: "a hello with the same random is the same hello",
    steps: [
      [0, "hello", "h", { client_random_hash: "same" }],
      [5, "hello", "again", { client_random_hash: "same", hello: 1 }],
      [6, "request", "r", CONN],
      [20_000, "time"],
    ],
    want: ["r=h conn"],
  },
  {
    name: "a repeated hello that is whole takes the place of a torn one",
    steps: [
      [0, "hello", "torn", { client_random_hash: "same", status: "gap" }],
      [5, "hello", "whole", { client_random_hash: "same" }],
      [6, "request", "r", CONN],
    ],
    want: ["r=whole conn"],
  },
  {
    name: "without randoms, the same lists within a second are the same hello",
    steps: [
      [0, "hello", "h", { client_random_hash: undefined }],
      [900, "hello", "again", { client_random_hash: undefined }],
      [901, "request", "r", CONN],
      [20_000, "time"],
    ],
    want: ["r=h conn"],
  },
  // Rule 3: match on the connection.
  {
    name: "the hello may precede the accept, as Linux defers it",
    steps: [
      [0, "hello", "h"],
      [60, "request", "r", { conn: 1, conn_ts: at(51) }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "the hello may follow the accept by seconds",
    steps: [
      [9000, "hello", "h"],
      [9001, "request", "r", CONN],
    ],
    want: ["r=h conn"],
  },
  {
    name:
      "a hello that precedes the accept by too much is another connection's",
    steps: [
      [0, "hello", "early"],
      [2100, "request", "a", { conn: 1, conn_ts: at(2001) }],
      [2101, "request", "b", { conn: 2, conn_ts: at(2000) }],
      [3101, "time"],
    ],
    want: ["b=early conn", "a=no_hello"],
  },
  {
    name: "a hello that follows the accept by too much is another connection's",
    options: { httpHoldMs: 10_000, captureTimeoutMs: 60_000 },
    steps: [
      [9500, "request", "a", { conn: 1, conn_ts: at(0) }],
      [9501, "request", "b", { conn: 2, conn_ts: at(1) }],
      [10_001, "hello", "late"],
      [19_500, "time"],
    ],
    want: ["b=late conn", "a=no_hello"],
  },
  {
    name: "a port is reused: each connection keeps its own hello",
    steps: [
      [0, "hello", "first"],
      [1, "request", "a", { conn: 1, conn_ts: at(0) }],
      [500, "hello", "second"],
      [501, "request", "b", { conn: 2, conn_ts: at(500) }],
      [502, "request", "c", { conn: 1, conn_ts: at(0), req_idx: 1 }],
    ],
    want: ["a=first conn", "b=second conn", "c=first conn"],
  },
  {
    name: "a port is reused and the second hello is missed: no false match",
    steps: [
      [0, "hello", "first"],
      [1, "request", "a", { conn: 1, conn_ts: at(0) }],
      [500, "request", "b", { conn: 2, conn_ts: at(499) }],
      [1500, "time"],
    ],
    want: ["a=first conn", "b=no_hello"],
  },
  {
    name: "keep-alive longer than any window stays matched",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [3_500_000, "request", "b", { ...CONN, req_idx: 1 }],
      [7_000_000, "request", "c", { ...CONN, req_idx: 2 }],
    ],
    want: ["a=h conn", "b=h conn", "c=h conn"],
  },
  {
    name: "a request logged an hour after its hello, at the end of a download",
    steps: [
      [0, "hello", "h"],
      [3_599_000, "request", "r", {
        ...CONN,
        ts: at(1),
        duration_us: 3_598_999_000,
      }],
    ],
    want: ["h alone", "r=h conn"],
  },
  // Rule 4: match on a window.
  {
    name: "without conn_ts the newest hello before the request counts",
    steps: [
      [0, "hello", "old"],
      [500, "hello", "new"],
      [600, "request", "r"],
    ],
    want: ["r=new window"],
  },
  {
    name: "the window tolerates the skew between two clocks, and no more",
    steps: [
      [300, "hello", "h"],
      [301, "request", "a", { ts: at(50) }],
      [302, "request", "b", { ts: at(49) }],
      [1302, "time"],
    ],
    want: ["a=h window", "b=no_hello"],
  },
  {
    name: "each request moves the window on; a pause ends it",
    steps: [
      [0, "hello", "h"],
      [299_000, "request", "a"],
      [300_000, "stats"],
      [598_000, "request", "b"],
      [890_000, "stats"],
      [899_000, "request", "c"],
      [900_000, "time"],
    ],
    want: ["h alone", "a=h window", "b=h window", "c=no_hello"],
  },
  {
    name:
      "a connection number without a time: by window first, then by connection",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", { conn: 7 }],
      [2, "hello", "other"],
      [3, "request", "b", { conn: 7 }],
    ],
    want: ["a=h window", "b=h window"],
  },
  // Rule 5: cardinality.
  {
    name: "one to one: a hello answers once",
    options: { cardinality: "one_to_one" },
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [2, "request", "b", CONN],
      [1002, "time"],
    ],
    want: ["a=h conn", "b=no_hello"],
  },
  // Rule 6: out of order.
  {
    name: "a request waits for its hello",
    steps: [
      [0, "request", "r", CONN],
      [999, "hello", "h", { ts: at(0) }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "several requests of one connection wait in order, another's stays",
    steps: [
      [0, "request", "a", CONN],
      [1, "request", "x", { conn: 9, conn_ts: at(-50_000) }],
      [2, "request", "b", CONN],
      [10, "hello", "h", { ts: at(0) }],
      [1001, "time"],
    ],
    want: ["a=h conn", "b=h conn", "x=no_hello"],
  },
  {
    name: "waiting ends on time",
    steps: [[0, "request", "r", CONN], [999, "time"], [1000, "time"]],
    want: ["r=no_hello"],
  },
  {
    name: "clear text never waits",
    steps: [[0, "request", "r", { ...CONN, url_scheme: "http" }]],
    want: ["r=plaintext"],
  },
  {
    name: "nobody waits for a sensor that is down",
    steps: [[10_001, "request", "r", CONN]],
    want: ["r=capture_down"],
  },
  {
    name: "a sensor without traffic is not down while it sends stats",
    steps: [
      [9_000, "stats"],
      [10_001, "request", "r", { conn: 1, conn_ts: at(10_001) }],
      [11_001, "time"],
    ],
    want: ["r=no_hello"],
  },
  // Rule 7: reasons.
  {
    name: "behind a trusted proxy TLS ended upstream",
    options: trusted,
    steps: [
      [0, "request", "https", CONN],
      [0, "request", "http", { ...CONN, url_scheme: "http" }],
      [1000, "time"],
    ],
    want: ["http=upstream_tls", "https=upstream_tls"],
  },
  {
    name: "a trusted proxy that speaks TLS itself has a hello",
    options: trusted,
    steps: [[0, "hello", "h"], [1, "request", "r", CONN]],
    want: ["r=h conn"],
  },
  {
    name: "a PROXY header says that TLS may have ended upstream",
    steps: [
      [0, "request", "r", {
        ...CONN,
        client_ip: "203.0.113.1",
        client_ip_source: "proxy_protocol",
      }],
      [1000, "time"],
    ],
    want: ["r=upstream_tls"],
  },
  {
    name: "a hello that a bound removed is remembered as evicted",
    options: { perSourceMax: 1 },
    steps: [
      [0, "hello", "a"],
      [1, "hello", "b", { src_port: 40_001 }],
      [2, "request", "r", CONN],
      [1002, "time"],
    ],
    want: ["a alone", "r=tls_evicted"],
  },
  // Rule 8: handshakes without requests.
  {
    name: "a hello alone is written once and matches still",
    steps: [
      [0, "hello", "h"],
      [10_000, "time"],
      [20_000, "stats"],
      [20_001, "request", "r", { conn: 1, conn_ts: at(0) }],
      [60_000, "time"],
    ],
    want: ["h alone", "r=h conn"],
  },
  {
    name: "orphans of either kind can be left out",
    options: { emitHttpOrphans: false, emitTlsOrphans: false },
    steps: [[0, "hello", "h"], [1, "request", "r", { src_port: 1 }], [
      20_000,
      "time",
    ]],
    want: [],
  },
  // Rule 9: the end of a connection.
  {
    name: "requests may be logged shortly after the end of their connection",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [2, "end", "", { conn: 1 }],
      [2001, "request", "b", CONN],
      [2002, "time"],
      [2003, "request", "c", CONN],
      [3003, "time"],
    ],
    want: ["a=h conn", "b=h conn", "c=no_hello"],
  },
  {
    name: "the end of one connection leaves the next on its port alone",
    steps: [
      [0, "hello", "first"],
      [1, "request", "a", CONN],
      [10, "hello", "second"],
      [11, "end", "", { conn: 1 }],
      [5000, "request", "b", { conn: 2, conn_ts: at(10) }],
    ],
    want: ["a=first conn", "b=second conn"],
  },
  // Rule 10: repeats.
  {
    name: "a repeated datagram makes one row",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", { ...CONN, pid: 7, seq: 1 }],
      [2, "request", "b", { ...CONN, pid: 7, seq: 2 }],
      [1, "request", "a", { ...CONN, ts: at(1), pid: 7, seq: 1 }],
      [3, "request", "c", { ...CONN, pid: 8, seq: 1 }],
    ],
    want: ["a=h conn", "b=h conn", "c=h conn"],
  },
  {
    name: "a process identifier that comes back counts from 1 again",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", { ...CONN, pid: 7, seq: 1 }],
      [2, "request", "b", { ...CONN, pid: 7, seq: 1 }],
    ],
    want: ["a=h conn", "b=h conn"],
  },
  {
    name: "a repeated hello event makes no second generation",
    steps: [
      [0, "hello", "h", { seq: 1 }],
      [0, "hello", "h", { seq: 1 }],
      [20_000, "time"],
    ],
    want: ["h alone"],
  },
  // Rule 11: time.
  {
    name: "an event from long ago does not wait",
    steps: [[0, "request", "r", { ...CONN, ts: at(-3_600_001) }]],
    want: ["r=late"],
  },
  {
    name: "a long request is as late as its end",
    steps: [
      [0, "request", "r", {
        ...CONN,
        ts: at(-3_600_001),
        duration_us: 3_600_000_000,
      }],
      [1000, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "the clock steps an hour ahead between hello and accept",
    steps: [
      [0, "hello", "h"],
      [1, "time", "", { wall_shift_s: 3600 }],
      [2, "request", "r", { conn: 1, conn_ts: at(3_600_002) }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "the clock steps an hour back between hello and accept",
    steps: [
      [0, "hello", "h"],
      [1, "time", "", { wall_shift_s: -3600 }],
      [2, "request", "r", { conn: 1, conn_ts: at(-3_599_998) }],
    ],
    want: ["r=h conn"],
  },
  // Rule 12: bounds are in the table's own tests; here that a full queue answers.
  {
    name: "a full queue lets the oldest request go, with its reason",
    options: { maxPendingHttp: 16 },
    steps: Array.from({ length: 17 }, (_, i): Step => [
      i,
      "request",
      `r${i}`,
      { ...CONN, src_port: 1000 + i },
    ]),
    want: ["r0=no_hello"],
  },
  // Rule 13: stopping.
  {
    name: "at shutdown everything that waits gets its row",
    steps: [
      [0, "hello", "h", { src_port: 1 }],
      [1, "request", "r", CONN],
      [2, "shutdown"],
    ],
    want: ["r=shutdown", "h alone"],
  },
  // Rule 14: HTTP/2.
  {
    name: "streams of one HTTP/2 connection end in any order",
    steps: [
      [0, "hello", "h"],
      [1, "request", "s1", { ...CONN, req_idx: 1 }],
      [2, "request", "s2", {
        ...CONN,
        req_idx: 2,
        http_host: "other.example.com",
      }],
      [3, "request", "s0", { ...CONN, req_idx: 0 }],
    ],
    want: ["s1=h conn", "s2=h conn", "s0=h conn"],
  },
  // Rule 15: resumption.
  {
    name: "a resumed session has a hello of its own",
    steps: [
      [0, "hello", "full"],
      [1, "request", "a", CONN],
      [100, "hello", "resumed", { src_port: 40_001, psk: true }],
      [101, "request", "b", {
        conn: 2,
        conn_ts: at(100),
        src_port: 40_001,
        tls_resumed: true,
      }],
    ],
    want: ["a=full conn", "b=resumed conn"],
  },
  // Rule 16: proxies. The key stays the peer.
  {
    name: "a claimed address is no key",
    options: trusted,
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", {
        ...CONN,
        headers: { "x-forwarded-for": "203.0.113.7" },
      }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "excluded clients leave no row",
    options: { exclude: new NetworkSet(["192.0.2.1"]) },
    steps: [[0, "hello", "h"], [1, "request", "r", CONN], [20_000, "time"]],
    want: [],
  },
])("Join: $name", ({ steps, options, want }) => {
  assert.deepEqual(run(steps, options), want);
});

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
        const alone = new Map<HandshakeEvent, number>();
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
