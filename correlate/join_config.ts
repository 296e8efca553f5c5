/** The `[join]` section and the `[filter]` section: keys, ranges, defaults. @module */
import * as v from "valibot";
import { integer } from "../lib/config.ts";
import { networkList, NetworkSet } from "../lib/ip_filter.ts";
import type { JoinOptions } from "./join_options.ts";

const ON = true;

/** Schema of `[join]`. */
export const joinSection = v.optional(
  v.strictObject({
    key: v.optional(
      v.picklist(
        ["src", "src_dest_port"],
        'expected "src" or "src_dest_port"',
      ),
      "src",
    ),
    cardinality: v.optional(
      v.picklist(
        ["one_to_many", "one_to_one"],
        'expected "one_to_many" or "one_to_one"',
      ),
      "one_to_many",
    ),
    skew_ms: v.optional(integer(0, 60_000), 250),
    accept_delay_ms: v.optional(integer(0, 60_000), 2000),
    hello_max_delay_ms: v.optional(integer(0, 600_000), 10_000),
    http_hold_ms: v.optional(integer(0, 60_000), 1000),
    keepalive_ttl_s: v.optional(integer(1, 86_400), 300),
    conn_ttl_s: v.optional(integer(1, 604_800), 3600),
    linger_ms: v.optional(integer(0, 600_000), 2000),
    tls_orphan_after_ms: v.optional(integer(0, 3_600_000), 10_000),
    capture_timeout_ms: v.optional(integer(100, 3_600_000), 10_000),
    max_lateness_s: v.optional(integer(1, 604_800), 3600),
    emit_http_orphans: v.optional(v.boolean("expected true or false"), ON),
    emit_tls_orphans: v.optional(v.boolean("expected true or false"), ON),
    max_tls: v.optional(integer(16, 16_777_216), 262_144),
    max_pending_http: v.optional(integer(16, 1_048_576), 65_536),
    max_bytes: v.optional(integer(1 << 20, 2 ** 36), 512 * 2 ** 20),
    per_source_max: v.optional(integer(1, 16_777_216), 4096),
    trusted_proxies: v.optional(networkList(), []),
  }),
  {},
);

/** Schema of `[filter]`. */
export const filterSection = v.optional(
  v.strictObject({ exclude: v.optional(networkList(), []) }),
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
