/** The rules of docs/correlation.md, one row for each, its edge and its negation. */
import assert from "node:assert/strict";
import { NetworkSet } from "../lib/ip_filter.ts";
import type { JoinOptions } from "./join_options.ts";
import { run, type Step } from "./join_testing.ts";
import { at } from "./testing.ts";

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
