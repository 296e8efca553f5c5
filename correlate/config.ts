/** `correlate.toml`: sections, keys, ranges, defaults. @module */
import * as v from "valibot";
import { clickhouseSection } from "../lib/clickhouse.ts";
import { healthAddress, integer } from "../lib/config.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { FEED_FORMATS } from "./feeds.ts";
import { filterSection, joinSection } from "./join_config.ts";
import { QUEUE_LENGTH_MEASURED } from "./queue_length.ts";
import { SECRET_NAMES } from "./query_privacy.ts";

const ON = true;
const OFF = false;

function flag(
  byDefault: boolean,
): v.OptionalSchema<v.BooleanSchema<string>, boolean> {
  return v.optional(v.boolean("expected true or false"), byDefault);
}

function text(): v.StringSchema<string> {
  return v.string("expected a text");
}

/** Permission bits in octal, as chmod(1) takes them. */
function fileMode(
  byDefault: string,
): v.OptionalSchema<v.GenericSchema<string, string>, string> {
  const message = 'expected octal digits such as "0660"';
  return v.optional(
    v.pipe(v.string(message), v.regex(/^0?[0-7]{3}$/, message)),
    byDefault,
  );
}

/** The longest path that sockaddr_un holds: 107 bytes and a zero (unix(7)). */
function requiredSocketPath(): v.GenericSchema<string, string> {
  return v.pipe(
    text(),
    v.check(
      (path) =>
        path.startsWith("/") && new TextEncoder().encode(path).length <= 107,
      "expected an absolute path of at most 107 bytes",
    ),
  );
}

function socketPath(
  byDefault: string,
): v.OptionalSchema<v.GenericSchema<string, string>, string> {
  return v.optional(requiredSocketPath(), byDefault);
}

/** Keys of a socket for web servers, beside its path. */
const SOCKET_KEYS = {
  mode: fileMode("0660"),
  group: v.optional(text()),
  type: v.optional(
    v.picklist(
      ["datagram", "stream"],
      'expected "datagram" or "stream" (a line an event)',
    ),
    "datagram",
  ),
  format: v.optional(
    v.picklist(
      FEED_FORMATS,
      `expected ${FEED_FORMATS.map((name) => `"${name}"`).join(" or ")}`,
    ),
    "reqin",
  ),
} as const;

/** Schema of the file. */
export const schema = v.strictObject({
  network: v.optional(
    v.strictObject({
      path: socketPath("/run/ja4/network.socket"),
      mode: fileMode("0660"),
      group: v.optional(text()),
    }),
    {},
  ),
  http: v.optional(
    v.strictObject({
      path: socketPath("/run/ja4/http.socket"),
      ...SOCKET_KEYS,
      /** Bytes for events that wait while the process is busy; rounded up to a power of two. */
      ring_bytes: v.optional(integer(1 << 20, 2 ** 30), 16 * 2 ** 20),
      /** `ffi` reads by recvmmsg(2) and takes a socket that systemd passes; it needs --allow-ffi. */
      reader: v.optional(
        v.picklist(["builtin", "ffi"], 'expected "builtin" or "ffi"'),
        "builtin",
      ),
      /** Warned of when the kernel queues fewer datagrams; 0 asks for no look. */
      min_qlen: v.optional(integer(0, QUEUE_LENGTH_MEASURED), 256),
      /** Further sockets, for web servers that write something else. */
      feeds: v.optional(
        v.array(
          v.strictObject({ path: requiredSocketPath(), ...SOCKET_KEYS }),
        ),
        [],
      ),
    }),
    {},
  ),
  join: joinSection,
  filter: filterSection,
  privacy: v.optional(
    v.strictObject({
      addresses: v.optional(
        v.picklist(
          ["full", "truncate", "hmac", "drop"],
          'expected "full", "truncate", "hmac" or "drop"',
        ),
        "full",
      ),
      /** Needed for "hmac": a file of at least 16 random bytes. The key of each day is made from it. */
      key_file: v.optional(text()),
      query: v.optional(
        v.picklist(
          ["keep", "redact", "drop"],
          'expected "keep", "redact" or "drop"',
        ),
        "keep",
      ),
      /** For "redact": parameters whose values go. */
      query_names: v.optional(v.array(text()), [...SECRET_NAMES]),
    }),
    {},
  ),
  spool: v.optional(
    v.strictObject({
      /** Without the spool nothing goes to ClickHouse. */
      enabled: flag(ON),
      dir: v.optional(text(), "/var/lib/ja4-platform/spool"),
      segment_bytes: v.optional(integer(65_536, 2 ** 30), 16 * 2 ** 20),
      max_bytes: v.optional(integer(1 << 20, 2 ** 40), 2 ** 30),
      when_full: v.optional(
        v.picklist(
          ["drop_oldest", "drop_newest", "block"],
          'expected "drop_oldest", "drop_newest" or "block"',
        ),
        "drop_oldest",
      ),
      fsync_ms: v.optional(integer(10, 60_000), 100),
      dead_letter_bytes: v.optional(integer(65_536, 2 ** 30), 16 * 2 ** 20),
      batch_rows: v.optional(integer(1, insertRowsMax), insertRowsMax),
      batch_ms: v.optional(integer(10, 600_000), 1000),
      /** Batches under way to the database at a time. */
      in_flight: v.optional(integer(1, 8), 2),
      retry_max_ms: v.optional(integer(10, 600_000), 30_000),
      /** How long a stop waits for the database to take what is left; the rest stays on disk. */
      drain_ms: v.optional(integer(0, 60_000), 3000),
    }),
    {},
  ),
  clickhouse: clickhouseSection("ja4"),
  file: v.optional(
    v.strictObject({
      enabled: flag(OFF),
      path: v.optional(text(), "/var/log/ja4-platform/events.ndjson"),
    }),
    {},
  ),
  stdout: v.optional(v.strictObject({ enabled: flag(OFF) }), {}),
  health: v.optional(
    v.strictObject({ listen: v.optional(healthAddress(), "127.0.0.1:9464") }),
    {},
  ),
  log: v.optional(
    v.strictObject({
      level: v.optional(
        v.picklist(
          ["debug", "info", "warning", "error"],
          'expected "debug", "info", "warning" or "error"',
        ),
        "info",
      ),
    }),
    {},
  ),
});

/** A checked configuration. */
export type Config = v.InferOutput<typeof schema>;
