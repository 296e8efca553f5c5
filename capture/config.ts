/** Configuration of the capture: `/etc/ja4-platform/capture.toml`. @module */
import * as v from "valibot";
import { integer, listenAddress } from "../lib/config.ts";
import { networkList } from "../lib/ip_filter.ts";
import { captureRingBytes, snapLength } from "../lib/limits.ts";

const ON = true;
const OFF = false;

const path = v.pipe(
  v.string("expected a path"),
  v.regex(/^[^\0]+$/, "expected a path"),
);

const backlogBytes = v.optional(
  integer(64 * 1024, 1024 * 1024 * 1024),
  16 * 1024 * 1024,
);

/** All sections with their defaults. */
export const captureSchema = v.strictObject({
  capture: v.optional(
    v.strictObject({
      /** Network interface, or `any`. */
      interface: v.optional(v.pipe(v.string(), v.minLength(1)), "any"),
      /** Ports of the servers on this host whose clients are of interest. */
      ports: v.optional(
        v.pipe(v.array(integer(1, 65_535)), v.minLength(1), v.maxLength(64)),
        [443],
      ),
      /** pcap-filter(7) expression on top of the one made for `ports`. */
      filter: v.optional(v.string(), ""),
      /** Addresses whose packets are left out, such as those of a load balancer's checks. */
      exclude: v.optional(networkList(), []),
      promiscuous: v.optional(v.boolean(), OFF),
      /** Bytes kept of a packet. */
      snap_length: v.optional(integer(256, 262_144), snapLength),
      /** Bytes of the kernel's ring. */
      ring_bytes: v.optional(
        integer(1024 * 1024, 1024 * 1024 * 1024),
        captureRingBytes,
      ),
      /** Longest time until the kernel hands over what it has. */
      timeout_ms: v.optional(integer(1, 1000), 100),
      /** Name of this host in events; its host name if empty. */
      sensor: v.optional(
        v.pipe(
          v.string(),
          v.regex(
            /^[A-Za-z0-9._-]{0,64}$/,
            "expected letters, digits, '.', '_' and '-'",
          ),
        ),
        "",
      ),
      /** User to become once the interface is open, when started as root. */
      user: v.optional(v.string(), ""),
      /** Time between stats events. */
      stats_interval_s: v.optional(integer(1, 3600), 10),
    }),
    {},
  ),
  socket: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), ON),
      /** UNIX stream socket on which the correlator listens. */
      path: v.optional(path, "/run/ja4/network.socket"),
      /** Bytes of events kept while nobody reads; the oldest are dropped and counted. */
      backlog_bytes: backlogBytes,
    }),
    {},
  ),
  file: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), OFF),
      /** Appended to; opened anew on SIGHUP. */
      path: v.optional(path, "/var/log/ja4-platform/handshakes.ndjson"),
      backlog_bytes: backlogBytes,
    }),
    {},
  ),
  stdout: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), OFF),
      backlog_bytes: backlogBytes,
    }),
    {},
  ),
  health: v.optional(
    v.strictObject({
      listen: v.optional(listenAddress(), "127.0.0.1:9463"),
    }),
    {},
  ),
  log: v.optional(
    v.strictObject({
      level: v.optional(
        v.picklist(["debug", "info", "warning", "error"]),
        "info",
      ),
    }),
    {},
  ),
});

/** What {@linkcode captureSchema} accepts, with defaults. */
export type CaptureConfig = v.InferOutput<typeof captureSchema>;
