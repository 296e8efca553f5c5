/**
 * What every daemon owes its operator (support/daemon.ts), of each. Without a database, which each has
 * to live through. The dashboard, which has to be built first: web_program_test.ts.
 */
import { needs } from "../lib/testing.ts";
import { checkDaemon, type Daemon } from "./support/daemon.ts";

/** Where nothing listens. */
const AWAY = "http://127.0.0.1:9";
const READY = true;
const WAITS = false;

const DAEMONS: readonly Daemon[] = [
  {
    name: "capture",
    file: "capture/main.ts",
    config: (folder, listen) =>
      `[capture]\ninterface = "lo"\nports = [1]\n[socket]\npath = "${folder}/n.socket"\n[health]\nlisten = "${listen}"\n`,
    ready: WAITS,
    socket: true,
    metrics: true,
    networks: "capture.exclude",
  },
  {
    name: "correlate",
    file: "correlate/main.ts",
    config: (folder, listen) =>
      `[network]\npath = "${folder}/n.socket"\n[http]\npath = "${folder}/h.socket"\n[spool]\ndir = "${folder}/spool"\ndrain_ms = 0\n[clickhouse]\nurl = "${AWAY}"\npassword = "x"\n[health]\nlisten = "${listen}"\n`,
    ready: WAITS,
    socket: false,
    metrics: true,
    networks: "filter.exclude",
  },
  {
    name: "detect",
    file: "detect/main.ts",
    config: (_, listen) =>
      `[clickhouse]\nurl = "${AWAY}"\npassword = "x"\n[health]\nlisten = "${listen}"\n`,
    ready: WAITS,
    socket: false,
    metrics: true,
  },
  {
    name: "metrics",
    file: "ctl/metrics.ts",
    config: (folder, listen) =>
      `[metrics]\nlisten = "${listen}"\nconfig_dir = "${folder}"\n`,
    ready: READY,
    socket: true,
    metrics: false,
  },
  {
    name: "store",
    file: "store/main.ts",
    config: (folder, listen) =>
      `[store]\nlisten = "${listen}"\ndir = "${folder}/store"\n`,
    ready: READY,
    socket: false,
    metrics: false,
    alive: "/ping",
    foreign: /^Logging \w+ to \S+\/log\/engine\.log\n/gm,
  },
];

for (const daemon of DAEMONS) {
  Deno.test({
    name: `${daemon.name}: health, metrics, logs, reload and end`,
    ...needs(
      daemon.name !== "capture" || Deno.uid() === 0,
      "needs root to capture",
    ),
    fn: () => checkDaemon(daemon),
  });
}
