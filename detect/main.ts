/** `deno task detect`: finds clients that are not who they claim to be, cycle after cycle. @module */
import { type Database, openDatabase } from "../lib/clickhouse.ts";
import { databaseOptions } from "../lib/clickhouse_config.ts";
import { splitAddress } from "../lib/config.ts";
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
import { alertOutputs } from "./alert_outputs.ts";
import { deliver, type Send } from "./alert_store.ts";
import { nameServerResolver } from "./bot_names.ts";
import { type Config, detectorOptions, schema } from "./config.ts";
import { type CycleReport, Detector } from "./detector.ts";
import { listsRev } from "./lists.ts";
import { writeQueue } from "./review_queue.ts";

/** The daemon. */
export const program: Program<typeof schema> = {
  name: "detect",
  daemon: true,
  summary: "Scores the windows of every client and writes explained detections",
  help: `  --once   one cycle, then exit; what it did as one JSON line on stdout

[health] listen (127.0.0.1:8080) has /health, /ready and /metrics; POST /cycle runs a cycle at once.
`,
  options: { once: { type: "boolean" } },
  schema,
  async run({ config, options, signal, ready }) {
    const log = await startLog("detect", config.log.level);
    const outputs = await alertOutputs(config, hostname());
    await using db = await openDatabase(databaseOptions(config.clickhouse));
    const daemon = new Daemon(db, { config, outputs, log, ready });
    if (options["once"] === true) await daemon.once(signal);
    else await daemon.run(signal);
  },
};

function hostname(): string {
  try {
    return Deno.hostname();
  } catch {
    // Not allowed to know: messages go without.
    return "";
  }
}

interface Context {
  readonly config: Config;
  readonly outputs: ReadonlyMap<string, Send>;
  readonly log: Logger;
  ready(status: string): void;
}

/** Time between two looks at lists, labels and settings; a change brings the next cycle forward. */
const LISTS_MS = 2000;
/** Time between two attempts to deliver what waits. */
const DELIVERY_MS = 5000;
/** Time between two batches of questions. */
const QUEUE_MS = 3600e3;

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
  /** The cycle that runs, so that two never do at a time. */
  #running: Promise<CycleReport> | undefined;
  #queueAt = -Infinity;

  constructor(db: Database, context: Context) {
    this.#db = db;
    this.#context = context;
    const { name_server } = context.config.bots;
    this.#detector = new Detector(db, {
      ...detectorOptions(context.config),
      outputs: [...context.outputs.keys()],
      ...(name_server === ""
        ? {}
        : { resolver: nameServerResolver(splitAddress(name_server)) }),
    });
  }

  /** One cycle and what it has to deliver. */
  async once(signal: AbortSignal): Promise<void> {
    const report = await this.#cycleNow(signal);
    await this.#deliver(signal);
    const line = JSON.stringify(summaryOf(report)) + "\n";
    Deno.stdout.writeSync(new TextEncoder().encode(line));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { config, log } = this.#context;
    const health = serveHealth({
      listen: config.health.listen,
      registry: this.#registry,
      notReady: () => this.#failure === undefined ? [] : [this.#failure],
      actions: {
        "/cycle": async () =>
          JSON.stringify(summaryOf(await this.#cycleNow(signal))),
      },
      signal,
    });
    log.info("Started", {
      cycle_s: config.detect.cycle_s,
      health: health.port,
    });
    const deliveries = this.#deliverOften(signal);
    while (!signal.aborted) {
      const startedMs = performance.now();
      await this.#cycle(signal);
      const tookMs = performance.now() - startedMs;
      const pauseMs = this.#failure === undefined
        ? config.detect.cycle_s * 1000 - tookMs
        : Math.min(config.detect.cycle_s * 1000, 2000);
      await this.#wait(Math.max(100, pauseMs), signal);
    }
    await deliveries;
    await health.finished;
    log.info("Stopped");
  }

  /** Until the time is over, or people have changed what the next cycle goes by. */
  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const end = performance.now() + ms;
    while (!signal.aborted) {
      const left = end - performance.now();
      if (left <= 0) return;
      await sleep(Math.min(left, LISTS_MS), signal);
      if (left <= LISTS_MS || this.#failure !== undefined) continue;
      try {
        const rev = await listsRev(this.#db, signal);
        if (rev !== this.#detector.listsRev) return;
      } catch {
        // The next cycle says what is wrong with the database.
      }
    }
  }

  async #cycle(signal: AbortSignal): Promise<void> {
    const { log } = this.#context;
    try {
      await this.#cycleNow(signal);
      if (this.#failure !== undefined) {
        log.info("Ready");
        this.#context.ready("Scoring");
      }
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

  /** A cycle now, or the one that runs. */
  #cycleNow(signal: AbortSignal): Promise<CycleReport> {
    this.#running ??= this.#cycleAlone(signal).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #cycleAlone(signal: AbortSignal): Promise<CycleReport> {
    const startedMs = performance.now();
    const now = Date.now() * 1000 as UnixMicros;
    const report = await this.#detector.cycle(now, signal);
    if (startedMs - this.#queueAt >= QUEUE_MS) {
      await writeQueue(this.#db, now, signal);
      this.#queueAt = startedMs;
    }
    const seconds = (performance.now() - startedMs) / 1000;
    this.#tell(report, seconds);
    await this.#store(report, seconds);
    return report;
  }

  async #deliverOften(signal: AbortSignal): Promise<void> {
    if (this.#context.outputs.size === 0) return;
    while (!signal.aborted) {
      try {
        await this.#deliver(signal);
      } catch {
        // The database is away; the cycle says so.
      }
      await sleep(DELIVERY_MS, signal);
    }
  }

  async #deliver(signal: AbortSignal): Promise<void> {
    const { outputs, log } = this.#context;
    if (outputs.size === 0) return;
    const { delivered, failed } = await deliver(this.#db, outputs, {
      now: Date.now() * 1000 as UnixMicros,
      signal,
    });
    this.#metrics.deliveries.inc({ result: "delivered" }, delivered);
    this.#metrics.deliveries.inc({ result: "failed" }, failed);
    if (failed > 0) log.warn("Alerts wait: a receiver is away", { failed });
  }

  #tell(report: CycleReport, seconds: number): void {
    const { log } = this.#context;
    const { cycles, windows, alerts, duration, anchorRows, learning } =
      this.#metrics;
    const { psiMax, modelAge, alarmRate, notifications } = this.#metrics;
    if (report.psiMax !== undefined) psiMax.set(report.psiMax);
    modelAge.set(Date.now() / 1000 - report.model.trainedOn.to / 1e6);
    alarmRate.set(report.alarmRate);
    notifications.inc(report.notifications);
    for (const note of report.notes) log.info(note);
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
    psiMax: new Gauge({
      name: "detect_drift_psi_max",
      help: "Largest population stability index of the last look at drift",
      registers,
    }),
    modelAge: new Gauge({
      name: "detect_model_age_seconds",
      help: "Time since the newest traffic that the model was made of",
      registers,
    }),
    alarmRate: new Gauge({
      name: "detect_alarm_rate",
      help: "Share of people's windows that the model may show",
      registers,
    }),
    notifications: new Counter({
      name: "detect_notifications_total",
      help: "Things to tell people, each once for all outputs",
      registers,
    }),
    deliveries: new Counter({
      name: "detect_deliveries_total",
      help: "Attempts to deliver notifications",
      labelNames: ["result"],
      registers,
    }),
    learning: new Gauge({
      name: "detect_learning",
      help: "1 while the shipped reference stands in for the site's own",
      registers,
    }),
  };
}

/** What a cycle did, for a person or a script. */
function summaryOf(report: CycleReport): Record<string, unknown> {
  return {
    windows: report.windows,
    detections: report.detections,
    campaigns: report.campaigns,
    alerts: report.alerts,
    notifications: report.notifications,
    model_id: report.model.id,
    learning: report.model.learning,
    notes: report.notes,
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
