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
      [9501, "request", "b", { conn: 2, conn_ts: at(1), ts: at(10_002) }],
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
  // More edges and negations, by rule.
  {
    name: "rule 1: another address is another connection",
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", { ...CONN, src_ip: "192.0.2.2" }],
      [1001, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 1: IPv6 connections match by all 128 bits",
    steps: [
      [0, "hello", "other", { src_ip: "2001:db8::1:1" }],
      [0, "hello", "h", { src_ip: "2001:db8::1" }],
      [1, "request", "r", { ...CONN, src_ip: "2001:db8::1" }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 1: a DTLS hello answers no request over TCP",
    steps: [
      [0, "hello", "dtls", { transport: "dtls" }],
      [1, "request", "r", CONN],
      [1001, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 1: HTTP/3 finds no hello of TCP",
    steps: [
      [0, "hello", "tcp"],
      [1, "request", "r", { ...CONN, http_version: "3" }],
      [1001, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name:
      "rule 1: with key src_dest_port a request waits for the hello of its port",
    options: { key: "src_dest_port" },
    steps: [
      [0, "hello", "h", { dest_port: 8443 }],
      [1, "request", "r", CONN],
      [1001, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 2: a hello with another random is another connection",
    steps: [
      [0, "hello", "first"],
      [1, "hello", "second"],
      [2, "request", "r", { conn: 1, conn_ts: at(1) }],
      [10_002, "time"],
    ],
    want: ["r=second conn", "first alone"],
  },
  {
    name:
      "rule 2: without randoms, the same lists after a second are another hello",
    steps: [
      [0, "hello", "first", { client_random_hash: undefined }],
      [1001, "hello", "second", { client_random_hash: undefined }],
      [1002, "request", "r", { conn: 1, conn_ts: at(1001) }],
      [11_002, "time"],
    ],
    want: ["r=second conn", "first alone"],
  },
  {
    name: "rule 2: without randoms, a hello behind a request is another one",
    steps: [
      [0, "hello", "first", { client_random_hash: undefined }],
      [1, "request", "a", CONN],
      [2, "hello", "second", { client_random_hash: undefined }],
      [3, "request", "b", { conn: 2, conn_ts: at(2) }],
    ],
    want: ["a=first conn", "b=second conn"],
  },
  {
    name: "rule 2: a torn repetition does not take the place of a whole hello",
    steps: [
      [0, "hello", "whole", { client_random_hash: "same" }],
      [1, "hello", "torn", { client_random_hash: "same", status: "gap" }],
      [2, "request", "r", CONN],
    ],
    want: ["r=whole conn"],
  },
  {
    name: "rule 2: the oldest of more than four hellos of a port goes",
    steps: [
      ...[0, 1, 2, 3, 4].map((n): Step => [n * 3000, "hello", `h${n}`]),
      [12_001, "request", "last", { conn: 9, conn_ts: at(12_000) }],
      [12_002, "request", "second", { conn: 8, conn_ts: at(3000) }],
      [12_003, "request", "first", { conn: 7, conn_ts: at(0), ts: at(1) }],
      [13_004, "time"],
    ],
    want: [
      ...["h0 alone", "last=h4 conn", "second=h1 conn"],
      "first=no_hello",
    ],
  },
  {
    name: "rule 3: the interval is closed at both ends",
    steps: [
      [0, "hello", "before"],
      [1, "hello", "after", { src_port: 2, ts: at(10_000) }],
      [2, "request", "a", { conn: 1, conn_ts: at(2000) }],
      [3, "request", "b", {
        ...{ conn: 2, conn_ts: at(0), src_port: 2, ts: at(10_000) },
      }],
    ],
    want: ["a=before conn", "b=after conn"],
  },
  {
    name: "rule 3: a microsecond outside of the interval is outside",
    steps: [
      [0, "hello", "before"],
      [1, "hello", "after", { src_port: 2, ts: at(10_000.001) }],
      [2, "request", "a", { conn: 1, conn_ts: at(2000.001) }],
      [3, "request", "b", {
        ...{ conn: 2, conn_ts: at(0), src_port: 2, ts: at(10_001) },
      }],
      [1003, "time"],
    ],
    want: ["a=no_hello", "b=no_hello"],
  },
  {
    name: "rule 3: the nearest hello counts, not that of the next connection",
    steps: [
      [0, "hello", "own"],
      [3000, "hello", "next"],
      [3001, "request", "long", { ...CONN, ts: at(2) }],
      [3002, "request", "r", { conn: 2, conn_ts: at(3000) }],
    ],
    want: ["long=own conn", "r=next conn"],
  },
  {
    name: "rule 3: no request has a hello that came behind it",
    steps: [
      [0, "request", "missed", CONN],
      [600, "hello", "next"],
      [601, "request", "r", { conn: 2, conn_ts: at(600) }],
      [1000, "time"],
    ],
    want: ["r=next conn", "missed=no_hello"],
  },
  {
    name: "rule 3: the clocks of sensor and server may differ by the skew",
    steps: [
      [0, "request", "r", CONN],
      [250, "hello", "h"],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 3: a hello serves one connection alone",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", { conn: 1, conn_ts: at(0) }],
      [2, "request", "b", { conn: 2, conn_ts: at(0) }],
      [1002, "time"],
    ],
    want: ["a=h conn", "b=no_hello"],
  },
  {
    name:
      "rule 3: connections on one port within two seconds take their own hellos",
    steps: [
      [0, "hello", "first"],
      [900, "hello", "second"],
      [901, "request", "b", { conn: 2, conn_ts: at(900) }],
      [902, "request", "a", { conn: 1, conn_ts: at(0) }],
    ],
    want: ["b=second conn", "a=first conn"],
  },
  {
    name:
      "rule 4: a hello behind the request by more than the skew is the next one's",
    steps: [
      [0, "hello", "h"],
      [1000, "hello", "next"],
      [1001, "request", "r", { ts: at(749) }],
      [1002, "request", "s", { ts: at(750) }],
    ],
    want: ["r=h window", "s=next window"],
  },
  {
    name: "rule 4: the window ends a microsecond behind its length",
    steps: [
      [0, "hello", "h"],
      [5000, "request", "in", { ts: at(300_000) }],
      [5001, "hello", "g", { src_port: 2, ts: at(0) }],
      [5002, "request", "out", { src_port: 2, ts: at(300_000.001) }],
      [6002, "time"],
    ],
    want: ["in=h window", "out=no_hello"],
  },
  {
    name:
      "rule 4: a feeder without conn never takes what a connection owns by time",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [2, "request", "b"],
    ],
    want: ["a=h conn", "b=h window"],
  },
  {
    name: "rule 5: one to one: the next hello answers the next request",
    options: { cardinality: "one_to_one" },
    steps: [
      [0, "hello", "h1"],
      [1, "hello", "h2"],
      [2, "request", "a", CONN],
      [3, "request", "b", CONN],
      [4, "request", "c", CONN],
      [1004, "time"],
    ],
    want: ["a=h1 conn", "b=h2 conn", "c=no_hello"],
  },
  {
    name: "rule 5: one to many: a hundred requests of one hello",
    steps: [
      [0, "hello", "h"],
      ...Array.from({ length: 100 }, (_, n): Step => [
        n,
        "request",
        `r${n}`,
        { ...CONN, req_idx: n },
      ]),
    ],
    want: Array.from({ length: 100 }, (_, n) => `r${n}=h conn`),
  },
  {
    name: "rule 6: a hold of nothing answers at once",
    options: { httpHoldMs: 0 },
    steps: [[0, "request", "r", CONN]],
    want: ["r=no_hello"],
  },
  {
    name: "rule 6: a hello that comes when the waiting is over is alone",
    steps: [
      [0, "request", "r", CONN],
      [1000, "hello", "h", { ts: at(0) }],
      [11_000, "time"],
    ],
    want: ["r=no_hello", "h alone"],
  },
  {
    name: "rule 6: another port's hello releases nobody",
    steps: [
      [0, "request", "r", CONN],
      [1, "hello", "h", { src_port: 9 }],
      [1000, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 6: a sensor is up until its silence has lasted the whole time",
    steps: [
      [10_000, "request", "r", { conn: 1, conn_ts: at(10_000) }],
      [10_001, "hello", "h", { ts: at(10_000) }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 6: a sensor that comes back is up again",
    steps: [
      [20_000, "request", "a", { conn: 1, conn_ts: at(20_000) }],
      [20_001, "stats"],
      [20_002, "request", "b", { conn: 2, conn_ts: at(20_002) }],
      [20_003, "hello", "h", { ts: at(20_002) }],
    ],
    want: ["a=capture_down", "b=h conn"],
  },
  {
    name: "rule 6: a request that waits when the sensor falls silent says so",
    options: { httpHoldMs: 3000 },
    steps: [
      [9000, "request", "r", { conn: 1, conn_ts: at(9000) }],
      [12_000, "time"],
    ],
    want: ["r=capture_down"],
  },
  {
    name: "rule 7: an untrusted peer is no proxy",
    options: { trustedProxies: new NetworkSet(["198.51.100.0/24"]) },
    steps: [[0, "request", "r", CONN], [1000, "time"]],
    want: ["r=no_hello"],
  },
  {
    name: "rule 7: clear text from an untrusted peer is clear text",
    options: { trustedProxies: new NetworkSet(["198.51.100.0/24"]) },
    steps: [[0, "request", "r", { ...CONN, url_scheme: "http" }]],
    want: ["r=plaintext"],
  },
  {
    name:
      "rule 7: clear text on a port with a hello matches it: TLS was offloaded here",
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", { ...CONN, url_scheme: "http" }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 7: an evicted hello is forgotten as such after an hour",
    options: { perSourceMax: 1 },
    steps: [
      [0, "hello", "a"],
      [1, "hello", "b", { src_port: 40_001 }],
      [3_600_002, "stats"],
      [3_600_003, "request", "r", { conn: 1, conn_ts: at(3_600_003) }],
      [3_601_003, "time"],
    ],
    want: ["a alone", "b alone", "r=no_hello"],
  },
  {
    name: "rule 8: a hello that a request followed is not alone",
    steps: [
      [0, "hello", "h"],
      [9999, "request", "r", CONN],
      [30_000, "time"],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 8: a hello is alone when its time is up and not before",
    steps: [[0, "hello", "h"], [9999, "time"], [10_000, "time"]],
    want: ["h alone"],
  },
  {
    name: "rule 8: a hello that had to go for room is written at once",
    options: { maxTls: 16, perSourceMax: 100 },
    steps: Array.from({ length: 17 }, (_, n): Step => [
      n,
      "hello",
      `h${n}`,
      { src_port: 1000 + n },
    ]),
    want: ["h0 alone"],
  },
  {
    name: "rule 8: a torn hello alone is a row too",
    steps: [[0, "hello", "h", { status: "truncated" }], [10_000, "time"]],
    want: ["h alone"],
  },
  {
    name: "rule 9: the end of a connection that nobody knows changes nothing",
    steps: [
      [0, "end", "", { conn: 5 }],
      [1, "hello", "h"],
      [5000, "request", "r", { conn: 1, conn_ts: at(1) }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 9: the end of another connection on the port changes nothing",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [2, "end", "", { conn: 99 }],
      [5000, "request", "b", CONN],
    ],
    want: ["a=h conn", "b=h conn"],
  },
  {
    name: "rule 9: an idle connection is forgotten after an hour",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [3_600_001, "time"],
      [3_600_002, "stats"],
      [3_600_003, "request", "b", CONN],
      [3_601_003, "time"],
    ],
    want: ["a=h conn", "b=no_hello"],
  },
  {
    name: "rule 10: a straggler out of order is no repetition",
    steps: [
      [0, "hello", "h"],
      [1, "request", "b", { ...CONN, pid: 7, seq: 2 }],
      [2, "request", "a", { ...CONN, pid: 7, seq: 1, ts: at(0) }],
      [3, "request", "c", { ...CONN, pid: 7, seq: 3 }],
    ],
    want: ["b=h conn", "a=h conn", "c=h conn"],
  },
  {
    name: "rule 10: producers without numbers are believed",
    steps: [
      [0, "hello", "h"],
      [1, "request", "a", CONN],
      [1, "request", "a", CONN],
    ],
    want: ["a=h conn", "a=h conn"],
  },
  {
    name: "rule 10: two sensors may use the same numbers",
    steps: [
      [0, "hello", "a", { seq: 1, sensor: "edge1" }],
      [0, "hello", "b", { seq: 1, sensor: "edge2", src_port: 2 }],
      [10_000, "time"],
    ],
    want: ["a alone", "b alone"],
  },
  {
    name: "rule 11: an event of just within an hour waits",
    steps: [
      [0, "request", "r", { ...CONN, ts: at(-3_600_000) }],
      [1000, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 11: a late event that has its hello matches",
    steps: [
      [0, "hello", "h", { ts: at(-4_000_000) }],
      [1, "request", "r", {
        ...{ conn: 1, conn_ts: at(-4_000_000), ts: at(-4_000_000) },
      }],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 11: a step of the clock is forgiven for a while, not for ever",
    steps: [
      [0, "time"],
      [1, "time", "", { wall_shift_s: 3600 }],
      [10_002, "stats"],
      [10_003, "hello", "h", { ts: at(10_003) }],
      [10_004, "request", "r", { conn: 1, conn_ts: at(3_610_004) }],
      [11_004, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 11: a clock that drifts by less than a second was not stepped",
    steps: [
      [0, "hello", "h"],
      [1, "time", "", { wall_shift_s: 0.9 }],
      [2, "request", "r", { conn: 1, conn_ts: at(20_000) }],
      [1002, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "rule 13: at shutdown a request that has its hello is not held",
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", CONN],
      [2, "shutdown"],
    ],
    want: ["r=h conn"],
  },
  {
    name: "rule 14: a stream for another host of the certificate is matched",
    steps: [
      [0, "hello", "www.example.com"],
      [1, "request", "r", { ...CONN, http_host: "static.example.com" }],
    ],
    want: ["r=www.example.com conn"],
  },
  {
    name: "rule 15: a resumed connection on the same port takes the new hello",
    steps: [
      [0, "hello", "full"],
      [1, "request", "a", CONN],
      [2, "end", "", { conn: 1 }],
      [100, "hello", "resumed", { psk: true }],
      [101, "request", "b", { conn: 2, conn_ts: at(100), tls_resumed: true }],
    ],
    want: ["a=full conn", "b=resumed conn"],
  },
  {
    name: "rule 16: an address that an untrusted client claims is not believed",
    steps: [
      [0, "hello", "h", { src_ip: "203.0.113.7" }],
      [1, "request", "r", {
        ...CONN,
        headers: { "x-forwarded-for": "203.0.113.7" },
      }],
      [1001, "time"],
    ],
    want: ["r=no_hello"],
  },
  {
    name: "exclusion is by network, and its neighbours stay",
    options: { exclude: new NetworkSet(["192.0.2.128/25"]) },
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", CONN],
      [2, "hello", "out", { src_ip: "192.0.2.200" }],
      [3, "request", "gone", { ...CONN, src_ip: "192.0.2.200" }],
      [20_000, "time"],
    ],
    want: ["r=h conn"],
  },
  {
    name: "orphans of requests alone can be left out",
    options: { emitHttpOrphans: false },
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", { src_port: 1 }],
      [20_000, "time"],
    ],
    want: ["h alone"],
  },
  {
    name: "handshakes alone can be left out",
    options: { emitTlsOrphans: false },
    steps: [
      [0, "hello", "h"],
      [1, "request", "r", { src_port: 1 }],
      [1001, "time"],
      [20_000, "time"],
    ],
    want: ["r=no_hello"],
  },
])("Join: $name", ({ steps, options, want }) => {
  assert.deepEqual(run(steps, options), want);
});
