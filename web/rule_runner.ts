import { DatabaseError } from "../lib/clickhouse.ts";
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import type { Logger } from "../lib/log.ts";
import { applyRules } from "./data/triage_rules.ts";

/** Milliseconds between two rounds: a detection is in the inbox about as long before its rule takes it. */
const EVERY_MS = 5000;

/** Lets the rules of triage act on new detections until `signal` aborts; while the database is away it waits. */
export async function runRules(
  { app, log, now, signal }: {
    readonly app: Database;
    readonly log: Logger;
    readonly now: () => UnixMicros;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  let failing = false;
  while (!signal.aborted) {
    try {
      const changed = await applyRules(app, now());
      if (changed > 0) log.info("Rules acted on detections", { changed });
      failing = false;
    } catch (thrown) {
      if (!(thrown instanceof DatabaseError)) throw thrown;
      // Once: the pages say that the database is away.
      if (!failing) log.warn("Rules cannot act", { error: thrown.message });
      failing = true;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, EVERY_MS);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}
