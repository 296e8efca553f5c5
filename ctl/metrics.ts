/**
 * `deno task metrics`: the metrics of all parts on one address. The parts themselves listen on
 * sockets, or on ports of the loopback, that Prometheus on another host does not reach.
 *
 * @module
 */
import * as v from "valibot";
import { about, healthAddress } from "../lib/config.ts";
import { logSection } from "../lib/config_sections.ts";
import { startLog } from "../lib/log.ts";
import { serveHealth } from "../lib/metrics.ts";
import { CONFIG_DIR, main, type Program } from "../lib/program.ts";
import { gather } from "./gather.ts";
import { readConfigs } from "./host_config.ts";

/** The file metrics.toml. */
export const schema = v.strictObject({
  metrics: v.optional(
    v.strictObject({
      listen: about(
        "Where Prometheus asks for /metrics",
        v.optional(healthAddress(), "127.0.0.1:9465"),
      ),
      config_dir: about(
        "Folder of the parts' configuration, which says where each is asked",
        v.optional(v.string("expected a path"), CONFIG_DIR),
      ),
    }),
    {},
  ),
  log: logSection(),
});

/** What Prometheus takes for its text format. */
const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The daemon. */
export const program: Program<typeof schema> = {
  name: "metrics",
  daemon: true,
  summary: "Gathers the metrics of all parts on one address for Prometheus",
  schema,
  async run({ config, signal, ready }) {
    const { listen, config_dir: folder } = config.metrics;
    const log = await startLog("metrics", config.log.level);
    const { finished } = serveHealth({
      listen,
      registry: {
        contentType: CONTENT_TYPE,
        metrics: async () => await gather(await readConfigs(folder)),
      },
      notReady: () => [],
      signal,
    });
    log.info("Gathering metrics", { listen });
    ready(`Gathering on ${listen}`);
    await finished;
  },
};

if (import.meta.main) await main(program);
