/** The `[join]` section and the `[filter]` section: keys, ranges, defaults. @module */
import * as v from "valibot";
import { about, integer } from "../lib/config.ts";
import { flag } from "../lib/config_sections.ts";
import { networkList, NetworkSet } from "../lib/ip_filter.ts";
import type { JoinOptions } from "./join_options.ts";

const ON = true;

/** Schema of `[join]`. */
export const joinSection = v.optional(
  v.strictObject({
    key: about(
      "What a handshake and a request are matched by",
      v.optional(
        v.picklist(
          ["src", "src_dest_port"],
          'expected "src" or "src_dest_port"',
        ),
        "src",
      ),
    ),
    cardinality: about(
      "Whether a connection may carry several requests",
      v.optional(
        v.picklist(
          ["one_to_many", "one_to_one"],
          'expected "one_to_many" or "one_to_one"',
        ),
        "one_to_many",
      ),
    ),
    skew_ms: about(
      "How far the clocks of sensor and web server may differ",
      v.optional(integer(0, 60_000), 250),
    ),
    accept_delay_ms: about(
      "How long before its connection was accepted a handshake may have been seen",
      v.optional(integer(0, 60_000), 2000),
    ),
    hello_max_delay_ms: about(
      "How long after that a ClientHello may come",
      v.optional(integer(0, 600_000), 10_000),
    ),
    http_hold_ms: about(
      "How long a request waits for its handshake",
      v.optional(integer(0, 60_000), 1000),
    ),
    keepalive_ttl_s: about(
      "Without the accept time: longest pause between requests of a connection",
      v.optional(integer(1, 86_400), 300),
    ),
    conn_ttl_s: about(
      "How long a connection is remembered without a request",
      v.optional(integer(1, 604_800), 3600),
    ),
    linger_ms: about(
      "How long a connection is remembered after its end",
      v.optional(integer(0, 600_000), 2000),
    ),
    tls_orphan_after_ms: about(
      "After how long a handshake without a request becomes a row",
      v.optional(integer(0, 3_600_000), 10_000),
    ),
    capture_timeout_ms: about(
      "Silence of all sensors after which requests no longer wait",
      v.optional(integer(100, 3_600_000), 10_000),
    ),
    max_lateness_s: about(
      "Requests that ended longer ago do not wait",
      v.optional(integer(1, 604_800), 3600),
    ),
    emit_http_orphans: about(
      "Whether requests without a handshake become rows",
      flag(ON),
    ),
    emit_tls_orphans: about(
      "Whether handshakes without a request become rows",
      flag(ON),
    ),
    max_tls: about(
      "Most handshakes in memory",
      v.optional(integer(16, 16_777_216), 262_144),
    ),
    max_pending_http: about(
      "Most requests that wait",
      v.optional(integer(16, 1_048_576), 65_536),
    ),
    max_bytes: about(
      "Most bytes of handshakes in memory",
      v.optional(integer(1 << 20, 2 ** 36), 512 * 2 ** 20),
    ),
    per_source_max: about(
      "Most handshakes of one IPv4 address or IPv6 /64",
      v.optional(integer(1, 16_777_216), 4096),
    ),
    trusted_proxies: about(
      "Networks of proxies whose forwarded address is believed as client_ip",
      v.optional(networkList(), []),
    ),
  }),
  {},
);

/** Schema of `[filter]`. */
export const filterSection = v.optional(
  v.strictObject({
    exclude: about(
      "Networks whose events are left out",
      v.optional(networkList(), []),
    ),
  }),
  {},
);

/** Options of the join from the two sections. */
export function joinOptions(
  join: v.InferOutput<typeof joinSection>,
  filter: v.InferOutput<typeof filterSection>,
  seed: number,
): JoinOptions {
  return {
    key: join.key,
    cardinality: join.cardinality,
    skewMs: join.skew_ms,
    acceptDelayMs: join.accept_delay_ms,
    helloMaxDelayMs: join.hello_max_delay_ms,
    httpHoldMs: join.http_hold_ms,
    keepaliveTtlMs: join.keepalive_ttl_s * 1000,
    connTtlMs: join.conn_ttl_s * 1000,
    lingerMs: join.linger_ms,
    tlsOrphanAfterMs: join.tls_orphan_after_ms,
    captureTimeoutMs: join.capture_timeout_ms,
    maxLatenessMs: join.max_lateness_s * 1000,
    emitHttpOrphans: join.emit_http_orphans,
    emitTlsOrphans: join.emit_tls_orphans,
    maxTls: join.max_tls,
    maxPendingHttp: join.max_pending_http,
    maxBytes: join.max_bytes,
    perSourceMax: join.per_source_max,
    trustedProxies: new NetworkSet(join.trusted_proxies),
    exclude: new NetworkSet(filter.exclude),
    seed,
  };
}
