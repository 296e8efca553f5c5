/**
 * `task correlate`: handshakes of `network.socket` and requests of `http.socket` in,
 * CorrelatedEvents to ClickHouse, a file or stdout out.
 *
 * @module
 */
import { main, type Program } from "../lib/program.ts";
import { schema } from "./config.ts";
import { runCorrelator } from "./daemon.ts";

/** The command. */
export const program: Program<typeof schema> = {
  name: "correlate",
  daemon: true,
  summary:
    "Joins TLS handshakes with HTTP requests and writes them to ClickHouse.",
  help:
    `Signals: SIGTERM and SIGINT drain and stop, SIGHUP reopens the output file
and takes up a changed configuration.`,
  schema,
  run: runCorrelator,
};

if (import.meta.main) await main(program);
