/** `deno task store`: the embedded ClickHouse server, for hosts without one of their own. @module */
import * as v from "valibot";
import { integer, listenAddress } from "../lib/config.ts";
import { startLog } from "../lib/log.ts";
import { main, type Program } from "../lib/program.ts";
import { serveStore } from "./serve.ts";

const MEBIBYTE = 2 ** 20;

/** The file store.toml. */
export const schema = v.strictObject({
  store: v.optional(
    v.strictObject({
      listen: v.optional(
        v.pipe(
          listenAddress(),
          // The engine's console has its rights on ::1; see server_config.ts.
          v.check((text) => !text.startsWith("["), "expected an IPv4 address"),
        ),
        "127.0.0.1:8123",
      ),
      dir: v.optional(
        v.string("expected a path"),
        "/var/lib/ja4-platform/store",
      ),
      memory_mb: v.optional(integer(512, 1_048_576), 3072),
      query_memory_mb: v.optional(integer(128, 1_048_576), 1536),
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

/** The program. */
export const program: Program<typeof schema> = {
  name: "store",
  summary: "Serves the embedded ClickHouse database on an address of this host",
  help:
    `Prints one JSON line {"event":"ready","url":...} on stdout when it answers.
Passwords of the users ja4, web and app are in DIR/secrets.
`,
  schema,
  async run({ config, signal }) {
    await serveStore({
      listen: config.store.listen,
      dir: config.store.dir,
      memoryBytes: config.store.memory_mb * MEBIBYTE,
      queryMemoryBytes: config.store.query_memory_mb * MEBIBYTE,
      log: await startLog("store", config.log.level),
      signal,
    });
  },
};

if (import.meta.main) await main(program);
