/** Configuration of the capture: `/etc/ja4-platform/capture.toml`. @module */
import * as v from "valibot";
import { about, integer } from "../lib/config.ts";
import { flag, healthSection, logSection } from "../lib/config_sections.ts";
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

const PORTS_EXPECTED = "expected a list of 1 to 64 ports";

const backlogBytes = v.optional(
  integer(64 * 1024, 1024 * 1024 * 1024),
  16 * 1024 * 1024,
);

/** All sections with their defaults. */
export const captureSchema = v.strictObject({
  capture: v.optional(
    v.strictObject({
      interface: about(
        "Network interface, `any`, `route` (that of the default route) or `route:ADDRESS`",
        v.optional(
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
      ),
      ports: about(
        "Ports of the servers on this host whose clients are of interest",
        v.optional(
          v.pipe(
            v.array(integer(1, 65_535), PORTS_EXPECTED),
            v.minLength(1, PORTS_EXPECTED),
            v.maxLength(64, PORTS_EXPECTED),
          ),
          [443],
        ),
      ),
      addresses: about(
        "Addresses of these servers; all of them if empty",
        v.optional(
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
            v.maxLength(64, "expected a list of at most 64 addresses"),
          ),
          [],
        ),
      ),
      vlan: about(
        "Packets with a VLAN tag, or two, that the kernel has not removed",
        flag(OFF),
      ),
      tunnels: about(
        "Tunnels that are looked into; all that they carry reaches the process",
        v.optional(
          v.array(
            v.picklist(TUNNELS, `expected some of ${TUNNELS.join(", ")}`),
            "expected a list of tunnels",
          ),
          [],
        ),
      ),
      measure_rtt: about(
        "Measures tcp_rtt_us; every ACK without data reaches the process then",
        flag(OFF),
      ),
      workers: about(
        "Threads among which the kernel divides the connections",
        v.optional(integer(1, workersMax), 1),
      ),
      filter: about(
        "pcap-filter(7) expression on top of the one made for `ports`",
        v.optional(v.string("expected a text"), ""),
      ),
      exclude: about(
        "Networks whose packets are left out, such as those of a load balancer's checks",
        v.optional(networkList(), []),
      ),
      promiscuous: about(
        "Takes packets too that are not for this host",
        flag(OFF),
      ),
      snap_length: about(
        "Bytes kept of a packet",
        v.optional(integer(256, 262_144), snapLength),
      ),
      ring_bytes: about(
        "Bytes of the kernel's ring",
        v.optional(
          integer(1024 * 1024, 1024 * 1024 * 1024),
          captureRingBytes,
        ),
      ),
      timeout_ms: about(
        "Longest time until the kernel hands over what it has",
        v.optional(integer(1, 1000), 100),
      ),
      sensor: about(
        "Name of this host in events; its host name if empty",
        v.optional(
          v.pipe(
            v.string("expected letters, digits, '.', '_' and '-'"),
            v.regex(
              /^[A-Za-z0-9._-]{0,64}$/,
              "expected letters, digits, '.', '_' and '-'",
            ),
          ),
          "",
        ),
      ),
      user: about(
        "User to become once the interface is open, when started as root",
        v.optional(v.string("expected a name"), ""),
      ),
      stats_interval_s: about(
        "Time between stats events",
        v.optional(integer(1, 3600), 10),
      ),
    }),
    {},
  ),
  socket: v.optional(
    v.strictObject({
      enabled: about(
        "Whether events go to the correlator",
        flag(ON),
      ),
      path: about(
        "UNIX stream socket on which the correlator listens",
        v.optional(path, "/run/ja4/network.socket"),
      ),
      backlog_bytes: about(
        "Bytes of events kept while nobody reads; the oldest are dropped and counted",
        backlogBytes,
      ),
    }),
    {},
  ),
  file: v.optional(
    v.strictObject({
      enabled: about(
        "Whether events go to a file too",
        flag(OFF),
      ),
      path: about(
        "Appended to; opened anew on SIGHUP",
        v.optional(path, "/var/log/ja4-platform/handshakes.ndjson"),
      ),
      backlog_bytes: about(
        "Bytes of events kept while the disk is slow",
        backlogBytes,
      ),
    }),
    {},
  ),
  stdout: v.optional(
    v.strictObject({
      enabled: about(
        "Whether events go to standard output too",
        flag(OFF),
      ),
      backlog_bytes: about(
        "Bytes of events kept while nobody reads",
        backlogBytes,
      ),
    }),
    {},
  ),
  evidence: v.optional(
    v.strictObject({
      folder: about(
        "Folder in which what was captured is kept as pcapng files; none if empty",
        v.optional(v.string("expected a path"), ""),
      ),
      file_bytes: about(
        "Most bytes of a file",
        v.optional(
          integer(evidenceFileBytesMin, 16 * 1024 * 1024 * 1024),
          evidenceFileBytes,
        ),
      ),
      files: about(
        "Most files; the oldest is removed for a new one",
        v.optional(integer(2, 9999), evidenceFiles),
      ),
    }),
    {},
  ),
  health: healthSection("127.0.0.1:9463"),
  log: logSection(),
});

/** What {@linkcode captureSchema} accepts, with defaults. */
export type CaptureConfig = v.InferOutput<typeof captureSchema>;
