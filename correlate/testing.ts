/** Events and settings for the tests and benchmarks of the correlator. Not used in production. @module */
import * as v from "valibot";
import type {
  ConnectionEndEvent,
  HandshakeEvent,
  IpAddress,
  Ja4,
  RequestEvent,
  StatsEvent,
  UnixMicros,
} from "../lib/events.ts";
import type { JoinOptions } from "./join_options.ts";
import { filterSection, joinOptions, joinSection } from "./join_config.ts";

/** Wall clock of the tests at 0 ms, microseconds. */
export const START_US = 1_790_000_000_000_000;

/** `ms` after the start of the test, in the events' time. */
export function at(ms: number): UnixMicros {
  return START_US + Math.round(ms * 1000) as UnixMicros;
}

/** The defaults of the configuration, with changes. */
export function testOptions(changes: Partial<JoinOptions> = {}): JoinOptions {
  return {
    ...joinOptions(v.parse(joinSection, {}), v.parse(filterSection, {}), 1),
    maxTls: 1024,
    maxPendingHttp: 256,
    ...changes,
  };
}

/** A value with any of its fields changed; `undefined` takes one away. */
type Changes<Event> = { readonly [Key in keyof Event]?: unknown };

const CONNECTION = {
  src_ip: "192.0.2.1" as IpAddress,
  src_port: 40_000,
  dest_ip: "198.51.100.1" as IpAddress,
  dest_port: 443,
};

/** A complete handshake. */
export function handshake(
  changes: Changes<HandshakeEvent> = {},
): HandshakeEvent {
  return {
    ...CONNECTION,
    event_type: "handshake",
    ts: at(0),
    seq: 1,
    sensor: "edge1",
    boot: 1_790_000_000,
    transport: "tcp",
    community_id: "1:wCb3OG7yAFWelaUydu0D+125CLM=",
    status: "complete",
    hello: 0,
    ja4: "t13d1516h2_8daaf6152771_b186095e22b6" as Ja4,
    ja4_r:
      "t13d1516h2_002f,0035,009c,009d,1301,1302,1303,c013,c014_0005,000a,000b,000d",
    ja4_ro:
      "t13d1516h2_1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8_0000,0017,ff01,000a",
    ja3: "579ccef312d18482fc42e2b822ca2430",
    sni: "www.example.com",
    client_alpns: ["h2", "http/1.1"],
    tls_version_offered: "1.3",
    cipher_suites: [4865, 4866, 4867, 49195, 49199, 49196, 49200, 52393, 52392],
    extensions: [0, 23, 65281, 10, 11, 35, 16, 5, 13, 18, 51, 45, 43, 27],
    supported_groups: [4588, 29, 23, 24],
    signature_algorithms: [1027, 2052, 1025, 1283, 2053, 1281, 2054, 1537],
    hello_bytes: 517,
    hello_records: 1,
    hello_segments: 1,
    ip_ttl: 57,
    ip_df: true,
    tcp_window: 64_240,
    tcp_mss: 1460,
    tcp_wscale: 7,
    tcp_options: "2-4-8-1-3",
    ...changes,
  } as HandshakeEvent;
}

/** A request as the Apache module reports it, its fields in the same order. */
export function request(changes: Changes<RequestEvent> = {}): RequestEvent {
  const { conn, conn_ts, pid, seq, ...rest } = changes;
  return {
    ...CONNECTION,
    ...given({ conn, conn_ts, pid, seq }),
    event_type: "request",
    ts: at(0),
    url_scheme: "https",
    http_method: "GET",
    http_host: "www.example.com",
    url_path: "/api/v1/items/17",
    url_query: "a=1&b=2",
    http_version: "2",
    status_code: 200,
    response_bytes: 5120,
    duration_us: 0,
    header_names: ["Host", "User-Agent", "Accept", "Accept-Language"],
    headers: {
      "user-agent":
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
      "accept":
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      "accept-language": "en-US,en;q=0.5",
    },
    cookie_count: 0,
    ...rest,
  } as RequestEvent;
}

/** `fields` without those that are undefined. */
function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([_, value]) => value !== undefined),
  );
}

/** The web server closed a connection. */
export function connectionEnd(
  changes: Changes<ConnectionEndEvent> = {},
): ConnectionEndEvent {
  return {
    event_type: "connection_end",
    ts: at(0),
    ...CONNECTION,
    conn: 1,
    ...changes,
  } as ConnectionEndEvent;
}

/** A sensor's counters, all zero. */
export function stats(changes: Changes<StatsEvent> = {}): StatsEvent {
  return {
    event_type: "stats",
    ts: at(0),
    sensor: "edge1",
    boot: 1_790_000_000,
    packets: 0,
    kernel_drops: 0,
    interface_drops: 0,
    events_dropped: 0,
    handshakes: 0,
    flows_held: 0,
    flows_evicted: 0,
    wasm_traps: 0,
    ...changes,
  } as StatsEvent;
}
