/**
 * The cycle: learn now and then, read the windows that new events touched, judge them, write.
 * Time comes from the caller; nothing is kept that a restart would lose.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import type { UnixMicros } from "../lib/events.ts";
import { FEATURES } from "../lib/features.ts";
import { sql, typed } from "../lib/sql.ts";
import {
  bodyOf,
  buildModel,
  type DetectorModel,
  type ModelBody,
} from "./detector_model.ts";
import { pack } from "./encoding.ts";
import { featureMatrix } from "./features.ts";
import { addTables, learn, Learned, micros, type Span } from "./learned.ts";
import { readLists } from "./lists.ts";
import prior from "./prior.json" with { type: "json" };
import { writeVerdicts, type Written } from "./results.ts";
import { judge } from "./verdict.ts";
import { readWindows } from "./windows.ts";

/** Settings of a detector, from `[detect]` and `[rules]`. */
export interface DetectorOptions {
  readonly windowS: number;
  /** How often it learns anew. */
  readonly learnS: number;
  /** How far back it learns from. */
  readonly learnHours: number;
  readonly alarmRate: number;
  readonly rulesOff: ReadonlySet<string>;
}

/** What a cycle did. */
export interface CycleReport extends Written {
  readonly model: DetectorModel;
  /** Whether this cycle made a new model. */
  readonly learned: boolean;
}

/** Longest span that one query reads; cut to whole windows. */
const CHUNK_US = 24 * 3600e6;
/** Events later than this are not scored any more. */
const LATE_US = 24 * 3600e6;
/** Allowance for event times ahead of the clock. */
const AHEAD_US = 60e6;

/** A detector on one database. */
export class Detector {
  readonly #db: Database;
  readonly #options: DetectorOptions;
  #model: DetectorModel | undefined;
  #learnedAt = 0;
  /** Events stored before this, seconds since the epoch by the database's clock, are scored. */
  #scoredUpTo: number | undefined;

  constructor(db: Database, options: DetectorOptions) {
    this.#db = db;
    this.#options = options;
  }

  get model(): DetectorModel | undefined {
    return this.#model;
  }

  /** One cycle at `now`. */
  async cycle(now: UnixMicros, signal?: AbortSignal): Promise<CycleReport> {
    let learned = false;
    if (
      this.#model === undefined ||
      now - this.#learnedAt >= this.#options.learnS * 1e6 ||
      (this.#model.learning && now - this.#learnedAt >= 60e6)
    ) {
      const from = now - this.#options.learnHours * 3600e6;
      await this.learn(
        { from: from as UnixMicros, to: now + AHEAD_US as UnixMicros },
        signal,
      );
      this.#learnedAt = now;
      learned = true;
    }
    const model = this.#model as DetectorModel;
    const touched = await this.#touched(now, signal);
    const written = touched.from === undefined
      ? { windows: 0, alerts: {}, detections: 0, campaigns: 0 }
      : await this.score({
        from: touched.from,
        to: now + AHEAD_US as UnixMicros,
      }, { now, signal });
    this.#scoredUpTo = touched.upTo;
    return { ...written, model, learned };
  }

  /** Learns from `span` and puts the model in force. */
  async learn(span: Span, signal?: AbortSignal): Promise<DetectorModel> {
    const tables = await learn(this.#db, span, signal);
    const windows = await readWindows(this.#db, span, {
      windowS: this.#options.windowS,
      coldBits: tables.coldBits,
      signal,
    });
    const lists = await readLists(this.#db, signal);
    const body = bodyOf({
      windows,
      matrix: featureMatrix(windows, new Learned(tables)),
      tables,
      denied: (facts) => lists.deniedBy(facts) !== "",
    });
    const shipped = prior as unknown as ModelBody;
    const model = body === undefined
      ? await buildModel(shipped, {
        learning: true,
        trainedOn: span,
        learned: addTables(shipped.learned, tables),
      })
      : await buildModel(body, { learning: false, trainedOn: span });
    if (model.id !== this.#model?.id) await this.#register(model, signal);
    this.#model = model;
    return model;
  }

  /** Judges and writes every window of `span`, whose start must be one of a window. */
  async score(
    span: Span,
    context: { now: UnixMicros; signal?: AbortSignal | undefined },
  ): Promise<Written> {
    const model = this.#model as DetectorModel;
    const lists = await readLists(this.#db, context.signal);
    const sum = { windows: 0, detections: 0, campaigns: 0 };
    const alerts: Record<string, number> = {};
    const windowUs = this.#options.windowS * 1e6;
    const chunkUs = Math.max(1, Math.floor(CHUNK_US / windowUs)) * windowUs;
    for (let from: number = span.from; from < span.to; from += chunkUs) {
      const to = Math.min(from + chunkUs, span.to) as UnixMicros;
      const windows = await readWindows(
        this.#db,
        { from: from as UnixMicros, to },
        {
          windowS: this.#options.windowS,
          coldBits: model.learned.tables.coldBits,
          signal: context.signal,
        },
      );
      const verdicts = judge(windows, model, { ...this.#options, lists });
      const written = await writeVerdicts(this.#db, verdicts, {
        model,
        now: context.now,
        signal: context.signal,
      });
      sum.windows += written.windows;
      sum.detections += written.detections;
      sum.campaigns += written.campaigns;
      for (const [severity, count] of Object.entries(written.alerts)) {
        alerts[severity] = (alerts[severity] ?? 0) + count;
      }
    }
    return { ...sum, alerts };
  }

  /** Start of the first window that events stored since the last cycle lie in. */
  async #touched(
    now: UnixMicros,
    signal?: AbortSignal,
  ): Promise<{ from: UnixMicros | undefined; upTo: number }> {
    const since = this.#scoredUpTo ?? 0;
    const [row] = await this.#db.query<
      { first: number; events: number; clock: number }
    >(
      sql`
SELECT toUnixTimestamp64Micro(min(ts)) AS first, count() AS events, toUnixTimestamp(now()) AS clock
FROM http_events
WHERE match != 'tls_only' AND ts >= ${micros(now - LATE_US as UnixMicros)}
  AND ingest_ts >= toDateTime(${typed(since, "UInt32")}, 'UTC')`,
      { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
    );
    // Stored in whole seconds: those of the second that is running are read again next time.
    const upTo = (row?.clock ?? 0) - 1;
    if (row === undefined || row.events === 0) return { from: undefined, upTo };
    const windowUs = this.#options.windowS * 1e6;
    const from = Math.floor(row.first / windowUs) * windowUs;
    return { from: from as UnixMicros, upTo };
  }

  async #register(model: DetectorModel, signal?: AbortSignal): Promise<void> {
    await this.#db.insertRows("models", [{
      model_id: model.id,
      trained_at: model.trainedOn.to,
      window_s: this.#options.windowS,
      train_from: Math.floor(model.trainedOn.from / 1e6),
      train_to: Math.floor(model.trainedOn.to / 1e6),
      train_rows: model.trainRows,
      reference: model.learning ? "prior" : "anchor",
      feature_names: FEATURES.map(({ name }) => name),
      params: JSON.stringify({ trees: 200, psi: 256, folds: 5, free_bits: 2 }),
      body: model.learning ? "" : await pack(JSON.stringify(model.body)),
      metrics: {
        base: model.browser.base,
        browser_rows: model.body.browser.rows,
        app_rows: model.body.app?.rows ?? 0,
      },
      state: "active",
    }], { signal });
    await this.#db.command(
      sql`
INSERT INTO models SELECT * REPLACE ('retired' AS state, now64(6, 'UTC') AS updated_at)
FROM models FINAL WHERE state = 'active' AND model_id != ${model.id}`,
      { signal },
    );
  }
}
