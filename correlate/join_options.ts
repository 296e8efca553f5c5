/** What the join is told, what it gives, and what it counts. @module */
import type { OrphanReason, RequestEvent } from "../lib/events.ts";
import type { NetworkSet } from "../lib/ip_filter.ts";
import type { Pressure } from "./connection_table.ts";
import type { Hello } from "./hello.ts";

/** Settings of the join. Durations are milliseconds. */
export interface JoinOptions {
  /** What identifies a connection: the client's end, or that and the server's port. */
  readonly key: "src" | "src_dest_port";
  /** How many requests one handshake answers for. */
  readonly cardinality: "one_to_many" | "one_to_one";
  /** Window match: how far the hello's time may lie behind the request's. */
  readonly skewMs: number;
  /** Connection match: how far the hello may precede the accept. Linux accepts once data is there. */
  readonly acceptDelayMs: number;
  /** Connection match: how far the hello may follow the accept. */
  readonly helloMaxDelayMs: number;
  /** How long a request waits for a handshake that is still on its way. */
  readonly httpHoldMs: number;
  /** Window match: longest pause between two requests of a connection. */
  readonly keepaliveTtlMs: number;
  /** Connection match: a handshake without requests for so long is forgotten. */
  readonly connTtlMs: number;
  /** How long the handshake of an ended connection stays, for requests logged late. */
  readonly lingerMs: number;
  /** A handshake without a request for so long is written as `tls_only`. */
  readonly tlsOrphanAfterMs: number;
  /** A sensor silent for so long is down, and requests do not wait for it. */
  readonly captureTimeoutMs: number;
  /** A request that ended longer ago does not wait. */
  readonly maxLatenessMs: number;
  readonly emitHttpOrphans: boolean;
  readonly emitTlsOrphans: boolean;
  readonly maxTls: number;
  readonly maxPendingHttp: number;
  /** Bytes of event text that handshakes may hold. */
  readonly maxBytes: number;
  /** Handshakes held per IPv4 address or IPv6 /64. */
  readonly perSourceMax: number;
  readonly trustedProxies: NetworkSet;
  /** Clients whose events are discarded. */
  readonly exclude: NetworkSet;
  /** Seeds the hash, since clients choose the keys. */
  readonly seed: number;
}

/** One row to be. */
export type Joined =
  | (JoinedRequest & {
    readonly match: "conn" | "window";
    readonly handshake: Hello;
  })
  | (JoinedRequest & {
    readonly match: "none";
    readonly reason: OrphanReason;
  })
  | { readonly match: "tls_only"; readonly handshake: Hello };

/** The request of a row. */
export interface JoinedRequest {
  readonly request: RequestEvent;
  /** What the row will contain of it, where a producer wrote just that. */
  readonly text?: RequestText | undefined;
}

/** Members of a JSON object, without its braces. */
export interface RequestText {
  /** Addresses, ports, and where they are known `conn`, `conn_ts` and `pid`. */
  readonly connection: string;
  /** Everything else but the type, the time and the sequence number. */
  readonly facts: string;
}

/** Totals since the start. requests = matched + orphans + discarded + held. */
export interface JoinCounts {
  requests: number;
  handshakes: number;
  connectionEnds: number;
  readonly matched: { conn: number; window: number };
  readonly orphans: Record<OrphanReason, number>;
  tlsOnly: number;
  /** Requests that left no row, by reason; `muted` are orphans with `emit_http_orphans = false`. */
  readonly requestsDiscarded: {
    duplicate: number;
    excluded: number;
    muted: number;
  };
  /** Handshakes that were not taken in; `repeated` are retransmissions and second hellos. */
  readonly handshakesDiscarded: {
    duplicate: number;
    excluded: number;
    repeated: number;
  };
  /** Handshakes removed before their time, by the bound that asked for it. */
  readonly evicted: Record<Pressure, number>;
}
