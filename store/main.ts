/** `deno task store`: the embedded ClickHouse server, for hosts without one of their own. @module */
import * as v from "valibot";
import { about, integer, listenAddress } from "../lib/config.ts";
import { logSection } from "../lib/config_sections.ts";
import { FatalError, messageOf } from "../lib/errors.ts";
import { startLog } from "../lib/log.ts";
import { main, type Program } from "../lib/program.ts";
import { serveStore } from "./serve.ts";
import type { ClusterSettings } from "./server_config.ts";

const MEBIBYTE = 2 ** 20;

/** Where to listen; the engine's console has its rights on ::1 (see server_config.ts), so never there. */
function ipv4Address(): v.GenericSchema<string, string> {
  return v.pipe(
    listenAddress(),
    v.check((text) => !text.startsWith("["), "expected an IPv4 address"),
  );
}

/** The file store.toml. */
export const schema = v.strictObject({
  store: v.optional(
    v.strictObject({
      listen: about(
        "Where the embedded server listens",
        v.optional(
          ipv4Address(),
          "127.0.0.1:8123",
        ),
      ),
      dir: about(
        "Folder of the data and the drawn passwords",
        v.optional(
          v.string("expected a path"),
          "/var/lib/ja4-platform/store",
        ),
      ),
      cold_dir: about(
        "Folder for old data, such as on a slower disk",
        v.optional(v.string("expected a path")),
      ),
      memory_mb: about(
        "Most memory of the server",
        v.optional(integer(512, 1_048_576), 3072),
      ),
      query_memory_mb: about(
        "Most memory of one query",
        v.optional(integer(128, 1_048_576), 1536),
      ),
      keep_free_mb: about(
        "Disk space that the server leaves free",
        v.optional(integer(0, 1_048_576), 1024),
      ),
    }),
    {},
  ),
  cluster: v.optional(
    v.strictObject({
      name: about(
        "Name of the cluster",
        v.optional(
          v.pipe(
            v.string("expected a name"),
            v.regex(
              /^[A-Za-z_]\w*$/,
              "expected letters, digits and underscores",
            ),
          ),
          "ja4",
        ),
      ),
      listen: about(
        "Where the other servers reach this one",
        v.optional(ipv4Address(), "127.0.0.1:9000"),
      ),
      shards: about(
        "All servers of the cluster, this one among them",
        v.pipe(
          v.array(
            v.pipe(
              v.string('expected "host:port"'),
              v.regex(
                /^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/,
                'expected "host:port"',
              ),
            ),
            'expected a list of "host:port"',
          ),
          v.minLength(2, "expected at least two shards"),
        ),
      ),
      secret_file: about(
        "File with the secret that the servers share",
        v.string("expected a path"),
      ),
    }),
  ),
  log: logSection(),
});

/** The program. */
export const program: Program<typeof schema> = {
  name: "store",
  summary: "Serves the embedded ClickHouse database on an address of this host",
  help:
    `Prints one JSON line {"event":"ready","url":...} on stdout when it answers.
Passwords of the users ja4, web and app are in DIR/secrets.
With [cluster] it is one of several embedded servers that share the rows by address; see docs/store.md.
`,
  schema,
  daemon: true,
  // The engine cannot start twice in a process.
  reloads: false,
  async run({ config, signal, ready }) {
    await serveStore({
      listen: config.store.listen,
      dir: config.store.dir,
      coldDir: config.store.cold_dir,
      keepFreeBytes: config.store.keep_free_mb * MEBIBYTE,
      cluster: config.cluster && await clusterOf(config.cluster),
      ready,
      memoryBytes: config.store.memory_mb * MEBIBYTE,
      queryMemoryBytes: config.store.query_memory_mb * MEBIBYTE,
      log: await startLog("store", config.log.level),
      signal,
    });
  },
};

async function clusterOf(
  section: NonNullable<v.InferOutput<typeof schema>["cluster"]>,
): Promise<ClusterSettings> {
  const { name, listen, shards, secret_file: file } = section;
  try {
    const secret = (await Deno.readTextFile(file)).trim();
    if (secret.length < 16) throw new Error("it has less than 16 characters");
    return { name, listen, shards, secret };
  } catch (thrown) {
    throw new FatalError(
      "noInput",
      `Cannot use the secret of the cluster in "${file}": ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

if (import.meta.main) await main(program);
