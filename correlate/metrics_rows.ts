/** The metrics of the correlator and of its sensors as rows of `pipeline_metrics`. @module */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import type { Logger } from "../lib/log.ts";
import { aborted } from "../lib/shutdown.ts";
import type { CorrelateMetrics } from "./metrics.ts";
import type { SensorStats } from "./sensor_stats.ts";

const METRICS_ROWS_MS = 10_000;
const LAST_ROWS_MS = 1000;

/** Writes the metrics and what sensors said to `pipeline_metrics`, while the database takes them, and once more when `signal` aborts. */
export async function reportMetrics(
  { database, metrics, sensors, host, log, signal }: {
    database: Database;
    metrics: CorrelateMetrics;
    sensors: SensorStats;
    host: string;
    log: Logger;
    signal: AbortSignal;
  },
): Promise<void> {
  const write = async (signal: AbortSignal): Promise<void> => {
    const ts = new Date().toISOString().replace("T", " ").replace("Z", "");
    const rows = [
      ...metrics.readings().map((reading) => ({
        ts,
        component: "correlate",
        instance: host,
        ...reading,
      })),
      ...sensors.takeReadings().map((reading) => ({ ts, ...reading })),
    ];
    await database.insertRows("pipeline_metrics", rows, { signal });
  };
  const attempt = async (act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof DatabaseError)) throw thrown;
      log.debug("The metrics were not stored", { error: thrown.message });
    }
  };
  while (!signal.aborted) {
    await attempt(() => write(signal));
    await pauseUntil(METRICS_ROWS_MS, signal);
  }
  // What happened since the last time, as far as that takes no time.
  await attempt(() => write(AbortSignal.timeout(LAST_ROWS_MS)));
}

/** Waits, at most until `signal` aborts. */
async function pauseUntil(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([elapsed, aborted(signal)]);
  clearTimeout(timer);
}
