/**
 * The cycle: learn now and then, read the windows that new events touched, judge them, write. Time
 * comes from the caller. All that a restart would need rests in the database: the model in force,
 * and up to where events are scored, written last, so that a cycle which was cut off is done again.
 *
 * @module
 */
import type { Database } from "../lib/clickhouse.ts";
import { FatalError } from "../lib/errors.ts";
import type { UnixMicros } from "../lib/events.ts";
import { sql, typed } from "../lib/sql.ts";
import { advanceAlerts } from "./alert_store.ts";
import type { AlertOptions } from "./alerts.ts";
import { type Resolver, standingsOf } from "./bot_names.ts";
import type { DetectorModel, ModelName } from "./detector_model.ts";
import { claimsOf } from "./known_bots.ts";
import { micros, type Span } from "./learned.ts";
import { AHEAD_US, type KeeperOptions, ModelKeeper } from "./model_keeper.ts";
import { writeVerdicts, type Written } from "./results.ts";
import type { Comparison } from "./retro.ts";
import { judgeTwice, type RetroCandidate } from "./retro_span.ts";
import type { Settings } from "./settings.ts";
import { readSilent } from "./silent.ts";
import { readTerms, type Terms } from "./terms.ts";
import { judge } from "./verdict.ts";
import { readWindows } from "./windows.ts";

/** Settings of a detector, from detect.toml. */
export interface DetectorOptions extends KeeperOptions {
  readonly settings: Settings;
  readonly models: ReadonlySet<ModelName>;
  readonly alerts: AlertOptions;
  /** Names of the outputs that alerts go to. */
  readonly outputs: readonly string[];
  /** Asks for the reverse names of bots; without it published networks decide. */
  readonly resolver?: Resolver | undefined;
}

/** What a cycle did. */
export interface CycleReport extends Written {
  readonly model: DetectorModel;
  /** What became of models in this cycle, for the log. */
  readonly notes: readonly string[];
  /** Largest index of the last look at drift; undefined without one in this cycle. */
  readonly psiMax: number | undefined;
  readonly notifications: number;
  readonly alarmRate: number;
}

/** Longest span that one query reads; cut to whole windows. */
const CHUNK_US = 6 * 3600e6;
/** Events later than this are not scored any more. */
const LATE_US = 24 * 3600e6;
const INSTANCE = "detect";

/** A detector on one database. */
export class Detector {
  readonly #db: Database;
  readonly #options: DetectorOptions;
  readonly #keeper: ModelKeeper;
  /** Events stored before this, seconds since the epoch by the database's clock, are scored. */
  #storedUpTo = 0;
  #listsRev = 0;
  #resumed = false;

  constructor(db: Database, options: DetectorOptions) {
    this.#db = db;
    this.#options = options;
    this.#keeper = new ModelKeeper(db, options);
  }

  get model(): DetectorModel | undefined {
    return this.#keeper.model;
  }

  /** Newest change of lists, labels and settings that was honoured. */
  get listsRev(): number {
    return this.#listsRev;
  }

  /** One cycle at `now`. */
  async cycle(now: UnixMicros, signal?: AbortSignal): Promise<CycleReport> {
    const startedMs = performance.now();
    if (!this.#resumed) await this.#resume(signal);
    const terms = await readTerms(this.#db, this.#options, { now, signal });
    const notes: string[] = [];
    const psiMax = await this.#keeper.prepare(now, { terms, notes, signal });
    const model = this.#keeper.model as DetectorModel;
    const { from, upTo } = await this.#touched(now, terms, signal);
    const written = from === undefined
      ? { windows: 0, alerts: {}, detections: 0, campaigns: 0 }
      : await this.#score(
        { from, to: now + AHEAD_US as UnixMicros },
        {
          now,
          terms,
          touched: {
            since: this.#storedUpTo,
            openFrom: this.#openFrom(now, terms),
          },
          signal,
        },
      );
    const { notifications } = await advanceAlerts(this.#db, {
      ...this.#options.alerts,
      outputs: this.#options.outputs,
      now,
      signal,
    });
    await this.#db.insertRows("detector_cycles", [{
      instance: INSTANCE,
      stored_upto: upTo,
      lists_rev: terms.lists.rev,
      started_at: now,
      seconds: (performance.now() - startedMs) / 1000,
      windows: written.windows,
      detections: written.detections,
      model_id: model.id,
      rev: now,
    }], { signal });
    this.#storedUpTo = upTo;
    this.#listsRev = terms.lists.rev;
    return {
      ...written,
      model,
      notes,
      psiMax,
      notifications,
      alarmRate: terms.options.alarmRate,
    };
  }

  /** Learns from `span` and puts the model in force. */
  async learn(span: Span, signal?: AbortSignal): Promise<DetectorModel> {
    const terms = await readTerms(this.#db, this.#options, {
      now: span.to,
      signal,
    });
    const model = await this.#keeper.learn(span, { terms, signal });
    this.#resumed = true;
    return model;
  }

  /** Judges and writes every window of `span`, whose start must be one of a window. */
  async score(
    span: Span,
    context: { now: UnixMicros; signal?: AbortSignal | undefined },
  ): Promise<Written> {
    const terms = await readTerms(this.#db, this.#options, context);
    return await this.#score(span, { ...context, terms });
  }

  /**
   * Judges the windows of `span` twice: by the model in force, and by what `candidate` changes.
   * Nothing is written.
   */
  async retro(
    span: Span,
    candidate: RetroCandidate,
    context: { now: UnixMicros; signal?: AbortSignal | undefined },
  ): Promise<Comparison> {
    const { signal } = context;
    if (!this.#resumed) await this.#resume(signal);
    const active = this.#keeper.model;
    if (active === undefined) {
      throw new FatalError("noInput", "No model is in force yet");
    }
    return await judgeTwice(this.#db, span, {
      active,
      candidate,
      terms: await readTerms(this.#db, this.#options, context),
      windowS: this.#options.windowS,
      signal,
    });
  }

  /** What was in force when the last detector on this database stopped. */
  async #resume(signal?: AbortSignal): Promise<void> {
    const [last] = await this.#db.query<{ upTo: number; lists: number }>(
      sql`
SELECT max(toUnixTimestamp(stored_upto)) AS upTo, argMax(lists_rev, rev) AS lists
FROM detector_cycles WHERE instance = ${INSTANCE}`,
      { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
    );
    this.#storedUpTo = last?.upTo ?? 0;
    this.#listsRev = last?.lists ?? 0;
    await this.#keeper.resume();
    this.#resumed = true;
  }

  async #score(
    span: Span,
    context: {
      now: UnixMicros;
      terms: Terms;
      touched?: { since: number; openFrom: number };
      signal?: AbortSignal | undefined;
    },
  ): Promise<Written> {
    const model = this.#keeper.model as DetectorModel;
    const { terms, now, signal } = context;
    const sum = { windows: 0, detections: 0, campaigns: 0 };
    const alerts: Record<string, number> = {};
    const windowUs = this.#options.windowS * 1e6;
    const chunkUs = Math.max(1, Math.floor(CHUNK_US / windowUs)) * windowUs;
    for (let from: number = span.from; from < span.to; from += chunkUs) {
      const part = {
        from: from as UnixMicros,
        to: Math.min(from + chunkUs, span.to) as UnixMicros,
      };
      const windows = await readWindows(this.#db, part, {
        windowS: this.#options.windowS,
        coldBits: model.learned.tables.coldBits,
        ...(context.touched === undefined ? {} : { touched: context.touched }),
        signal,
      });
      if (context.touched !== undefined) {
        windows.push(
          ...await readSilent(this.#db, part, {
            windowS: this.#options.windowS,
            lists: terms.lists,
            signal,
          }),
        );
      }
      const { resolver } = this.#options;
      const names = resolver === undefined
        ? undefined
        : await standingsOf(this.#db, claimsOf(windows), {
          resolver,
          now,
          signal,
        });
      const verdicts = judge(windows, model, { ...terms.options, names });
      const written = await writeVerdicts(this.#db, verdicts, {
        model,
        now,
        signal,
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

  /** From here on every window is judged, also those that no new event touched. */
  #openFrom(now: UnixMicros, { lists }: Terms): number {
    const windowUs = this.#options.windowS * 1e6;
    const open = Math.floor(now / windowUs) * windowUs;
    return lists.rev === this.#listsRev ? open : open - windowUs;
  }

  /**
   * Start of the first window to judge: that of the first event stored since the last cycle, or,
   * where people changed lists, labels or settings, the one before the open window.
   */
  async #touched(
    now: UnixMicros,
    terms: Terms,
    signal?: AbortSignal,
  ): Promise<{ from: UnixMicros | undefined; upTo: number }> {
    const since = this.#storedUpTo;
    // Events that came while no detector ran are late by no fault of theirs.
    const oldest = (since === 0 ? now : Math.min(now, since * 1e6)) - LATE_US;
    const [row] = await this.#db.query<
      { first: number; events: number; clock: number }
    >(
      sql`
SELECT toUnixTimestamp64Micro(min(ts)) AS first, count() AS events, toUnixTimestamp(now()) AS clock
FROM http_events
WHERE ts >= ${micros(oldest as UnixMicros)} AND ts < ${
        micros(now + AHEAD_US as UnixMicros)
      } AND ingest_ts >= toDateTime(${typed(since, "UInt32")}, 'UTC')`,
      { signal, settings: { output_format_json_quote_64bit_integers: 0 } },
    );
    // Stored in whole seconds: those of the second that is running are read again next time.
    const upTo = (row?.clock ?? 0) - 1;
    const windowUs = this.#options.windowS * 1e6;
    const starts = [
      ...(row === undefined || row.events === 0
        ? []
        : [Math.floor(row.first / windowUs) * windowUs]),
      ...(terms.lists.rev === this.#listsRev
        ? []
        : [this.#openFrom(now, terms)]),
    ];
    return {
      from: starts.length === 0 ? undefined : Math.min(...starts) as UnixMicros,
      upTo,
    };
  }
}
