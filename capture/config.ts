/** Configuration of the capture: `/etc/ja4-platform/capture.toml`. @module */
import * as v from "valibot";
import { healthAddress, integer } from "../lib/config.ts";
import { networkList } from "../lib/ip_filter.ts";
import { parseIp } from "../lib/ip.ts";
import {
  captureRingBytes,
  evidenceFileBytes,
  evidenceFileBytesMin,
  evidenceFiles,
  snapLength,
  workersMax,
} from "../lib/limits.ts";
import { TUNNELS } from "./kernel_filter.ts";

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
      /** Network interface, `any`, `route` (that of the default route) or `route:ADDRESS`. */
      interface: v.optional(
        v.pipe(
          v.string("expected the name of an interface"),
          v.minLength(1, "expected the name of an interface"),
          v.check(
            (text) =>
              !text.startsWith("route:") ||
              parseIp(text.slice(6)) !== undefined,
            'expected an address behind "route:"',
          ),
        ),
        "any",
      ),
      /** Ports of the servers on this host whose clients are of interest. */
      ports: v.optional(
        v.pipe(v.array(integer(1, 65_535)), v.minLength(1), v.maxLength(64)),
        [443],
      ),
      /** Addresses of these servers; all of them if empty. */
      addresses: v.optional(
        v.pipe(
          v.array(
            v.pipe(
              v.string("expected an address"),
              v.check(
                (text) => parseIp(text) !== undefined,
                "expected an address",
              ),
            ),
            "expected a list of addresses",
          ),
          v.maxLength(64),
        ),
        [],
      ),
      /** Packets with a VLAN tag, or two, that the kernel has not removed. */
      vlan: v.optional(v.boolean(), OFF),
      /** Tunnels that are looked into; all that they carry reaches the process. */
      tunnels: v.optional(
        v.array(
          v.picklist(TUNNELS, `expected some of ${TUNNELS.join(", ")}`),
          "expected a list of tunnels",
        ),
        [],
      ),
      /** Measures tcp_rtt_us; every ACK without data reaches the process then. */
      measure_rtt: v.optional(v.boolean(), OFF),
      /** Threads among which the kernel divides the connections. */
      workers: v.optional(integer(1, workersMax), 1),
      /** pcap-filter(7) expression on top of the one made for `ports`. */
      filter: v.optional(v.string(), ""),
      /** Networks whose packets are left out, such as those of a load balancer's checks. */
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
  evidence: v.optional(
    v.strictObject({
      /** Folder in which what was captured is kept as pcapng files; none if empty. */
      folder: v.optional(v.string(), ""),
      /** Most bytes of a file. */
      file_bytes: v.optional(
        integer(evidenceFileBytesMin, 16 * 1024 * 1024 * 1024),
        evidenceFileBytes,
      ),
      /** Most files; the oldest is removed for a new one. */
      files: v.optional(integer(2, 9999), evidenceFiles),
    }),
    {},
  ),
  health: v.optional(
    v.strictObject({
      listen: v.optional(healthAddress(), "127.0.0.1:9463"),
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
