/** `correlate.toml`: sections, keys, ranges, defaults. @module */
import * as v from "valibot";
import { clickhouseSection } from "../lib/clickhouse_config.ts";
import { about, integer } from "../lib/config.ts";
import { flag, healthSection, logSection } from "../lib/config_sections.ts";
import { insertRowsMax } from "../lib/limits.ts";
import { FEED_FORMATS } from "./feeds.ts";
import { filterSection, joinSection } from "./join_config.ts";
import { QUEUE_LENGTH_MEASURED } from "./queue_length.ts";
import { SECRET_NAMES } from "./query_privacy.ts";

const ON = true;
const OFF = false;

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
  mode: about("Permission bits of the socket", fileMode("0660")),
  group: about(
    "Group of the socket, by name; that of its folder if not given",
    v.optional(text()),
  ),
  type: about(
    "Datagrams, or a stream of lines",
    v.optional(
      v.picklist(
        ["datagram", "stream"],
        'expected "datagram" or "stream" (a line an event)',
      ),
      "datagram",
    ),
  ),
  format: about(
    "What the web server writes",
    v.optional(
      v.picklist(
        FEED_FORMATS,
        `expected ${FEED_FORMATS.map((name) => `"${name}"`).join(" or ")}`,
      ),
      "reqin",
    ),
  ),
} as const;

/** Schema of the file. */
export const schema = v.strictObject({
  network: v.optional(
    v.strictObject({
      path: about(
        "UNIX stream socket that sensors send to",
        socketPath("/run/ja4/network.socket"),
      ),
      mode: about("Its permission bits", fileMode("0660")),
      group: about(
        "Its group, by name; that of its folder if not given",
        v.optional(text()),
      ),
    }),
    {},
  ),
  http: v.optional(
    v.strictObject({
      path: about(
        "UNIX socket that web servers send to",
        socketPath("/run/ja4/http.socket"),
      ),
      ...SOCKET_KEYS,
      ring_bytes: about(
        "Bytes for events that wait while the process is busy; rounded up to a power of two",
        v.optional(integer(1 << 20, 2 ** 30), 16 * 2 ** 20),
      ),
      reader: about(
        "`ffi` reads by recvmmsg(2) and takes a socket that systemd passes; it needs --allow-ffi",
        v.optional(
          v.picklist(["builtin", "ffi"], 'expected "builtin" or "ffi"'),
          "builtin",
        ),
      ),
      min_qlen: about(
        "Warned of when the kernel queues fewer datagrams; 0 asks for no look",
        v.optional(integer(0, QUEUE_LENGTH_MEASURED), 256),
      ),
      feeds: about(
        "Further sockets, for web servers that write something else",
        v.optional(
          v.array(
            v.strictObject({
              path: requiredSocketPath(),
              ...SOCKET_KEYS,
            }),
            "expected a list of tables, [[http.feeds]]",
          ),
          [],
        ),
      ),
    }),
    {},
  ),
  join: joinSection,
  filter: filterSection,
  privacy: v.optional(
    v.strictObject({
      addresses: about(
        "What is kept of addresses: all, the network, a keyed hash that changes daily, nothing",
        v.optional(
          v.picklist(
            ["full", "truncate", "hmac", "drop"],
            'expected "full", "truncate", "hmac" or "drop"',
          ),
          "full",
        ),
      ),
      key_file: about(
        'Needed for "hmac": a file of at least 16 random bytes. The key of each day is made from it',
        v.optional(text()),
      ),
      query: about(
        "What is kept of query strings",
        v.optional(
          v.picklist(
            ["keep", "redact", "drop"],
            'expected "keep", "redact" or "drop"',
          ),
          "keep",
        ),
      ),
      query_names: about(
        'For "redact": parameters whose values go',
        v.optional(
          v.array(text(), "expected a list of names"),
          [...SECRET_NAMES],
        ),
      ),
    }),
    {},
  ),
  spool: v.optional(
    v.strictObject({
      enabled: about("Without the spool nothing goes to ClickHouse", flag(ON)),
      dir: about(
        "Folder of rows that are not yet in the database",
        v.optional(text(), "/var/lib/ja4-platform/spool"),
      ),
      segment_bytes: about(
        "Bytes of one of its files",
        v.optional(integer(65_536, 2 ** 30), 16 * 2 ** 20),
      ),
      max_bytes: about(
        "Most bytes of all its files",
        v.optional(integer(1 << 20, 2 ** 40), 2 ** 30),
      ),
      when_full: about(
        "What gives way when it is full",
        v.optional(
          v.picklist(
            ["drop_oldest", "drop_newest", "block"],
            'expected "drop_oldest", "drop_newest" or "block"',
          ),
          "drop_oldest",
        ),
      ),
      fsync_ms: about(
        "Longest time until a row is on the disk",
        v.optional(integer(10, 60_000), 100),
      ),
      dead_letter_bytes: about(
        "Most bytes of rows that the database refused",
        v.optional(integer(65_536, 2 ** 30), 16 * 2 ** 20),
      ),
      batch_rows: about(
        "Most rows of an insert",
        v.optional(integer(1, insertRowsMax), insertRowsMax),
      ),
      batch_ms: about(
        "Longest time until a row is inserted",
        v.optional(integer(10, 600_000), 1000),
      ),
      in_flight: about(
        "Batches under way to the database at a time",
        v.optional(integer(1, 8), 2),
      ),
      retry_max_ms: about(
        "Longest pause between attempts while the database is away",
        v.optional(integer(10, 600_000), 30_000),
      ),
      drain_ms: about(
        "How long a stop waits for the database to take what is left; the rest stays on disk",
        v.optional(integer(0, 60_000), 3000),
      ),
    }),
    {},
  ),
  clickhouse: clickhouseSection("ja4"),
  file: v.optional(
    v.strictObject({
      enabled: about("Whether rows go to a file too", flag(OFF)),
      path: about(
        "Appended to; opened anew on SIGHUP",
        v.optional(text(), "/var/log/ja4-platform/events.ndjson"),
      ),
    }),
    {},
  ),
  stdout: v.optional(
    v.strictObject({
      enabled: about("Whether rows go to standard output too", flag(OFF)),
    }),
    {},
  ),
  health: healthSection("127.0.0.1:9464"),
  log: logSection(),
});

/** A checked configuration. */
export type Config = v.InferOutput<typeof schema>;
