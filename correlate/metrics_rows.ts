/** The correlator's metrics as rows of `pipeline_metrics`. @module */
import { type Database, DatabaseError } from "../lib/clickhouse.ts";
import type { Logger } from "../lib/log.ts";
import { aborted } from "../lib/shutdown.ts";
import { sql } from "../lib/sql.ts";
import type { CorrelateMetrics } from "./metrics.ts";

const METRICS_ROWS_MS = 10_000;

/** Writes the metrics to `pipeline_metrics`, while the database takes them. */
export async function reportMetrics({ database, metrics, host, log, signal }: {
  database: Database;
  metrics: CorrelateMetrics;
  host: string;
  log: Logger;
  signal: AbortSignal;
}): Promise<void> {
  let checked = false;
  while (!signal.aborted) {
    try {
      if (!checked && !await deduplicates(database)) {
        log.error(
          "The table http_events has no deduplication window: repeated inserts will store rows twice",
        );
      }
      checked = true;
      const ts = new Date().toISOString().replace("T", " ").replace("Z", "");
      const rows = metrics.readings().map((reading) => ({
        ts,
        component: "correlate",
        instance: host,
        ...reading,
      }));
      await database.insertRows("pipeline_metrics", rows, { signal });
    } catch (thrown) {
      if (signal.aborted) return;
      if (!(thrown instanceof DatabaseError)) throw thrown;
      log.debug("The metrics were not stored", { error: thrown.message });
    }
    await pauseUntil(METRICS_ROWS_MS, signal);
  }
}

/** Whether the table recognises a repeated insert by its token. */
async function deduplicates(database: Database): Promise<boolean> {
  const [table] = await database.query<{ engine: string; definition: string }>(
    sql`SELECT engine, create_table_query AS definition FROM system.tables
      WHERE database = currentDatabase() AND name = 'http_events'`,
  );
  if (table === undefined || table.engine.startsWith("Replicated")) return true;
  const window = /non_replicated_deduplication_window = (\d+)/.exec(
    table.definition,
  )?.[1];
  return Number(window ?? 0) > 0;
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
