/** `deno task detect`: finds clients that are not who they claim to be, cycle after cycle. @module */
import type * as v from "valibot";
import {
  type Database,
  databaseOptions,
  openDatabase,
} from "../lib/clickhouse.ts";
import { messageOf } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { type Logger, startLog } from "../lib/log.ts";
import {
  Counter,
  createRegistry,
  Gauge,
  type Registry,
  serveHealth,
} from "../lib/metrics.ts";
import { main, type Program } from "../lib/program.ts";
import { detectorOptions, schema } from "./config.ts";
import { type CycleReport, Detector } from "./detector.ts";

/** The daemon. */
export const program: Program<typeof schema> = {
  name: "detect",
  daemon: true,
  summary: "Scores the windows of every client and writes explained detections",
  help: `Health, readiness and metrics are on [health] listen (127.0.0.1:8080).
`,
  schema,
  async run({ config, signal, ready }) {
    const log = await startLog("detect", config.log.level);
    await using db = await openDatabase(databaseOptions(config.clickhouse));
    await new Daemon(db, { config, log, ready }).run(signal);
  },
};

interface Context {
  readonly config: v.InferOutput<typeof schema>;
  readonly log: Logger;
  ready(status: string): void;
}

/** Runs cycles and says how they went. A database that is away is waited for. */
class Daemon {
  readonly #db: Database;
  readonly #context: Context;
  readonly #detector: Detector;
  readonly #registry = createRegistry("detect");
  readonly #metrics = createMetrics(this.#registry);
  #failure: string | undefined = "No cycle has ended yet";
  /** Whether the last cycle failed, and that has been said. */
  #away = false;
  #learning: boolean | undefined;

  constructor(db: Database, context: Context) {
    this.#db = db;
    this.#context = context;
    this.#detector = new Detector(db, detectorOptions(context.config));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, log, ready } = this.#context;
    const health = serveHealth({
      listen: config.health.listen,
      registry: this.#registry,
      notReady: () => this.#failure === undefined ? [] : [this.#failure],
      signal,
    });
    ready(`A cycle every ${config.detect.cycle_s} s`);
    log.info("Started", {
      cycle_s: config.detect.cycle_s,
      health: health.port,
    });
    while (!signal.aborted) {
      const startedMs = performance.now();
      await this.#cycle(signal);
      const tookMs = performance.now() - startedMs;
      const pauseMs = this.#failure === undefined
        ? config.detect.cycle_s * 1000 - tookMs
        : Math.min(config.detect.cycle_s * 1000, 2000);
      await sleep(Math.max(100, pauseMs), signal);
    }
    await health.finished;
    log.info("Stopped");
  }

  async #cycle(signal: AbortSignal): Promise<void> {
    const { log } = this.#context;
    const startedMs = performance.now();
    try {
      const now = Date.now() * 1000 as UnixMicros;
      const report = await this.#detector.cycle(now, signal);
      const seconds = (performance.now() - startedMs) / 1000;
      this.#tell(report, seconds);
      await this.#store(report, seconds);
      if (this.#failure !== undefined) log.info("Ready");
      this.#failure = undefined;
      this.#away = false;
    } catch (thrown) {
      if (signal.aborted) return;
      this.#metrics.failures.inc();
      // Once an outage: the database comes back, and nothing is lost meanwhile.
      if (!this.#away) {
        log.warn("Cycle failed; the next one does its work too", {
          reason: messageOf(thrown),
        });
      }
      this.#away = true;
      this.#failure = `The last cycle failed: ${messageOf(thrown)}`;
    }
  }

  #tell(report: CycleReport, seconds: number): void {
    const { log } = this.#context;
    const { cycles, windows, alerts, duration, anchorRows, learning } =
      this.#metrics;
    cycles.inc();
    windows.inc(report.windows);
    duration.set(seconds);
    anchorRows.set(report.model.body.browser.rows);
    learning.set(report.model.learning ? 1 : 0);
    for (const [severity, count] of Object.entries(report.alerts)) {
      alerts.inc({ severity }, count);
    }
    if (report.model.learning !== this.#learning) {
      this.#learning = report.model.learning;
      if (report.model.learning) {
        log.info(
          "Learning: too few windows of people yet, comparing with the shipped reference",
        );
      } else {
        log.info("Learned from this site's own traffic", {
          model: report.model.id,
          rows: report.model.trainRows,
        });
      }
    }
    log.debug("Cycle", { seconds, windows: report.windows });
  }

  async #store(report: CycleReport, seconds: number): Promise<void> {
    const ts = Date.now();
    const values = {
      detect_cycle_seconds: seconds,
      detect_windows: report.windows,
      detect_alerts: Object.values(report.alerts).reduce((a, b) => a + b, 0),
      detect_anchor_rows: report.model.body.browser.rows,
      detect_learning: report.model.learning ? 1 : 0,
    };
    await this.#db.insertRows(
      "pipeline_metrics",
      Object.entries(values).map(([metric, value]) => ({
        ts,
        component: "detect",
        instance: "detect",
        metric,
        value,
      })),
    );
  }
}

// deno-lint-ignore explicit-function-return-type -- the inferred type is the table below
function createMetrics(registry: Registry) {
  const registers = [registry];
  return {
    cycles: new Counter({
      name: "detect_cycles_total",
      help: "Cycles that ended well",
      registers,
    }),
    failures: new Counter({
      name: "detect_cycle_failures_total",
      help: "Cycles that ended in an error and are done again",
      registers,
    }),
    windows: new Counter({
      name: "detect_windows_scored_total",
      help: "Windows scored, counted again in each cycle that touches them",
      registers,
    }),
    alerts: new Counter({
      name: "detect_alerts_total",
      help: "Windows with a severity, counted again in each cycle",
      labelNames: ["severity"],
      registers,
    }),
    duration: new Gauge({
      name: "detect_cycle_duration_seconds",
      help: "Length of the last cycle",
      registers,
    }),
    anchorRows: new Gauge({
      name: "detect_anchor_rows",
      help: "Windows of people that the model rests on",
      registers,
    }),
    learning: new Gauge({
      name: "detect_learning",
      help: "1 while the shipped reference stands in for the site's own",
      registers,
    }),
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(stop, ms);
    signal.addEventListener("abort", stop);
  });
}

if (import.meta.main) await main(program);
